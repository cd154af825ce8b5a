// Stochastic gradient descent on a slab of parameters, as PyTorch computes it. Element by element:
//   plain      p ← p - lr g                      g = scale dp
//   momentum   u ← μ u + g;  p ← p - lr u
// A thread owns vectors of four neighbours. What changes from step to step is read from memory, for replay.

struct Params {
  quads: u32,       // elements / 4
  momentum: f32,    // μ
  zeroGrad: u32,    // 1: leave dp = 0 for the next step
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> lr: f32;
@group(0) @binding(1) var<storage, read> clip: vec2f;                // norm and scale of the gradients
@group(0) @binding(2) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dp: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> u: array<vec4f>;

/// The clipped gradient. Scale 0 stands for a norm that is not finite: 0 times such a gradient would be NaN.
fn take_gradient(i: u32) -> vec4f {
  let g = select(vec4f(0.0), dp[i] * clip.y, clip.y > 0.0);
  if (params.zeroGrad == 1u) { dp[i] = vec4f(0.0); }
  return g;
}

@compute @workgroup_size(SPAN_THREADS)
fn plain(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.quads);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) { p[i] -= lr * take_gradient(i); }
}

@compute @workgroup_size(SPAN_THREADS)
fn momentum(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.quads);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    u[i] = params.momentum * u[i] + take_gradient(i);
    p[i] -= lr * u[i];
  }
}
