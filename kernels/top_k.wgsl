// The largest elements of each row along one axis of a dense x (outer, cols, inner), and where they are.
//   argmax   y[o, n]     = the first c with x[o, c, n] = max
//   top_k    y[o, j, n]  = the c of the j-th largest; among equals the lowest index comes first
// A row belongs to a workgroup, or to a thread where rows are short or lie across memory. top_k finds each element
// as the largest of those that follow the one before in that order: k passes, exact for every k, and nothing to mark.

alias Element = f32;

struct Params { rows: u32, cols: u32, inner: u32, k: u32 }   // rows = outer * inner
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;

const NONE: u32 = 0xffffffffu;

/// The first of the largest elements that come after (value, index) in descending order.
fn next_largest(row: u32, after: f32, index: u32, lane: u32) -> u32 {
  let start = row / params.inner * params.cols * params.inner + row % params.inner;
  let cols = select(0u, params.cols, row < params.rows);   // no early return: barriers follow
  let first = select(lane, 0u, ROW_PER_THREAD);
  let step = select(LANES, 1u, ROW_PER_THREAD);
  var best = LOWEST;
  var at = NONE;
  for (var c = first; c < cols; c += step) {
    let value = max(f32(x[start + c * params.inner]), LOWEST);
    let follows = index == NONE || value < after || (value == after && c > index);
    if (follows && (value > best || at == NONE)) {
      best = value;
      at = c;
    }
  }
  if (ROW_PER_THREAD) { return at; }
  return workgroup_argmax(best, at, lane);
}

@compute @workgroup_size(LANES)
fn argmax(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let at = next_largest(row, 0f, NONE, lane);
  if (row < params.rows && (ROW_PER_THREAD || lane == 0u)) { y[row] = i32(at); }
}

@compute @workgroup_size(LANES)
fn top_k(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let start = row / params.inner * params.inner;
  let offset = row % params.inner;
  var value = 0f;
  var at = NONE;
  for (var j = 0u; j < params.k; j++) {
    at = next_largest(row, value, at, lane);
    value = max(f32(x[(start * params.cols + offset) + at * params.inner]), LOWEST);
    if (row < params.rows && (ROW_PER_THREAD || lane == 0u)) {
      y[start * params.k + offset + j * params.inner] = i32(at);
    }
  }
}
