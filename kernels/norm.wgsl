// Normalisation of the rows of x (rows, C), and its gradients.
//   layer norm   y = (x - mean x) rstd * weight + bias      rstd = 1 / √(mean (x - mean x)² + eps)
//   RMS norm     y = x rstd * weight                        rstd = 1 / √(mean x² + eps)
// (Ba et al. 2016; Zhang & Sennrich 2019.) With x̂ = (x - mean) rstd and g = dy * weight; for the RMS norm the means
// of x and g are 0:
//   backward     dx = rstd (g - mean g - x̂ mean(g x̂))
//   partials     of each block of rows: Σ dy x̂, and for the layer norm Σ dy
//   *_parameters dweight, dbias = the sums over the blocks
// Forward and backward: a workgroup owns a row, or a thread (lib/rows.wgsl). Partials: a thread owns a column of a
// block, or four. Parameters: the same of all blocks. The gradient that has reached x by another way, `waiting`, is
// added to dx in passing.

alias Element = f32;             // or a vector of four
const CENTRED: bool = true;      // layer norm; false: RMS norm, and bias is a stand-in
const WAITING: bool = false;     // whether waiting is bound; else its binding is a stand-in

struct Params {
  rows: u32,
  C: u32,
  eps: f32,
  blockRows: u32,   // rows of a block of partials
  blocks: u32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> weight: array<Element>;
@group(0) @binding(2) var<storage, read> bias: array<Element>;               // forward
@group(0) @binding(3) var<storage, read_write> y: array<Element>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec2f>;          // (mean, rstd) of each row

@group(0) @binding(2) var<storage, read> dy: array<Element>;                 // backward
@group(0) @binding(3) var<storage, read> saved_stats: array<vec2f>;
@group(0) @binding(4) var<storage, read> waiting: array<Element>;
@group(0) @binding(5) var<storage, read_write> dx: array<Element>;

@group(0) @binding(1) var<storage, read> partials_dy: array<Element>;        // partials
@group(0) @binding(2) var<storage, read> partials_stats: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> partial_sums: array<Floats>;  // (blocks, 2, C): dweight, dbias

@group(0) @binding(0) var<storage, read> sums: array<Floats>;                // *_parameters
@group(0) @binding(1) var<storage, read_write> dweight: array<Element>;
@group(0) @binding(2) var<storage, read_write> dbias: array<Element>;

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(row, params.rows, params.C, 1u, lane);
  let start = row * (params.C / FLOATS);

  var mean = 0f;
  var power: f32;   // the variance, or the mean square
  if (CENTRED) {
    var moments = Moments();
    for (var i = own.first; i < own.end; i += STEP) { moments = add_moment(moments, Floats(x[i])); }
    let found = row_moments(moments, params.C, lane);
    mean = found.x;
    power = found.y;
  } else {
    var squares = Floats(0);
    for (var i = own.first; i < own.end; i += STEP) { squares += Floats(x[i]) * Floats(x[i]); }
    power = row_sum(sum_of(vec4f(squares)), lane) / f32(params.C);
  }
  let rstd = 1f / sqrt_precise(power + params.eps);

  for (var i = own.first; i < own.end; i += STEP) {
    var value = (Floats(x[i]) - mean) * rstd * Floats(weight[i - start]);
    if (CENTRED) { value += Floats(bias[i - start]); }
    y[i] = Element(value);
  }
  if (row < params.rows && (ROW_PER_THREAD || lane == 0u)) { stats[row] = vec2f(mean, rstd); }
}

@compute @workgroup_size(LANES)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(row, params.rows, params.C, 1u, lane);
  let start = row * (params.C / FLOATS);
  let mean = saved_stats[min(row, params.rows - 1u)].x;
  let rstd = saved_stats[min(row, params.rows - 1u)].y;

  var sums_g = Floats(0);
  var sums_gx = Floats(0);
  for (var i = own.first; i < own.end; i += STEP) {
    let g = Floats(dy[i]) * Floats(weight[i - start]);
    sums_g += g;
    sums_gx += g * (Floats(x[i]) - mean);
  }
  var mean_g = 0f;
  if (CENTRED) { mean_g = row_sum(sum_of(vec4f(sums_g)), lane) / f32(params.C); }
  let mean_gx = row_sum(sum_of(vec4f(sums_gx)) * rstd, lane) / f32(params.C);

  for (var i = own.first; i < own.end; i += STEP) {
    let normalised = (Floats(x[i]) - mean) * rstd;
    let g = Floats(dy[i]) * Floats(weight[i - start]);
    var value = rstd * (g - mean_g - normalised * mean_gx);
    if (WAITING) { value += Floats(waiting[i]); }
    dx[i] = Element(value);
  }
}

@compute @workgroup_size(64)
fn partials(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let columns = params.C / FLOATS;
  let strips = (columns + 63u) / 64u;
  let linear = group.x + group.y * groups.x;
  let block = linear / strips;
  let c = linear % strips * 64u + lane;
  if (block >= params.blocks || c >= columns) { return; }
  let first = block * params.blockRows;
  let end = min(first + params.blockRows, params.rows);
  var sum_weight = Floats(0);
  var sum_bias = Floats(0);
  for (var row = first; row < end; row++) {
    let i = row * columns + c;
    let row_stats = partials_stats[row];
    let dy = Floats(partials_dy[i]);
    sum_weight += dy * ((Floats(x[i]) - row_stats.x) * row_stats.y);
    if (CENTRED) { sum_bias += dy; }
  }
  partial_sums[2u * block * columns + c] = sum_weight;
  if (CENTRED) { partial_sums[(2u * block + 1u) * columns + c] = sum_bias; }
}

/// Σ over the blocks, of dweight (which = 0) or dbias (1).
fn column_sum(which: u32, c: u32) -> Floats {
  let columns = params.C / FLOATS;
  var sum = Floats(0);
  for (var block = 0u; block < params.blocks; block++) { sum += sums[(2u * block + which) * columns + c]; }
  return sum;
}

@compute @workgroup_size(64)
fn layer_parameters(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = (group.x + group.y * groups.x) * 64u + lane;
  if (c >= params.C / FLOATS) { return; }
  dweight[c] = Element(column_sum(0u, c));
  dbias[c] = Element(column_sum(1u, c));
}

@compute @workgroup_size(64)
fn rms_parameters(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = (group.x + group.y * groups.x) * 64u + lane;
  if (c < params.C / FLOATS) { dweight[c] = Element(column_sum(0u, c)); }
}
