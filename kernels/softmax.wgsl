// Softmax and log-softmax along one axis of a dense x (outer, cols, inner), and their gradients.
//   softmax       y = exp(x - max x) / Σ exp(x - max x)      dx = y (dy - Σ y dy)
//   log-softmax   y = x - max x - ln Σ exp(x - max x)        dx = dy - exp(y) Σ dy
// An element at LOWEST or below is masked: its probability is 0, its log stays what it is. A row that is masked
// everywhere gives zeros. Maximum and sum are taken in one pass (Milakov & Gimelshein 2018).
//
// A row belongs to a workgroup, or to a thread where rows are short or lie across memory: then neighbouring threads
// read neighbouring elements, and nothing is left to reduce.

alias Element = f32;
const LOG: bool = false;             // log-softmax
const ROW_PER_THREAD: bool = false;

struct Params { rows: u32, cols: u32, inner: u32 }   // rows = outer * inner
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;          // forward
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
@group(0) @binding(0) var<storage, read> saved_y: array<Element>;    // backward
@group(0) @binding(1) var<storage, read> dy: array<Element>;
@group(0) @binding(2) var<storage, read_write> dx: array<Element>;

/// The elements of one row that a thread owns: first, first + step, … below end, in elements of x.
struct Part { first: u32, step: u32, end: u32 }

fn part(group: u32, lane: u32) -> Part {
  let row = select(group, group * LANES + lane, ROW_PER_THREAD);
  let start = row / params.inner * params.cols * params.inner + row % params.inner;
  let cols = select(0u, params.cols, row < params.rows);   // no early return: barriers follow
  let first = select(lane, 0u, ROW_PER_THREAD);
  let step = select(LANES, 1u, ROW_PER_THREAD);
  return Part(start + first * params.inner, step * params.inner, start + cols * params.inner);
}

fn row_sum(value: f32, lane: u32) -> f32 {
  if (ROW_PER_THREAD) { return value; }
  return workgroup_sum(value, lane);
}

fn row_max(value: f32, lane: u32) -> f32 {
  if (ROW_PER_THREAD) { return value; }
  return workgroup_max(value, lane);
}

/// exp(x - top) for x <= top; 0 where x is masked.
fn weight(x: f32, top: f32) -> f32 {
  return select(exp_safe(x - top), 0f, x <= LOWEST);
}

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let own = part(group.x + group.y * groups.x, lane);
  var top = LOWEST;
  var sum = 0f;
  for (var i = own.first; i < own.end; i += own.step) {
    let value = f32(x[i]);
    if (value > top) {
      sum = sum * weight(top, value) + 1f;
      top = value;
    } else {
      sum += weight(value, top);
    }
  }
  let row_top = row_max(top, lane);
  let total = row_sum(sum * weight(top, row_top), lane);

  let log_total = log_safe(total);
  let scale = 1f / max(total, SMALLEST_NORMAL);   // a total of 0 has weights of 0
  for (var i = own.first; i < own.end; i += own.step) {
    let value = f32(x[i]);
    if (LOG) {
      y[i] = Element(select(value - row_top - log_total, value, value <= LOWEST));
    } else {
      y[i] = Element(weight(value, row_top) * scale);
    }
  }
}

@compute @workgroup_size(LANES)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let own = part(group.x + group.y * groups.x, lane);
  var sum = 0f;
  for (var i = own.first; i < own.end; i += own.step) {
    sum += f32(dy[i]) * select(f32(saved_y[i]), 1f, LOG);
  }
  let total = row_sum(sum, lane);

  for (var i = own.first; i < own.end; i += own.step) {
    let value = f32(saved_y[i]);
    if (LOG) {
      dx[i] = Element(f32(dy[i]) - exp_safe(value) * total);
    } else {
      dx[i] = Element(value * (f32(dy[i]) - total));
    }
  }
}
