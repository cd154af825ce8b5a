// Matrix product of few rows, as generation needs it: y[b, m, n] = f(Σ_k a[b, m, k] b[b, k, n] + bias[n]) + residual, or y +=,
// all operands by strides. Every element of b is read once per four rows: the kernel is bound by that.
//
// SHARERS threads share a column, each with four rows and every SHARERS-th element of k; their sums meet in workgroup
// memory. Where elements of b are adjacent along k (a weight [out, in]), SHARERS neighbours read them side by side; where
// they are adjacent along n, SHARERS is 1 and neighbours own neighbouring columns.
//   few_rows      any strides; a thread owns a column
//   vectorised    elements of a and b adjacent along k, strides and starts multiples of the 4 (f32), 8 (halves) or 16 (bytes)
//                 that one load of b brings (WEIGHT); a thread owns four columns, and one row or four. No batch

alias Element = f32;
alias Result = f32;       // y's; f32 for the parts of a split product

const BIAS: bool = false;
const RESIDUAL: bool = false;
const ACCUMULATE: bool = false;
const ACTIVATION: u32 = ACTIVATION_NONE;

const SHARERS: u32 = 16;   // threads that share a column
const COLUMNS: u32 = 4;    // of a workgroup; in vectorised fours of them
const THREADS = SHARERS * COLUMNS;
const ROWS: u32 = 4;       // of y per workgroup; in vectorised 1 or 4

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

// vectorised
@group(0) @binding(0) var<storage, read> a4: array<vec4<Element>>;
@group(0) @binding(1) var<storage, read> b4: array<vec4u>;

var<workgroup> partial: array<vec4f, THREADS>;
var<workgroup> blocks: array<mat4x4f, THREADS>;

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

@compute @workgroup_size(THREADS)
fn vectorised(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  const LOADED = select(select(8u, 16u, WEIGHT == WEIGHT_INT8), 4u, WEIGHT == WEIGHT_F32);   // elements of b
  let index = group.x + group.y * groups.x;
  let tiles = params.tilesM * params.tilesN;
  let batch = index / tiles;
  if (batch >= params.batches) { return; }
  let row = index % tiles / params.tilesN * ROWS;
  let column = (index % params.tilesN * COLUMNS + lane / SHARERS) * 4u;
  let starts = params.starts.xyz
    + batch_starts(batch, params.batchShape, params.aBatch, params.bBatch, params.yBatch);
  let first = lane % SHARERS;
  let four = vec4u(0u, 1u, 2u, 3u);
  let rows = min(row + four, vec4u(params.M - 1u));
  let columns = min(column + four, vec4u(params.N - 1u));
  var atA = (starts.x + rows * params.aStrides.x) / 4u + first * (LOADED / 4u);
  var atB = (starts.y + columns * params.bStrides.y) / LOADED + first;
  let ends = atB - first + params.K / LOADED;
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  for (var k = first * LOADED; k < params.K; k += SHARERS * LOADED) {
    let w0 = b4[atB.x]; let w1 = b4[atB.y]; let w2 = b4[atB.z]; let w3 = b4[atB.w];
    let b0 = mat4x4f(first_four(w0), first_four(w1), first_four(w2), first_four(w3));
    s0 += vec4f(a4[atA.x]) * b0;
    if (ROWS > 1u) { s1 += vec4f(a4[atA.y]) * b0; s2 += vec4f(a4[atA.z]) * b0; s3 += vec4f(a4[atA.w]) * b0; }
    if (LOADED >= 8u) {
      let b1 = mat4x4f(second_four(w0), second_four(w1), second_four(w2), second_four(w3));
      let a1 = atA + 1u;
      s0 += vec4f(a4[a1.x]) * b1;
      if (ROWS > 1u) { s1 += vec4f(a4[a1.y]) * b1; s2 += vec4f(a4[a1.z]) * b1; s3 += vec4f(a4[a1.w]) * b1; }
    }
    if (LOADED == 16u) {
      let b2 = mat4x4f(unpacked_bytes(w0.z), unpacked_bytes(w1.z), unpacked_bytes(w2.z), unpacked_bytes(w3.z));
      let a2 = atA + 2u;
      s0 += vec4f(a4[a2.x]) * b2;
      if (ROWS > 1u) { s1 += vec4f(a4[a2.y]) * b2; s2 += vec4f(a4[a2.z]) * b2; s3 += vec4f(a4[a2.w]) * b2; }
      let b3 = mat4x4f(unpacked_bytes(w0.w), unpacked_bytes(w1.w), unpacked_bytes(w2.w), unpacked_bytes(w3.w));
      let a3 = atA + 3u;
      s0 += vec4f(a4[a3.x]) * b3;
      if (ROWS > 1u) { s1 += vec4f(a4[a3.y]) * b3; s2 += vec4f(a4[a3.z]) * b3; s3 += vec4f(a4[a3.w]) * b3; }
    }
    atA += SHARERS * (LOADED / 4u);
    atB += SHARERS;
  }
  var sums = mat4x4f(s0, s1, s2, s3);
  if (SHARERS > 1u) {
    blocks[lane] = sums;
    workgroupBarrier();
    for (var i = 1u; i < SHARERS; i++) { sums += blocks[min(lane + i, THREADS - 1u)]; }
  }
  if (first > 0u) { return; }
  if (WEIGHT == WEIGHT_INT8) {
    let scales = vec4f(byte_scale(b4[ends.x]), byte_scale(b4[ends.y]), byte_scale(b4[ends.z]), byte_scale(b4[ends.w]));
    sums = mat4x4f(sums[0] * scales, sums[1] * scales, sums[2] * scales, sums[3] * scales);
  }
  for (var i = 0u; i < min(ROWS, params.M - row); i++) {
    let start = starts.z + (row + i) * params.yStride;
    for (var j = 0u; j < 4u && column + j < params.N; j++) {
      y[start + column + j] = finished(start, column + j, sums[i][j]);
    }
  }
}

/// The first four elements of b in a load.
fn first_four(loaded: vec4u) -> vec4f {
  if (WEIGHT == WEIGHT_F32) { return bitcast<vec4f>(loaded); }
  if (WEIGHT == WEIGHT_INT8) { return unpacked_bytes(loaded.x); }
  return unpacked_halves(loaded.xy);
}

/// The next four, of halves and of bytes.
fn second_four(loaded: vec4u) -> vec4f {
  if (WEIGHT == WEIGHT_INT8) { return unpacked_bytes(loaded.y); }
  return unpacked_halves(loaded.zw);
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
