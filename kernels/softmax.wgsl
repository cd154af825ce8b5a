// Softmax and log-softmax along one axis of a dense x (outer, cols, inner), and their gradients.
//   softmax       y = exp(x - max x) / Σ exp(x - max x)      dx = y (dy - Σ y dy)
//   log-softmax   y = x - max x - ln Σ exp(x - max x)        dx = dy - exp(y) Σ dy
// An element at LOWEST or below is masked: its probability is 0, its log stays what it is. A row that is masked
// everywhere gives zeros.
//
// A row belongs to a workgroup, or to a thread (lib/rows.wgsl). The first pass over it finds maximum and sum together,
// the second the result.

alias Element = f32;                 // or a vector of four
const LOG: bool = false;             // log-softmax

struct Params { rows: u32, cols: u32, inner: u32 }   // rows = outer * inner
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;          // forward
@group(0) @binding(1) var<storage, read_write> y: array<Element>;
@group(0) @binding(0) var<storage, read> saved_y: array<Element>;    // backward
@group(0) @binding(1) var<storage, read> dy: array<Element>;
@group(0) @binding(2) var<storage, read_write> dx: array<Element>;

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(row, params.rows, params.cols, params.inner, lane);
  var exps = no_exps();
  for (var i = own.first; i < own.fours; i += 4u * own.step) {
    let j = i + 2u * own.step;
    exps = add_four_exps(exps, Floats(x[i]), Floats(x[i + own.step]), Floats(x[j]), Floats(x[j + own.step]));
  }
  for (var i = own.fours; i < own.end; i += own.step) { exps = add_exp(exps, Floats(x[i])); }
  let found = row_exps(exps, lane);
  let top = found.x;
  let sum = found.y;

  // Where all is masked, each element would weigh as much as the maximum: 1.
  let scale = select(1f / max(sum, 1f), 0f, top <= LOWEST);
  let log_sum = log_safe(sum);
  for (var i = own.first; i < own.end; i += own.step) {
    let value = Floats(x[i]);
    if (LOG) {
      // The logarithm apart from the maximum, since the sum of both may lose it.
      y[i] = Element(select((value - top) - log_sum, value, value <= Floats(LOWEST)));
    } else {
      y[i] = Element(exp_nonpositive(value - top) * scale);
    }
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
  var sums = Floats(0);
  for (var i = own.first; i < own.fours; i += 4u * own.step) {
    let j = i + 2u * own.step;
    sums += (weighted_dy(i) + weighted_dy(i + own.step)) + (weighted_dy(j) + weighted_dy(j + own.step));
  }
  for (var i = own.fours; i < own.end; i += own.step) { sums += weighted_dy(i); }
  let sum = row_sum(sum_of(vec4f(sums)), lane);

  for (var i = own.first; i < own.fours; i += 4u * own.step) {
    store_dx(i, sum);
    store_dx(i + own.step, sum);
    store_dx(i + 2u * own.step, sum);
    store_dx(i + 3u * own.step, sum);
  }
  for (var i = own.fours; i < own.end; i += own.step) { store_dx(i, sum); }
}

fn weighted_dy(i: u32) -> Floats {
  if (LOG) { return Floats(dy[i]); }
  return Floats(dy[i]) * Floats(saved_y[i]);
}

fn store_dx(i: u32, sum: f32) {
  let slope = Floats(dy[i]);
  let value = Floats(saved_y[i]);
  if (LOG) {
    dx[i] = Element(slope - exp_nonpositive(value) * sum);
  } else {
    dx[i] = Element(value * (slope - sum));
  }
}
