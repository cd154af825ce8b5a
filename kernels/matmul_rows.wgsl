// Matrix product of few rows, as generation needs it: y[b, m, n] = f(Σ_k a[b, m, k] b[b, k, n] + bias[n]) + residual, or y +=,
// all operands by strides. Every element of b is read once per four rows: the kernel is bound by that.
//
// SHARERS threads share a column, each with four rows and every SHARERS-th element of k; their sums meet in workgroup
// memory. Where elements of b are adjacent along k (a weight [out, in]), SHARERS neighbours read them side by side; where
// they are adjacent along n, SHARERS is 1 and neighbours own neighbouring columns.

alias Element = f32;
alias Result = f32;       // y's; f32 for the parts of a split product

const BIAS: bool = false;
const RESIDUAL: bool = false;
const ACCUMULATE: bool = false;
const ACTIVATION: u32 = ACTIVATION_NONE;

const SHARERS: u32 = 16;   // threads that share a column
const COLUMNS: u32 = 4;    // of a workgroup
const THREADS = SHARERS * COLUMNS;
const ROWS = 4u;           // of y per workgroup

struct Params {
  M: u32, N: u32, K: u32,
  tilesM: u32, tilesN: u32,
  batches: u32,
  biasStart: u32,
  yStride: u32,            // along m; along n it is 1
  starts: vec4u,           // of a, b, y, residual; in elements, as the strides
  aStrides: vec2u,         // along m, k
  bStrides: vec2u,         // along k, n
  batchShape: vec4u,
  aBatch: vec4u,
  bBatch: vec4u,
  yBatch: vec4u,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> a: array<Element>;
@group(0) @binding(1) var<storage, read> b: array<Element>;
@group(0) @binding(2) var<storage, read> bias: array<Element>;
@group(0) @binding(3) var<storage, read> residual: array<Element>;    // laid out as y
@group(0) @binding(4) var<storage, read_write> y: array<Result>;

var<workgroup> partial: array<vec4f, THREADS>;

@compute @workgroup_size(THREADS)
fn few_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.x + group.y * groups.x;
  let tiles = params.tilesM * params.tilesN;
  let batch = index / tiles;
  if (batch >= params.batches) { return; }
  let row = index % tiles / params.tilesN * ROWS;
  let column = index % params.tilesN * COLUMNS + lane / SHARERS;
  let starts = params.starts.xyz
    + batch_starts(batch, params.batchShape, params.aBatch, params.bBatch, params.yBatch);
  // Rows and columns past the edge read the last one again; they are not stored.
  let first = lane % SHARERS;
  let rows = min(row + vec4u(0u, 1u, 2u, 3u), vec4u(params.M - 1u));
  var atA = starts.x + rows * params.aStrides.x + first * params.aStrides.y;
  var atB = starts.y + min(column, params.N - 1u) * params.bStrides.y + first * params.bStrides.x;
  var sum = vec4f();
  for (var k = first; k < params.K; k += SHARERS) {
    sum += f32(b[atB]) * vec4f(vec4<Element>(a[atA.x], a[atA.y], a[atA.z], a[atA.w]));
    atA += SHARERS * params.aStrides.y;
    atB += SHARERS * params.bStrides.x;
  }
  if (SHARERS > 1u) {
    partial[lane] = sum;
    workgroupBarrier();
    for (var i = 1u; i < SHARERS; i++) { sum += partial[min(lane + i, THREADS - 1u)]; }
  }
  if (first > 0u || column >= params.N) { return; }
  for (var i = 0u; i < min(ROWS, params.M - row); i++) {
    let start = starts.z + (row + i) * params.yStride;
    y[start + column] = finished(start, column, sum[i]);
  }
}

/// The element of a row of y that starts at `start`, given its sum of products.
fn finished(start: u32, column: u32, sum: f32) -> Result {
  var z = sum;
  if (BIAS) { z += f32(bias[params.biasStart + column]); }
  z = activate(ACTIVATION, z);
  if (RESIDUAL) { z += f32(residual[params.starts.w + start - params.starts.z + column]); }
  if (ACCUMULATE) { z += f32(y[start + column]); }
  return Result(z);
}
