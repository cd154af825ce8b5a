// The low-rank update of LoRA (Hu et al. 2021), added to a product in place:
//   y[m, n] += scale Σ_r h[m, r] b[n, r]      y (M, N)     h (M, R)     b (N, R) by strides; R is small
//
// A thread owns one column and ROWS rows of y; the rows come from the workgroup's index alone, so that loads of `h` are
// uniform over its threads. One pass over y.

const THREADS: u32 = 64;
const ROWS = 4u;

struct Params {
  M: u32, N: u32, R: u32,
  tilesN: u32,
  bStart: u32,
  bStrides: vec2u,   // along n, r
  scale: f32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> h: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(THREADS)
fn add_update(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.x + group.y * groups.x;
  let row = index / params.tilesN * ROWS;
  let n = index % params.tilesN * THREADS + lane;
  if (row >= params.M || n >= params.N) { return; }
  // Rows past the end read the last one again; they are not stored.
  let hRow = min(vec4u(row) + vec4u(0u, 1u, 2u, 3u), vec4u(params.M - 1u)) * params.R;
  var bAt = params.bStart + n * params.bStrides.x;
  var sum = vec4f();
  for (var r = 0u; r < params.R; r++) {
    sum += b[bAt] * vec4f(h[hRow.x + r], h[hRow.y + r], h[hRow.z + r], h[hRow.w + r]);
    bAt += params.bStrides.y;
  }
  for (var i = 0u; i < min(ROWS, params.M - row); i++) {
    y[(row + i) * params.N + n] += params.scale * sum[i];
  }
}
