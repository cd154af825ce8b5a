// Batched matrix product: y[b, m, n] = f(Σ_k a[b, m, k] b[b, k, n] + bias[n]) + residual, all operands by strides, so
// that a transpose is a view and a batch stride of 0 broadcasts. f16 operands are summed in f32.
//
// A workgroup owns a tile of y and walks along k: its 256 threads bring TILE_K columns of `a` and rows of `b` into
// workgroup memory, and each multiplies its 4 x 4 blocks from there. Adjacent threads read along the axis of an operand
// whose elements are adjacent (A_ALONG_K, B_ALONG_K), so that transposes need no copies and reads coalesce. After
// Volkov & Demmel 2008 and CUTLASS's SIMT kernels.

alias Element = f32;
alias Result = f32;       // y's; f32 for the parts of a split product

const BIAS: bool = false;
const RESIDUAL: bool = false;
const ACCUMULATE: bool = false;
const ACTIVATION: u32 = ACTIVATION_NONE;

const BLOCKS_M: u32 = 1;          // 4 x 4 blocks of a thread along m: 1 or 2
const BLOCKS_N: u32 = 1;          // and along n
const TILE_K: u32 = 16;
const A_ALONG_K: bool = true;     // along which axis adjacent threads read `a`; false: along m
const B_ALONG_K: bool = false;    // and `b`; false: along n
const UNROLLED: bool = false;     // a fixed number of steps per tile: what GPUs' compilers want, and CPUs' choke on

const SIDE = 16u;                 // threads along each side of the tile
const THREADS = SIDE * SIDE;
const QUADS_M = SIDE * BLOCKS_M;  // groups of four rows in the tile
const QUADS_N = SIDE * BLOCKS_N;  // groups of four columns
const STRIDE_A = QUADS_M + 1u;    // padded against bank conflicts
const STRIDE_B = QUADS_N + 1u;

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

var<workgroup> tileA: array<vec4f, TILE_K * STRIDE_A>;   // [k][quad of rows]
var<workgroup> tileB: array<vec4f, TILE_K * STRIDE_B>;   // [k][quad of columns]

/// A workgroup's place: its first row and column, and where its matrices start.
struct Place { row: u32, column: u32, starts: vec3u, exists: bool }

fn place_of(index: u32) -> Place {
  let tiles = params.tilesM * params.tilesN;
  let row = index % tiles / params.tilesN * 4u * QUADS_M;
  let column = index % params.tilesN * 4u * QUADS_N;
  let batch = index / tiles;
  let starts = batch_starts(batch, params.batchShape, params.aBatch, params.bBatch, params.yBatch);
  return Place(row, column, params.starts.xyz + starts, batch < params.batches);
}

@compute @workgroup_size(THREADS)
fn tiles(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = place_of(group.x + group.y * groups.x);
  if (!place.exists) { return; }
  let across = lane % SIDE;
  let down = lane / SIDE;
  var s00 = mat4x4f(); var s01 = mat4x4f(); var s10 = mat4x4f(); var s11 = mat4x4f();
  for (var k0 = 0u; k0 < params.K; k0 += TILE_K) {
    load(place, k0, lane);
    workgroupBarrier();
    var steps = min(TILE_K, params.K - k0);
    if (UNROLLED) { steps = TILE_K; }
    for (var k = 0u; k < steps; k++) {
      let a0 = tileA[k * STRIDE_A + down];
      let b0 = tileB[k * STRIDE_B + across];
      s00 = rank_one(s00, a0, b0);
      if (BLOCKS_N > 1u) {
        let b1 = tileB[k * STRIDE_B + QUADS_N - SIDE + across];
        s01 = rank_one(s01, a0, b1);
      }
      if (BLOCKS_M > 1u) {
        let a1 = tileA[k * STRIDE_A + QUADS_M - SIDE + down];
        s10 = rank_one(s10, a1, b0);
        if (BLOCKS_N > 1u) {
          let b1 = tileB[k * STRIDE_B + QUADS_N - SIDE + across];
          s11 = rank_one(s11, a1, b1);
        }
      }
    }
    workgroupBarrier();
  }
  let row = place.row + 4u * down;
  let column = place.column + 4u * across;
  store(place, row, column, s00);
  if (BLOCKS_N > 1u) { store(place, row, column + 4u * SIDE, s01); }
  if (BLOCKS_M > 1u) { store(place, row + 4u * SIDE, column, s10); }
  if (BLOCKS_M > 1u && BLOCKS_N > 1u) { store(place, row + 4u * SIDE, column + 4u * SIDE, s11); }
}

/// Brings the tiles that start at k0 into workgroup memory, in groups of four rows or columns.
fn load(place: Place, k0: u32, lane: u32) {
  for (var i = lane; i < TILE_K * QUADS_M; i += THREADS) {
    let at = select(vec2u(i % QUADS_M, i / QUADS_M), vec2u(i / TILE_K, i % TILE_K), A_ALONG_K);
    tileA[at.y * STRIDE_A + at.x] = rows_of_a(place.starts.x, place.row + 4u * at.x, k0 + at.y);
  }
  for (var i = lane; i < TILE_K * QUADS_N; i += THREADS) {
    let at = select(vec2u(i % QUADS_N, i / QUADS_N), vec2u(i / TILE_K, i % TILE_K), B_ALONG_K);
    tileB[at.y * STRIDE_B + at.x] = columns_of_b(place.starts.y, place.column + 4u * at.x, k0 + at.y);
  }
}

/// a[row … row + 3, k]. Rows past the edge read the last one again and are not stored; columns past it are 0.
fn rows_of_a(start: u32, row: u32, k: u32) -> vec4f {
  if (k >= params.K) { return vec4f(); }
  let rows = min(row + vec4u(0u, 1u, 2u, 3u), vec4u(params.M - 1u));
  let at = start + rows * params.aStrides.x + k * params.aStrides.y;
  return vec4f(vec4<Element>(a[at.x], a[at.y], a[at.z], a[at.w]));
}

/// b[k, column … column + 3], likewise.
fn columns_of_b(start: u32, column: u32, k: u32) -> vec4f {
  if (k >= params.K) { return vec4f(); }
  let columns = min(column + vec4u(0u, 1u, 2u, 3u), vec4u(params.N - 1u));
  let at = start + columns * params.bStrides.y + k * params.bStrides.x;
  return vec4f(vec4<Element>(b[at.x], b[at.y], b[at.z], b[at.w]));
}

/// Stores a block. Its rows move up, so that there is one place that stores: straight code for all of them takes some
/// compilers seconds.
fn store(place: Place, row: u32, column: u32, block: mat4x4f) {
  var rows = block;
  for (var m = row; m < min(row + 4u, params.M); m++) {
    let start = place.starts.z + m * params.yStride;
    var sum = rows[0];
    for (var n = column; n < min(column + 4u, params.N); n++) {
      y[start + n] = finished(start, n, sum.x);
      sum = sum.yzwx;
    }
    rows = moved_up(rows, rows);
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
