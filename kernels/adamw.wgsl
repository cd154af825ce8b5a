// AdamW on a slab of parameters (Loshchilov and Hutter 2019), as PyTorch computes it. Element by element, at step t:
//   g = scale dp
//   m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
//   p ← p - lr λ p - lr / (1 - β₁^t) · m / (sqrt(v) / sqrt(1 - β₂^t) + ε)
// A thread owns vectors of four neighbours. What changes from step to step is read from memory, for replay.

struct Params {
  quads: u32,           // elements / 4
  beta1: f32,
  beta2: f32,
  complement1: f32,     // 1 - β₁, rounded once: in f32, 1 - 0.999 is off by 5e-5
  complement2: f32,
  eps: f32,
  weightDecay: f32,     // λ
  zeroGrad: u32,        // 1: leave dp = 0 for the next step
}
@group(1) @binding(0) var<uniform> params: Params;

struct StepState {
  lr: f32,
  stepSize: f32,        // lr / (1 - β₁^t)
  rootCorrection: f32,  // 1 / sqrt(1 - β₂^t)
}

@group(0) @binding(0) var<storage, read> state: StepState;
@group(0) @binding(1) var<storage, read> clip: vec2f;                // norm and scale of the gradients
@group(0) @binding(2) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dp: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4f>;

@compute @workgroup_size(SPAN_THREADS)
fn step(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.quads);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    // Scale 0 stands for a norm that is not finite: 0 times such a gradient would be NaN.
    let g = select(vec4f(0.0), dp[i] * clip.y, clip.y > 0.0);
    let first = params.beta1 * m[i] + params.complement1 * g;
    let second = params.beta2 * v[i] + params.complement2 * g * g;
    let update = first / (sqrt(second) * state.rootCorrection + params.eps);
    p[i] = p[i] - state.lr * params.weightDecay * p[i] - state.stepSize * update;
    m[i] = first;
    v[i] = second;
    if (params.zeroGrad == 1u) { dp[i] = vec4f(0.0); }
  }
}
