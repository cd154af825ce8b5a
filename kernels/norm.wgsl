// Normalisation of the rows of x (rows, C), and its gradients.
//   layer norm   y = (x - mean x) rstd * weight + bias      rstd = 1 / √(mean (x - mean x)² + eps)
//   RMS norm     y = x rstd * weight                        rstd = 1 / √(mean x² + eps)
// (Ba et al. 2016; Zhang & Sennrich 2019.) With x̂ = (x - mean) rstd and g = dy * weight; for the RMS norm the means
// of x and g are 0:
//   backward     dx = rstd (g - mean g - x̂ mean(g x̂))
//   partials     of each block of rows: Σ dy x̂, and for the layer norm Σ dy
//   *_parameters dweight, dbias = the sums over the blocks
// Forward and backward: a workgroup owns a row. Partials: a thread owns a column of a block. Parameters: a column.

alias Element = f32;
const CENTRED: bool = true;   // layer norm; false: RMS norm

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
@group(0) @binding(2) var<storage, read> bias: array<Element>;               // layer_forward
@group(0) @binding(3) var<storage, read_write> layer_y: array<Element>;
@group(0) @binding(4) var<storage, read_write> layer_stats: array<vec2f>;    // (mean, rstd) of each row
@group(0) @binding(2) var<storage, read_write> rms_y: array<Element>;        // rms_forward
@group(0) @binding(3) var<storage, read_write> rms_stats: array<vec2f>;

@group(0) @binding(2) var<storage, read> dy: array<Element>;                 // backward
@group(0) @binding(3) var<storage, read> stats: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> dx: array<Element>;

@group(0) @binding(1) var<storage, read> partials_dy: array<Element>;        // partials
@group(0) @binding(2) var<storage, read> partials_stats: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> partial_sums: array<vec2f>;   // (blocks, C): dweight, dbias

@group(0) @binding(0) var<storage, read> sums: array<vec2f>;                 // *_parameters
@group(0) @binding(1) var<storage, read_write> dweight: array<Element>;
@group(0) @binding(2) var<storage, read_write> dbias: array<Element>;

/// (mean, rstd) of a row, on every lane. Two passes: the mean first, so that a large one costs no digits.
fn stats_of(start: u32, lane: u32) -> vec2f {
  let C = f32(params.C);
  var mean = 0f;
  if (CENTRED) {
    var sum = 0f;
    for (var c = lane; c < params.C; c += LANES) { sum += f32(x[start + c]); }
    mean = workgroup_sum(sum, lane) / C;
  }
  var power = 0f;
  for (var c = lane; c < params.C; c += LANES) {
    let centred = f32(x[start + c]) - mean;
    power += centred * centred;
  }
  let variance = workgroup_sum(power, lane) / C;
  return vec2f(mean, 1f / sqrt_precise(variance + params.eps));
}

@compute @workgroup_size(LANES)
fn layer_forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) { return; }
  let start = row * params.C;
  let found = stats_of(start, lane);
  for (var c = lane; c < params.C; c += LANES) {
    let normalised = (f32(x[start + c]) - found.x) * found.y;
    layer_y[start + c] = Element(normalised * f32(weight[c]) + f32(bias[c]));
  }
  if (lane == 0u) { layer_stats[row] = found; }
}

@compute @workgroup_size(LANES)
fn rms_forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) { return; }
  let start = row * params.C;
  let found = stats_of(start, lane);
  for (var c = lane; c < params.C; c += LANES) {
    rms_y[start + c] = Element(f32(x[start + c]) * found.y * f32(weight[c]));
  }
  if (lane == 0u) { rms_stats[row] = found; }
}

@compute @workgroup_size(LANES)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) { return; }
  let start = row * params.C;
  let mean = stats[row].x;
  let rstd = stats[row].y;
  var sum_g = 0f;
  var sum_gx = 0f;
  for (var c = lane; c < params.C; c += LANES) {
    let g = f32(dy[start + c]) * f32(weight[c]);
    sum_g += g;
    sum_gx += g * (f32(x[start + c]) - mean) * rstd;
  }
  var mean_g = 0f;
  if (CENTRED) { mean_g = workgroup_sum(sum_g, lane) / f32(params.C); }
  let mean_gx = workgroup_sum(sum_gx, lane) / f32(params.C);
  for (var c = lane; c < params.C; c += LANES) {
    let g = f32(dy[start + c]) * f32(weight[c]);
    let normalised = (f32(x[start + c]) - mean) * rstd;
    dx[start + c] = Element(rstd * (g - mean_g - normalised * mean_gx));
  }
}

@compute @workgroup_size(64)
fn partials(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let strips = (params.C + 63u) / 64u;
  let linear = group.x + group.y * groups.x;
  let block = linear / strips;
  let c = linear % strips * 64u + lane;
  if (block >= params.blocks || c >= params.C) { return; }
  let first = block * params.blockRows;
  let end = min(first + params.blockRows, params.rows);
  var sum = vec2f(0);
  for (var row = first; row < end; row++) {
    let i = row * params.C + c;
    let normalised = (f32(x[i]) - partials_stats[row].x) * partials_stats[row].y;
    sum += f32(partials_dy[i]) * vec2f(normalised, 1f);
  }
  partial_sums[block * params.C + c] = sum;
}

fn column_sum(c: u32) -> vec2f {
  var sum = vec2f(0);
  for (var block = 0u; block < params.blocks; block++) { sum += sums[block * params.C + c]; }
  return sum;
}

@compute @workgroup_size(64)
fn layer_parameters(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = (group.x + group.y * groups.x) * 64u + lane;
  if (c >= params.C) { return; }
  let total = column_sum(c);
  dweight[c] = Element(total.x);
  dbias[c] = Element(total.y);
}

@compute @workgroup_size(64)
fn rms_parameters(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = (group.x + group.y * groups.x) * 64u + lane;
  if (c < params.C) { dweight[c] = Element(column_sum(c).x); }
}
