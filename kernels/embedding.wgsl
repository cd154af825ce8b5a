// Rows of a table by their ids, and the transpose.
//   forward        y[t, d] = weight[ids[t], d]              weight (V, D)   ids (T)   y (T, D)
//   scatter_rows   x[v, d] = Σ { y[t, d] : ids[t] = v }     in the order of t
//   one_hot        y[t, d] = 1 where ids[t] = d, else 0     d < V
//   row_starts     starts[v] = number of ids below v        v = 0 … V
// An id out of [0, V) gives zeros and a fault; scatter_rows leaves it out, and row_starts tells if it is asked to. A workgroup owns `perGroup` rows of the output, and
// its threads share each row, in elements or vectors of four (a division per element would cost more than its copy). A
// table over the binding limit comes in blocks of rows from `firstRow` on; forward then writes the y of the ids in its block,
// and the block that starts at 0 those of the ids out of range. scatter_rows gets the pairs (id, t) sorted, and
// row_starts finds by bisection where each id begins among them.

alias Element = f32;
alias Sum = f32;   // of Elements
alias Id = i32;

struct Params {
  size: u32,       // Elements of the output
  D: u32,          // Elements of a row
  V: u32,          // rows of the table
  T: u32,          // ids
  firstRow: u32,   // of this block
  rows: u32,       // in this block
  perGroup: u32,
  fault: u32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> weight: array<Element>;            // forward
@group(0) @binding(1) var<storage, read> ids: array<Id>;
@group(0) @binding(2) var<storage, read_write> y: array<Element>;
@group(0) @binding(3) var<storage, read_write> fault: array<u32>;
@group(0) @binding(0) var<storage, read> values: array<Element>;            // scatter_rows: y
@group(0) @binding(1) var<storage, read> pairs: array<vec2u>;               // (id, t), ascending
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> x: array<Element>;
@group(0) @binding(0) var<storage, read> sorted_pairs: array<vec2u>;        // row_starts
@group(0) @binding(1) var<storage, read_write> row_begins: array<u32>;
@group(0) @binding(2) var<storage, read_write> stray: array<u32>;
@group(0) @binding(0) var<storage, read> hot_ids: array<Id>;                // one_hot
@group(0) @binding(1) var<storage, read_write> hot: array<f32>;
@group(0) @binding(2) var<storage, read_write> hot_fault: array<u32>;

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let begin = (group.x + group.y * groups.x) * params.perGroup;
  for (var t = begin; t < min(begin + params.perGroup, params.T); t++) {
    let id = u32(ids[t]);   // a negative one becomes a large one
    let row = id - params.firstRow;
    if (id < params.V && row < params.rows) {
      for (var d = lane; d < params.D; d += LANES) { y[t * params.D + d] = weight[row * params.D + d]; }
    } else if (id >= params.V && params.firstRow == 0u) {
      for (var d = lane; d < params.D; d += LANES) { y[t * params.D + d] = Element(0); }
      if (fault[0] == 0u) { fault[0] = params.fault; }
    }
  }
}

@compute @workgroup_size(64)
fn row_starts(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = (group.x + group.y * groups.x) * 64u + lane;
  if (id > params.V) { return; }
  var low = 0u;
  var high = params.T;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (sorted_pairs[middle].x < id) { low = middle + 1u; } else { high = middle; }
  }
  row_begins[id] = low;
  if (id == params.V && low < params.T && stray[0] == 0u) { stray[0] = params.fault; }
}

@compute @workgroup_size(LANES)
fn scatter_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.x + group.y * groups.x) * params.perGroup;
  for (var row = first; row < min(first + params.perGroup, params.rows); row++) {
    let begin = starts[params.firstRow + row];
    let end = starts[params.firstRow + row + 1u];
    for (var d = lane; d < params.D; d += LANES) {
      var sum = Sum(0);
      for (var at = begin; at < end; at++) { sum += Sum(values[pairs[at].y * params.D + d]); }
      x[row * params.D + d] = Element(sum);
    }
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
