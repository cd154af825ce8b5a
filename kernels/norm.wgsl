// Normalisation of the rows of x (rows, C), and its gradients.
//   layer norm   y = (x - mean x) rstd * weight + bias      rstd = 1 / √(mean (x - mean x)² + eps)
//   RMS norm     y = x rstd * weight                        rstd = 1 / √(mean x² + eps)
// (Ba et al. 2016; Zhang & Sennrich 2019.) With x̂ = (x - mean) rstd and g = dy * weight; for the RMS norm the means
// of x and g are 0:
//   backward     dx = rstd (g - mean g - x̂ mean(g x̂))
//   partials     of each block of rows: Σ dy x̂, and for the layer norm Σ dy
//   *_parameters dweight, dbias = the sums over the blocks
// Forward and backward: a workgroup owns a row, or a thread (lib/rows.wgsl). Partials: a thread owns a column of a
// block. Parameters: a column. The gradient that has reached x by another way, `waiting`, is added to dx in passing.

alias Element = f32;
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
@group(0) @binding(3) var<storage, read_write> partial_sums: array<vec2f>;   // (blocks, C): dweight, dbias

@group(0) @binding(0) var<storage, read> sums: array<vec2f>;                 // *_parameters
@group(0) @binding(1) var<storage, read_write> dweight: array<Element>;
@group(0) @binding(2) var<storage, read_write> dbias: array<Element>;

fn four_x(i: u32) -> vec4f {
  return vec4f(f32(x[i]), f32(x[i + STEP]), f32(x[i + 2u * STEP]), f32(x[i + 3u * STEP]));
}

fn four_weights(c: u32) -> vec4f {
  return vec4f(f32(weight[c]), f32(weight[c + STEP]), f32(weight[c + 2u * STEP]), f32(weight[c + 3u * STEP]));
}

fn four_biases(c: u32) -> vec4f {
  return vec4f(f32(bias[c]), f32(bias[c + STEP]), f32(bias[c + 2u * STEP]), f32(bias[c + 3u * STEP]));
}

fn four_dy(i: u32) -> vec4f {
  return vec4f(f32(dy[i]), f32(dy[i + STEP]), f32(dy[i + 2u * STEP]), f32(dy[i + 3u * STEP]));
}

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(row, params.rows, params.C, 1u, lane);
  let start = row * params.C;

  // The mean first, in a pass of its own, so that a large one costs no digits.
  var mean = 0f;
  if (CENTRED) {
    var four = vec4f(0);
    for (var i = own.first; i < own.fours; i += 4u * STEP) { four += four_x(i); }
    var sum = sum_of_four(four);
    for (var i = own.fours; i < own.end; i += STEP) { sum += f32(x[i]); }
    mean = row_sum(sum, lane) / f32(params.C);
  }
  var squares = vec4f(0);
  for (var i = own.first; i < own.fours; i += 4u * STEP) {
    let centred = four_x(i) - mean;
    squares += centred * centred;
  }
  var power = sum_of_four(squares);
  for (var i = own.fours; i < own.end; i += STEP) {
    let centred = f32(x[i]) - mean;
    power += centred * centred;
  }
  let variance = row_sum(power, lane) / f32(params.C);
  let rstd = 1f / sqrt_precise(variance + params.eps);

  for (var i = own.first; i < own.fours; i += 4u * STEP) {
    var four = (four_x(i) - mean) * rstd * four_weights(i - start);
    if (CENTRED) { four += four_biases(i - start); }
    y[i] = Element(four.x);
    y[i + STEP] = Element(four.y);
    y[i + 2u * STEP] = Element(four.z);
    y[i + 3u * STEP] = Element(four.w);
  }
  for (var i = own.fours; i < own.end; i += STEP) {
    var value = (f32(x[i]) - mean) * rstd * f32(weight[i - start]);
    if (CENTRED) { value += f32(bias[i - start]); }
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
  let start = row * params.C;
  let mean = saved_stats[min(row, params.rows - 1u)].x;
  let rstd = saved_stats[min(row, params.rows - 1u)].y;

  var sums_g = vec4f(0);
  var sums_gx = vec4f(0);
  for (var i = own.first; i < own.fours; i += 4u * STEP) {
    let g = four_dy(i) * four_weights(i - start);
    sums_g += g;
    sums_gx += g * (four_x(i) - mean);
  }
  var sum_g = sum_of_four(sums_g);
  var sum_gx = sum_of_four(sums_gx);
  for (var i = own.fours; i < own.end; i += STEP) {
    let g = f32(dy[i]) * f32(weight[i - start]);
    sum_g += g;
    sum_gx += g * (f32(x[i]) - mean);
  }
  var mean_g = 0f;
  if (CENTRED) { mean_g = row_sum(sum_g, lane) / f32(params.C); }
  let mean_gx = row_sum(sum_gx * rstd, lane) / f32(params.C);

  for (var i = own.first; i < own.fours; i += 4u * STEP) {
    let normalised = (four_x(i) - mean) * rstd;
    var four = rstd * (four_dy(i) * four_weights(i - start) - mean_g - normalised * mean_gx);
    if (WAITING) {
      four += vec4f(f32(waiting[i]), f32(waiting[i + STEP]), f32(waiting[i + 2u * STEP]), f32(waiting[i + 3u * STEP]));
    }
    dx[i] = Element(four.x);
    dx[i + STEP] = Element(four.y);
    dx[i + 2u * STEP] = Element(four.z);
    dx[i + 3u * STEP] = Element(four.w);
  }
  for (var i = own.fours; i < own.end; i += STEP) {
    let normalised = (f32(x[i]) - mean) * rstd;
    var value = rstd * (f32(dy[i]) * f32(weight[i - start]) - mean_g - normalised * mean_gx);
    if (WAITING) { value += f32(waiting[i]); }
    dx[i] = Element(value);
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
