// The second pass of a matrix product whose long inner axis was split (few tiles would leave most of a GPU idle):
//   y[m, n] = f(Σ_s partial[s, m, n] + bias[n]) + residual[m, n]      in the order of s: the same bits on every run
//
// A thread owns one element of y. The first pass is a batched product, one part of the inner axis per matrix.

alias Element = f32;

const BIAS: bool = false;
const RESIDUAL: bool = false;
const ACCUMULATE: bool = false;
const ACTIVATION: u32 = ACTIVATION_NONE;

const THREADS: u32 = 64;

struct Params {
  size: u32,               // of y
  N: u32,
  parts: u32,
  yStart: u32,
  yStride: u32,            // along m; along n it is 1
  biasStart: u32,
  residualStart: u32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> partial: array<f32>;         // (parts, M, N)
@group(0) @binding(1) var<storage, read> bias: array<Element>;
@group(0) @binding(2) var<storage, read> residual: array<Element>;    // laid out as y
@group(0) @binding(3) var<storage, read_write> y: array<Element>;

@compute @workgroup_size(THREADS)
fn sum_parts(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * THREADS + lane;
  if (i >= params.size) { return; }
  let column = i % params.N;
  let at = i / params.N * params.yStride + column;
  var z = 0f;
  for (var s = 0u; s < params.parts; s++) { z += partial[s * params.size + i]; }
  if (BIAS) { z += f32(bias[params.biasStart + column]); }
  z = activate(ACTIVATION, z);
  if (RESIDUAL) { z += f32(residual[params.residualStart + at]); }
  if (ACCUMULATE) { z += f32(y[params.yStart + at]); }
  y[params.yStart + at] = Element(z);
}
