// Running sums along one axis of a dense x (outer, cols, inner).
//   forward   y[o, c, n] = Σ { x[o, j, n] : j <= c }, or j >= c when REVERSED, which is its gradient
// A row belongs to a workgroup, each lane of which owns a run of neighbouring elements; or to a thread where rows are
// short or lie across memory. The order of additions is fixed by the row's length.

alias Element = f32;
alias Sum = f32;
const REVERSED: bool = false;

struct Params { rows: u32, cols: u32, inner: u32 }   // rows = outer * inner
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> y: array<Element>;

var<workgroup> run_sums: array<Sum, LANES>;

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let start = row / params.inner * params.cols * params.inner + row % params.inner;
  let cols = select(0u, params.cols, row < params.rows);   // no early return: a barrier follows
  let run = select((params.cols + LANES - 1u) / LANES, params.cols, ROW_PER_THREAD);
  let first = min(select(lane * run, 0u, ROW_PER_THREAD), cols);
  let end = min(first + run, cols);

  var sum = Sum(0);
  if (!ROW_PER_THREAD) {
    for (var c = first; c < end; c++) { sum += Sum(x[start + place(c) * params.inner]); }
    run_sums[lane] = sum;
    workgroupBarrier();
    sum = Sum(0);
    for (var before = 0u; before < lane; before++) { sum += run_sums[before]; }
  }
  for (var c = first; c < end; c++) {
    let i = start + place(c) * params.inner;
    sum += Sum(x[i]);
    y[i] = Element(sum);
  }
}

/// The c-th element in the direction of the sum.
fn place(c: u32) -> u32 {
  return select(c, params.cols - 1u - c, REVERSED);
}
