// Batched matrix product: y[b, m, n] = Σ_k a[b, m, k] * b[b, k, n], all operands by strides, so that a transpose
// is a view and a batch stride of 0 broadcasts.
//
// A thread owns ROWS = 8 rows and 8 columns of y in named vec4 accumulators; the rows come from the workgroup's
// index alone, so that loads of `a` are uniform over its threads, and there is no workgroup memory: on adapters
// that run on a CPU this is the fastest layout that we measured.
//   vectorised   columns of b and y adjacent, all strides multiples of 4: loads and stores are vec4
//   general      any strides and sizes

alias Element = f32;

const THREADS: u32 = 8;   // of a workgroup, side by side along n
const ROWS = 8u;          // of y per thread
const COLUMNS = 8u;       // of y per thread

struct Params {
  M: u32, N: u32, K: u32,
  tilesM: u32, tilesN: u32,
  batches: u32,
  starts: vec4u,           // of a, b, y; in elements, as the strides
  aStrides: vec2u,         // along m, k
  bStrides: vec2u,         // along k, n
  yStride: u32,            // along m; along n it is 1
  batchShape: vec4u,
  aBatch: vec4u,
  bBatch: vec4u,
  yBatch: vec4u,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> a: array<Element>;
@group(0) @binding(1) var<storage, read> b4: array<vec4<Element>>;         // vectorised
@group(0) @binding(2) var<storage, read_write> y4: array<vec4<Element>>;
@group(0) @binding(1) var<storage, read> b: array<Element>;                // general
@group(0) @binding(2) var<storage, read_write> y: array<Element>;

struct Tile { row: u32, column: u32, starts: vec3u, exists: bool }

/// The tile of this workgroup: its first row, its first column, and where its matrices start.
fn tile_of(index: u32) -> Tile {
  let tilesN = params.tilesN;
  let batch = index / (params.tilesM * tilesN);
  let row = (index / tilesN) % params.tilesM * ROWS;
  let column = index % tilesN * THREADS * COLUMNS;
  var rest = batch;
  var starts = params.starts.xyz;
  for (var axis = 3i; axis >= 0; axis--) {
    let at = rest % params.batchShape[axis];
    rest /= params.batchShape[axis];
    starts += at * vec3u(params.aBatch[axis], params.bBatch[axis], params.yBatch[axis]);
  }
  return Tile(row, column, starts, batch < params.batches);
}

@compute @workgroup_size(THREADS)
fn vectorised(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tile_of(group.x + group.y * groups.x);
  if (!tile.exists) { return; }
  let last = params.M - 1u;
  let stride = params.aStrides.x;
  // Rows past the edge read the last one again; they are not stored.
  var a0 = tile.starts.x + min(tile.row, last) * stride;
  var a1 = tile.starts.x + min(tile.row + 1u, last) * stride;
  var a2 = tile.starts.x + min(tile.row + 2u, last) * stride;
  var a3 = tile.starts.x + min(tile.row + 3u, last) * stride;
  var a4 = tile.starts.x + min(tile.row + 4u, last) * stride;
  var a5 = tile.starts.x + min(tile.row + 5u, last) * stride;
  var a6 = tile.starts.x + min(tile.row + 6u, last) * stride;
  var a7 = tile.starts.x + min(tile.row + 7u, last) * stride;
  let columns4 = params.N / 4u;
  let left = tile.column / 4u + lane;
  let right = left + THREADS;
  var at = tile.starts.y / 4u;
  let rowStride = params.bStrides.x / 4u;
  let leftAt = min(left, columns4 - 1u);
  let rightAt = min(right, columns4 - 1u);
  var l0 = vec4f(); var l1 = vec4f(); var l2 = vec4f(); var l3 = vec4f();
  var l4 = vec4f(); var l5 = vec4f(); var l6 = vec4f(); var l7 = vec4f();
  var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
  var r4 = vec4f(); var r5 = vec4f(); var r6 = vec4f(); var r7 = vec4f();
  for (var k = 0u; k < params.K; k++) {
    let bl = vec4f(b4[at + leftAt]);
    let br = vec4f(b4[at + rightAt]);
    let v0 = f32(a[a0]); let v1 = f32(a[a1]); let v2 = f32(a[a2]); let v3 = f32(a[a3]);
    let v4 = f32(a[a4]); let v5 = f32(a[a5]); let v6 = f32(a[a6]); let v7 = f32(a[a7]);
    l0 += v0 * bl; l1 += v1 * bl; l2 += v2 * bl; l3 += v3 * bl;
    l4 += v4 * bl; l5 += v5 * bl; l6 += v6 * bl; l7 += v7 * bl;
    r0 += v0 * br; r1 += v1 * br; r2 += v2 * br; r3 += v3 * br;
    r4 += v4 * br; r5 += v5 * br; r6 += v6 * br; r7 += v7 * br;
    at += rowStride;
    a0 += params.aStrides.y; a1 += params.aStrides.y; a2 += params.aStrides.y; a3 += params.aStrides.y;
    a4 += params.aStrides.y; a5 += params.aStrides.y; a6 += params.aStrides.y; a7 += params.aStrides.y;
  }
  store4(tile, 0u, left, l0, right, r0); store4(tile, 1u, left, l1, right, r1);
  store4(tile, 2u, left, l2, right, r2); store4(tile, 3u, left, l3, right, r3);
  store4(tile, 4u, left, l4, right, r4); store4(tile, 5u, left, l5, right, r5);
  store4(tile, 6u, left, l6, right, r6); store4(tile, 7u, left, l7, right, r7);
}

fn store4(tile: Tile, i: u32, left: u32, l: vec4f, right: u32, r: vec4f) {
  let row = tile.row + i;
  if (row >= params.M) { return; }
  let at = (tile.starts.z + row * params.yStride) / 4u;
  if (left < params.N / 4u) { y4[at + left] = vec4<Element>(l); }
  if (right < params.N / 4u) { y4[at + right] = vec4<Element>(r); }
}

@compute @workgroup_size(THREADS)
fn general(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = tile_of(group.x + group.y * groups.x);
  if (!tile.exists) { return; }
  let last = params.M - 1u;
  let stride = params.aStrides.x;
  var a0 = tile.starts.x + min(tile.row, last) * stride;
  var a1 = tile.starts.x + min(tile.row + 1u, last) * stride;
  var a2 = tile.starts.x + min(tile.row + 2u, last) * stride;
  var a3 = tile.starts.x + min(tile.row + 3u, last) * stride;
  var a4 = tile.starts.x + min(tile.row + 4u, last) * stride;
  var a5 = tile.starts.x + min(tile.row + 5u, last) * stride;
  var a6 = tile.starts.x + min(tile.row + 6u, last) * stride;
  var a7 = tile.starts.x + min(tile.row + 7u, last) * stride;
  // Columns of a thread lie THREADS apart, so that neighbours read neighbouring memory.
  let first = tile.column + lane;
  let n = first + THREADS * vec4u(0u, 1u, 2u, 3u);
  let m = n + THREADS * 4u;
  var atN = tile.starts.y + min(n, vec4u(params.N - 1u)) * params.bStrides.y;
  var atM = tile.starts.y + min(m, vec4u(params.N - 1u)) * params.bStrides.y;
  var l0 = vec4f(); var l1 = vec4f(); var l2 = vec4f(); var l3 = vec4f();
  var l4 = vec4f(); var l5 = vec4f(); var l6 = vec4f(); var l7 = vec4f();
  var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
  var r4 = vec4f(); var r5 = vec4f(); var r6 = vec4f(); var r7 = vec4f();
  for (var k = 0u; k < params.K; k++) {
    let bl = vec4f(vec4<Element>(b[atN.x], b[atN.y], b[atN.z], b[atN.w]));
    let br = vec4f(vec4<Element>(b[atM.x], b[atM.y], b[atM.z], b[atM.w]));
    let v0 = f32(a[a0]); let v1 = f32(a[a1]); let v2 = f32(a[a2]); let v3 = f32(a[a3]);
    let v4 = f32(a[a4]); let v5 = f32(a[a5]); let v6 = f32(a[a6]); let v7 = f32(a[a7]);
    l0 += v0 * bl; l1 += v1 * bl; l2 += v2 * bl; l3 += v3 * bl;
    l4 += v4 * bl; l5 += v5 * bl; l6 += v6 * bl; l7 += v7 * bl;
    r0 += v0 * br; r1 += v1 * br; r2 += v2 * br; r3 += v3 * br;
    r4 += v4 * br; r5 += v5 * br; r6 += v6 * br; r7 += v7 * br;
    atN += params.bStrides.x; atM += params.bStrides.x;
    a0 += params.aStrides.y; a1 += params.aStrides.y; a2 += params.aStrides.y; a3 += params.aStrides.y;
    a4 += params.aStrides.y; a5 += params.aStrides.y; a6 += params.aStrides.y; a7 += params.aStrides.y;
  }
  store(tile, 0u, n, l0); store(tile, 1u, n, l1); store(tile, 2u, n, l2); store(tile, 3u, n, l3);
  store(tile, 4u, n, l4); store(tile, 5u, n, l5); store(tile, 6u, n, l6); store(tile, 7u, n, l7);
  store(tile, 0u, m, r0); store(tile, 1u, m, r1); store(tile, 2u, m, r2); store(tile, 3u, m, r3);
  store(tile, 4u, m, r4); store(tile, 5u, m, r5); store(tile, 6u, m, r6); store(tile, 7u, m, r7);
}

fn store(tile: Tile, i: u32, n: vec4u, values: vec4f) {
  let row = tile.row + i;
  if (row >= params.M) { return; }
  let at = tile.starts.z + row * params.yStride;
  if (n.x < params.N) { y[at + n.x] = Element(values.x); }
  if (n.y < params.N) { y[at + n.y] = Element(values.y); }
  if (n.z < params.N) { y[at + n.z] = Element(values.z); }
  if (n.w < params.N) { y[at + n.w] = Element(values.w); }
}
