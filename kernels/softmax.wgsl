// Softmax and log-softmax along one axis of a dense x (outer, cols, inner), and their gradients.
//   softmax       y = exp(x - max x) / Σ exp(x - max x)      dx = y (dy - Σ y dy)
//   log-softmax   y = x - max x - ln Σ exp(x - max x)        dx = dy - exp(y) Σ dy
// An element at LOWEST or below is masked: its probability is 0, its log stays what it is. A row that is masked
// everywhere gives zeros.
//
// A row belongs to a workgroup, or to a thread (lib/rows.wgsl). Maximum, sum and result are three passes over it; from
// the second on it comes from a cache. The one-pass maximum and sum (Milakov & Gimelshein 2018) needs a third
// exponential per element, and measured no faster.

alias Element = f32;
const LOG: bool = false;             // log-softmax

struct Params { rows: u32, cols: u32, inner: u32 }   // rows = outer * inner
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;          // forward
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
@group(0) @binding(0) var<storage, read> saved_y: array<Element>;    // backward
@group(0) @binding(1) var<storage, read> dy: array<Element>;
@group(0) @binding(2) var<storage, read_write> dx: array<Element>;

fn four_x(i: u32, step: u32) -> vec4f {
  return vec4f(f32(x[i]), f32(x[i + step]), f32(x[i + 2u * step]), f32(x[i + 3u * step]));
}

fn four_y(i: u32, step: u32) -> vec4f {
  return vec4f(f32(saved_y[i]), f32(saved_y[i + step]), f32(saved_y[i + 2u * step]), f32(saved_y[i + 3u * step]));
}

fn four_dy(i: u32, step: u32) -> vec4f {
  return vec4f(f32(dy[i]), f32(dy[i + step]), f32(dy[i + 2u * step]), f32(dy[i + 3u * step]));
}

/// shift: the row's maximum, and for log-softmax the logarithm of its sum apart, since the sum of both may lose it.
fn result(x: vec4f, shift: vec2f, scale: f32) -> vec4f {
  if (LOG) { return select((x - shift.x) - shift.y, x, x <= vec4f(LOWEST)); }
  return exp_nonpositive(x - shift.x) * scale;
}

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(row, params.rows, params.cols, params.inner, lane);
  var tops = vec4f(LOWEST);
  for (var i = own.first; i < own.fours; i += 4u * own.step) { tops = max(tops, four_x(i, own.step)); }
  var top = max_of_four(tops);
  for (var i = own.fours; i < own.end; i += own.step) { top = max(top, f32(x[i])); }
  top = row_max(top, lane);

  var sums = vec4f(0);
  for (var i = own.first; i < own.fours; i += 4u * own.step) { sums += exp_nonpositive(four_x(i, own.step) - top); }
  var sum = sum_of_four(sums);
  for (var i = own.fours; i < own.end; i += own.step) { sum += exp_safe(f32(x[i]) - top); }
  sum = row_sum(sum, lane);

  // Where all is masked, each element would weigh as much as the maximum: 1.
  let scale = select(1f / max(sum, 1f), 0f, top <= LOWEST);
  let shift = vec2f(top, log_safe(sum));
  for (var i = own.first; i < own.fours; i += 4u * own.step) {
    let four = result(four_x(i, own.step), shift, scale);
    y[i] = Element(four.x);
    y[i + own.step] = Element(four.y);
    y[i + 2u * own.step] = Element(four.z);
    y[i + 3u * own.step] = Element(four.w);
  }
  for (var i = own.fours; i < own.end; i += own.step) {
    y[i] = Element(result(vec4f(f32(x[i])), shift, scale).x);
  }
}

@compute @workgroup_size(LANES)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(row, params.rows, params.cols, params.inner, lane);
  var sums = vec4f(0);
  for (var i = own.first; i < own.fours; i += 4u * own.step) {
    if (LOG) { sums += four_dy(i, own.step); } else { sums += four_dy(i, own.step) * four_y(i, own.step); }
  }
  var sum = sum_of_four(sums);
  for (var i = own.fours; i < own.end; i += own.step) {
    sum += f32(dy[i]) * select(f32(saved_y[i]), 1f, LOG);
  }
  sum = row_sum(sum, lane);

  for (var i = own.first; i < own.fours; i += 4u * own.step) {
    let four = slope(four_y(i, own.step), four_dy(i, own.step), sum);
    dx[i] = Element(four.x);
    dx[i + own.step] = Element(four.y);
    dx[i + 2u * own.step] = Element(four.z);
    dx[i + 3u * own.step] = Element(four.w);
  }
  for (var i = own.fours; i < own.end; i += own.step) {
    dx[i] = Element(slope(vec4f(f32(saved_y[i])), vec4f(f32(dy[i])), sum).x);
  }
}

fn slope(y: vec4f, dy: vec4f, sum: f32) -> vec4f {
  if (LOG) { return dy - exp_nonpositive(y) * sum; }
  return y * (dy - sum);
}
