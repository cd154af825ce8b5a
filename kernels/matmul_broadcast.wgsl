// Batched matrix product for adapters that run on a CPU: y[b, m, n] = f(Σ_k a[b, m, k] b[b, k, n] + bias[n]) + residual, or y +=,
// all operands by strides, so that a transpose is a view and a batch stride of 0 broadcasts.
//
// A thread owns 16 rows and 8 columns of y, a workgroup 16 rows and 64 columns. On a CPU a thread is one lane of a
// SIMD register; loads are gathers, lane by lane, and cost ten times a multiplication, also where all lanes load the
// same. So a load of `a` brings SHARERS rows at once, one in each of as many lanes, and broadcasts in registers hand
// them to all lanes: with 8 of them 10 gathers for 128 multiplications instead of 24.
//
// What bounds on lavapipe, by the compiled loop: instructions, 1370 for a step of 128 multiply-adds at near 5 a cycle.
// 600 are the two vec4 of b (each lane tests its mask, each element its bounds), 260 those of `a`, 50 broadcasts. The
// sums lie on the stack; each is loaded, masked and stored again per visit: 640 with one step of k per visit, 450 with
// two, which is 1.05 to 1.15 times as fast; without loads it would be 3 times. Four steps leave the instruction cache
// (0.8 of the speed). Measured no better: 24 and 32 rows (0.9 to 1.13 times as fast, and small products waste them),
// 64 rows, 4 or 16 columns, and operands in textures (a call per load). Loads of b from workgroup memory gain 1.07
// before the copy to it is paid.
//   vectorised   columns of b and y adjacent, strides and starts multiples of 4: loads of b and stores are vec4
//   general      any strides and sizes

enable subgroups;

alias Element = f32;
alias Result = f32;       // y's; f32 for the parts of a split product

const BIAS: bool = false;
const RESIDUAL: bool = false;
const ACCUMULATE: bool = false;
const ACTIVATION: u32 = ACTIVATION_NONE;

const THREADS: u32 = 8;   // of a workgroup, side by side along n
const SHARERS: u32 = 4;   // lanes that load `a` for each other: 8, or 4 where a subgroup may be that small
const STEPS: u32 = 1;     // of k per visit of the sums, in `vectorised`: 2 where K is even
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
// vectorised
@group(0) @binding(1) var<storage, read> b4: array<vec4<Element>>;
@group(0) @binding(2) var<storage, read> bias4: array<vec4<Element>>;
@group(0) @binding(3) var<storage, read> residual4: array<vec4<Element>>;    // laid out as y
@group(0) @binding(4) var<storage, read_write> y4: array<vec4<Result>>;
// general
@group(0) @binding(1) var<storage, read> b: array<Element>;
@group(0) @binding(2) var<storage, read> bias: array<Element>;
@group(0) @binding(3) var<storage, read> residual: array<Element>;
@group(0) @binding(4) var<storage, read_write> y: array<Result>;

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

/// This lane's values of a column of `a`, from where its rows have it.
fn values_of_a(at: vec4u) -> vec4f {
  if (SHARERS == 8u) { return vec4f(f32(a[at.x]), f32(a[at.y]), 0f, 0f); }
  return vec4f(vec4<Element>(a[at.x], a[at.y], a[at.z], a[at.w]));
}

/// Rows 4 i … 4 i + 3 of the column, for every lane, from the lanes' values.
fn four_rows(values: vec4f, i: u32) -> vec4f {
  if (SHARERS == 4u) { return low_lanes(values[i]); }
  if (i % 2u == 0u) { return low_lanes(values[i / 2u]); }
  return high_lanes(values[i / 2u]);
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
  let step = params.bStrides.x / 4u;
  for (var k = 0u; k < params.K; k += STEPS) {
    let x = values_of_a(rows);
    let bl = vec4f(b4[at.x]); let br = vec4f(b4[at.y]);
    var z = x; var el = bl; var er = br;
    if (STEPS == 2u) {
      z = values_of_a(rows + params.aStrides.y);
      el = vec4f(b4[at.x + step]); er = vec4f(b4[at.y + step]);
    }
    let c0 = four_rows(x, 0u); let d0 = four_rows(z, 0u);
    l0 = add_steps(l0, c0, bl, d0, el); r0 = add_steps(r0, c0, br, d0, er);
    let c1 = four_rows(x, 1u); let d1 = four_rows(z, 1u);
    l1 = add_steps(l1, c1, bl, d1, el); r1 = add_steps(r1, c1, br, d1, er);
    let c2 = four_rows(x, 2u); let d2 = four_rows(z, 2u);
    l2 = add_steps(l2, c2, bl, d2, el); r2 = add_steps(r2, c2, br, d2, er);
    let c3 = four_rows(x, 3u); let d3 = four_rows(z, 3u);
    l3 = add_steps(l3, c3, bl, d3, el); r3 = add_steps(r3, c3, br, d3, er);
    at += STEPS * step;
    rows += STEPS * params.aStrides.y;
  }
  if (left <= last) { store_fours(place, left, l0, l1, l2, l3); }
  if (right <= last) { store_fours(place, right, r0, r1, r2, r3); }
}

/// tile + column rowᵀ, and with two steps + nextColumn nextRowᵀ.
fn add_steps(tile: mat4x4f, column: vec4f, row: vec4f, nextColumn: vec4f, nextRow: vec4f) -> mat4x4f {
  if (STEPS == 1u) { return rank_one(tile, column, row); }
  return mat4x4f(
    fma(nextColumn.xxxx, nextRow, fma(column.xxxx, row, tile[0])),
    fma(nextColumn.yyyy, nextRow, fma(column.yyyy, row, tile[1])),
    fma(nextColumn.zzzz, nextRow, fma(column.zzzz, row, tile[2])),
    fma(nextColumn.wwww, nextRow, fma(column.wwww, row, tile[3])),
  );
}

/// Stores 16 rows of four columns; `column` counts fours, as `at` does. The rows move up, so that there is one place
/// that stores: straight code for all of them takes the adapters' compilers seconds.
fn store_fours(place: Place, column: u32, s0: mat4x4f, s1: mat4x4f, s2: mat4x4f, s3: mat4x4f) {
  var block = s0; var m1 = s1; var m2 = s2;
  var at = (place.starts.z + place.row * params.yStride) / 4u + column;
  for (var row = place.row; row < min(place.row + ROWS, params.M); row += 4u) {
    for (var i = 0u; i < 4u; i++) {
      if (row + i < params.M) { y4[at] = four_finished(at, column, block[0]); }
      block = moved_up(block, block);
      at += params.yStride / 4u;
    }
    block = m1; m1 = m2; m2 = s3;
  }
}

/// Four elements of y, given their sums of products.
fn four_finished(at: u32, column: u32, sums: vec4f) -> vec4<Result> {
  var z = sums;
  if (BIAS) { z += vec4f(bias4[params.biasStart / 4u + column]); }
  z = vec4f(
    activate(ACTIVATION, z.x), activate(ACTIVATION, z.y), activate(ACTIVATION, z.z), activate(ACTIVATION, z.w),
  );
  if (RESIDUAL) { z += vec4f(residual4[params.starts.w / 4u + at - params.starts.z / 4u]); }
  if (ACCUMULATE) { z += vec4f(y4[at]); }
  return vec4<Result>(z);
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
    let x = values_of_a(rows);
    l0 = rank_one(l0, four_rows(x, 0u), bl); r0 = rank_one(r0, four_rows(x, 0u), br);
    l1 = rank_one(l1, four_rows(x, 1u), bl); r1 = rank_one(r1, four_rows(x, 1u), br);
    l2 = rank_one(l2, four_rows(x, 2u), bl); r2 = rank_one(r2, four_rows(x, 2u), br);
    l3 = rank_one(l3, four_rows(x, 3u), bl); r3 = rank_one(r3, four_rows(x, 3u), br);
    atLeft += params.bStrides.x; atRight += params.bStrides.x;
    rows += params.aStrides.y;
  }
  store(place, left, l0, l1, l2, l3);
  store(place, right, r0, r1, r2, r3);
}

/// Stores 16 rows of any four columns, likewise.
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
fn finished(start: u32, column: u32, sum: f32) -> Result {
  var z = sum;
  if (BIAS) { z += f32(bias[params.biasStart + column]); }
  z = activate(ACTIVATION, z);
  if (RESIDUAL) { z += f32(residual[params.starts.w + start - params.starts.z + column]); }
  if (ACCUMULATE) { z += f32(y[start + column]); }
  return Result(z);
}
