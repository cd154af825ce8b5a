// Batched matrix product for adapters that run on a CPU: y[b, m, n] = f(Σ_k a[b, m, k] b[b, k, n] + bias[n]) + residual, or y +=,
// all operands by strides, so that a transpose is a view and a batch stride of 0 broadcasts.
//
// A thread owns 16 rows and 8 columns of y, a workgroup 16 rows and 64 columns. On a CPU a thread is one lane of a
// SIMD register; loads are gathers, lane by lane, and cost ten times a multiplication, also where all lanes load the
// same. So a load of `a` brings SHARERS rows at once, one in each of as many lanes, and broadcasts in registers hand
// them to all lanes: with 8 of them 10 gathers for 128 multiplications instead of 24. Measured no faster on lavapipe:
// taller and squarer tiles (24 x 8, 32 x 8, 32 x 4), and loads of vec4 along k, whose unrolled bodies leave the
// instruction cache.
//   vectorised   columns of b adjacent, its strides multiples of 4: loads of b are vec4
//   general      any strides and sizes

enable subgroups;

alias Element = f32;

const BIAS: bool = false;
const RESIDUAL: bool = false;
const ACCUMULATE: bool = false;
const ACTIVATION: u32 = ACTIVATION_NONE;

const THREADS: u32 = 8;   // of a workgroup, side by side along n
const SHARERS: u32 = 4;   // lanes that load `a` for each other: 8, or 4 where a subgroup may be that small
const ROWS = 16u;         // of y per thread
const COLUMNS = 8u;       // of y per thread

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
@group(0) @binding(1) var<storage, read> b4: array<vec4<Element>>;    // vectorised
@group(0) @binding(1) var<storage, read> b: array<Element>;           // general
@group(0) @binding(2) var<storage, read> bias: array<Element>;
@group(0) @binding(3) var<storage, read> residual: array<Element>;    // laid out as y
@group(0) @binding(4) var<storage, read_write> y: array<Element>;

/// A workgroup's place: its first row and column, and where its matrices start.
struct Place { row: u32, column: u32, starts: vec3u, exists: bool }

fn place_of(index: u32) -> Place {
  let tiles = params.tilesM * params.tilesN;
  // Down the rows first: the columns of b, K x 64, then stay in a core's second-level cache.
  let row = index % params.tilesM * ROWS;
  let column = index % tiles / params.tilesM * THREADS * COLUMNS;
  let batch = index / tiles;
  let starts = batch_starts(batch, params.batchShape, params.aBatch, params.bBatch, params.yBatch);
  return Place(row, column, params.starts.xyz + starts, batch < params.batches);
}

/// Where this lane's rows of `a` start: SHARERS i + lane % SHARERS. Rows past the edge read the last one again; they are
/// not stored.
fn rows_of(place: Place, lane: u32) -> vec4u {
  let rows = place.row + lane % SHARERS + SHARERS * vec4u(0u, 1u, 2u, 3u);
  return place.starts.x + min(rows, vec4u(params.M - 1u)) * params.aStrides.x;
}

/// A column of all 16 rows, for every lane, from where each lane's rows have it.
fn column_of_a(at: vec4u) -> mat4x4f {
  let x0 = f32(a[at.x]);
  let x1 = f32(a[at.y]);
  if (SHARERS == 8u) { return mat4x4f(low_lanes(x0), high_lanes(x0), low_lanes(x1), high_lanes(x1)); }
  let x2 = f32(a[at.z]);
  let x3 = f32(a[at.w]);
  return mat4x4f(low_lanes(x0), low_lanes(x1), low_lanes(x2), low_lanes(x3));
}

/// The values of the subgroup's lanes 0 to 3.
fn low_lanes(x: f32) -> vec4f {
  return vec4f(
    subgroupBroadcast(x, 0u), subgroupBroadcast(x, 1u), subgroupBroadcast(x, 2u), subgroupBroadcast(x, 3u),
  );
}

/// The values of lanes 4 to 7.
fn high_lanes(x: f32) -> vec4f {
  return vec4f(
    subgroupBroadcast(x, 4u), subgroupBroadcast(x, 5u), subgroupBroadcast(x, 6u), subgroupBroadcast(x, 7u),
  );
}

@compute @workgroup_size(THREADS)
fn vectorised(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroupLane: u32,
) {
  let place = place_of(group.x + group.y * groups.x);
  if (!place.exists) { return; }
  var rows = rows_of(place, subgroupLane);
  let left = place.column / 4u + lane;
  let right = left + THREADS;
  let last = (params.N - 1u) / 4u;
  var at = place.starts.y / 4u + vec2u(min(left, last), min(right, last));
  var l0 = mat4x4f(); var l1 = mat4x4f(); var l2 = mat4x4f(); var l3 = mat4x4f();
  var r0 = mat4x4f(); var r1 = mat4x4f(); var r2 = mat4x4f(); var r3 = mat4x4f();
  for (var k = 0u; k < params.K; k++) {
    let bl = vec4f(b4[at.x]);
    let br = vec4f(b4[at.y]);
    let column = column_of_a(rows);
    l0 = rank_one(l0, column[0], bl); r0 = rank_one(r0, column[0], br);
    l1 = rank_one(l1, column[1], bl); r1 = rank_one(r1, column[1], br);
    l2 = rank_one(l2, column[2], bl); r2 = rank_one(r2, column[2], br);
    l3 = rank_one(l3, column[3], bl); r3 = rank_one(r3, column[3], br);
    at += params.bStrides.x / 4u;
    rows += params.aStrides.y;
  }
  let adjacent = vec4u(0u, 1u, 2u, 3u);
  store(place, 4u * left + adjacent, l0, l1, l2, l3);
  store(place, 4u * right + adjacent, r0, r1, r2, r3);
}

@compute @workgroup_size(THREADS)
fn general(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroupLane: u32,
) {
  let place = place_of(group.x + group.y * groups.x);
  if (!place.exists) { return; }
  var rows = rows_of(place, subgroupLane);
  // Columns of a thread lie THREADS apart, so that neighbours read neighbouring memory.
  let left = place.column + lane + THREADS * vec4u(0u, 1u, 2u, 3u);
  let right = left + THREADS * 4u;
  var atLeft = place.starts.y + min(left, vec4u(params.N - 1u)) * params.bStrides.y;
  var atRight = place.starts.y + min(right, vec4u(params.N - 1u)) * params.bStrides.y;
  var l0 = mat4x4f(); var l1 = mat4x4f(); var l2 = mat4x4f(); var l3 = mat4x4f();
  var r0 = mat4x4f(); var r1 = mat4x4f(); var r2 = mat4x4f(); var r3 = mat4x4f();
  for (var k = 0u; k < params.K; k++) {
    let bl = vec4f(vec4<Element>(b[atLeft.x], b[atLeft.y], b[atLeft.z], b[atLeft.w]));
    let br = vec4f(vec4<Element>(b[atRight.x], b[atRight.y], b[atRight.z], b[atRight.w]));
    let column = column_of_a(rows);
    l0 = rank_one(l0, column[0], bl); r0 = rank_one(r0, column[0], br);
    l1 = rank_one(l1, column[1], bl); r1 = rank_one(r1, column[1], br);
    l2 = rank_one(l2, column[2], bl); r2 = rank_one(r2, column[2], br);
    l3 = rank_one(l3, column[3], bl); r3 = rank_one(r3, column[3], br);
    atLeft += params.bStrides.x; atRight += params.bStrides.x;
    rows += params.aStrides.y;
  }
  store(place, left, l0, l1, l2, l3);
  store(place, right, r0, r1, r2, r3);
}

/// Stores 16 rows of four columns. The rows move up, so that there is one place that stores: straight code for all of
/// them takes the adapters' compilers seconds.
fn store(place: Place, columns: vec4u, s0: mat4x4f, s1: mat4x4f, s2: mat4x4f, s3: mat4x4f) {
  var m0 = s0; var m1 = s1; var m2 = s2; var m3 = s3;
  for (var row = place.row; row < min(place.row + ROWS, params.M); row++) {
    store_row(place.starts.z + row * params.yStride, columns, m0[0]);
    m0 = moved_up(m0, m1); m1 = moved_up(m1, m2); m2 = moved_up(m2, m3); m3 = moved_up(m3, m3);
  }
}

/// Stores four elements of the row of y that starts at `start`.
fn store_row(start: u32, columns: vec4u, sums: vec4f) {
  var column = columns;
  var sum = sums;
  for (var j = 0u; j < 4u; j++) {
    if (column.x < params.N) { y[start + column.x] = finished(start, column.x, sum.x); }
    column = column.yzwx;
    sum = sum.yzwx;
  }
}

/// The element of a row of y that starts at `start`, given its sum of products.
fn finished(start: u32, column: u32, sum: f32) -> Element {
  var z = sum;
  if (BIAS) { z += f32(bias[params.biasStart + column]); }
  z = activate(ACTIVATION, z);
  if (RESIDUAL) { z += f32(residual[params.starts.w + start - params.starts.z + column]); }
  if (ACCUMULATE) { z += f32(y[start + column]); }
  return Element(z);
}
