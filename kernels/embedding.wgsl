// Rows of a table by their ids, and the transpose.
//   forward        y[t, d] = weight[ids[t], d]              weight (V, D)   ids (T)   y (T, D)
//   scatter_rows   x[v, d] = Σ { y[t, d] : ids[t] = v }     in the order of t
//   one_hot        y[t, d] = 1 where ids[t] = d, else 0     d < V
// An id out of [0, V) gives zeros and a fault. A workgroup owns a row of the output, so that what it asks for the row is
// asked once; in one_hot a thread owns an element. A table over the binding limit comes in blocks of rows from
// `firstRow` on; forward then writes the y of the ids in its block, and the block that starts at 0 those of the ids out
// of range. scatter_rows gets the pairs (id, t) sorted, and finds by bisection where its id begins.

alias Element = f32;
alias Id = i32;

struct Params {
  size: u32,       // elements of the output
  D: u32,          // elements of a row
  V: u32,          // rows of the table
  T: u32,          // ids
  firstRow: u32,   // of this block
  rows: u32,       // in this block
  fault: u32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> weight: array<Element>;            // forward
@group(0) @binding(1) var<storage, read> ids: array<Id>;
@group(0) @binding(2) var<storage, read_write> y: array<Element>;
@group(0) @binding(3) var<storage, read_write> fault: array<u32>;
@group(0) @binding(0) var<storage, read> values: array<Element>;            // scatter_rows: y
@group(0) @binding(1) var<storage, read> pairs: array<vec2u>;               // (id, t), ascending
@group(0) @binding(2) var<storage, read_write> x: array<Element>;
@group(0) @binding(0) var<storage, read> hot_ids: array<Id>;                // one_hot
@group(0) @binding(1) var<storage, read_write> hot: array<f32>;
@group(0) @binding(2) var<storage, read_write> hot_fault: array<u32>;

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = group.x + group.y * groups.x;
  if (t >= params.T) { return; }
  let id = u32(ids[t]);   // a negative one becomes a large one
  if (id < params.V) {
    let row = id - params.firstRow;
    if (row >= params.rows) { return; }
    for (var d = lane; d < params.D; d += LANES) { y[t * params.D + d] = weight[row * params.D + d]; }
  } else if (params.firstRow == 0u) {
    for (var d = lane; d < params.D; d += LANES) { y[t * params.D + d] = Element(0); }
    if (fault[0] == 0u) { fault[0] = params.fault; }
  }
}

/// The first of the sorted pairs whose id is not below `id`.
fn lower_bound(id: u32) -> u32 {
  var low = 0u;
  var high = params.T;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (pairs[middle].x < id) { low = middle + 1u; } else { high = middle; }
  }
  return low;
}

@compute @workgroup_size(LANES)
fn scatter_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) { return; }
  let id = params.firstRow + row;
  let begin = lower_bound(id);
  var end = begin;
  while (end < params.T && pairs[end].x == id) { end++; }
  for (var d = lane; d < params.D; d += LANES) {
    var sum = 0f;
    for (var at = begin; at < end; at++) { sum += f32(values[pairs[at].y * params.D + d]); }
    x[row * params.D + d] = Element(sum);
  }
}

@compute @workgroup_size(64)
fn one_hot(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  let id = u32(hot_ids[i / params.V]);
  hot[i] = select(0f, 1f, id == i % params.V);
  if (id >= params.V && hot_fault[0] == 0u) { hot_fault[0] = params.fault; }
}
