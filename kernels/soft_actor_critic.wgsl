// The losses of soft actor-critic (Haarnoja et al. 2018) on B samples, and their gradients:
//   targets   y = r + γ (1 - terminated) (min(q1, q2) - α logProb)
//   critic    loss = ½ mean((q1 - y)² + (q2 - y)²)                dq_i = (q_i - y) dloss / B
//   policy    loss = mean(α logProb - min(q1, q2))                dlogProb = α dloss / B
//             entropy = -mean(logProb)                            dq_i = -dloss / B for the smaller of the two, q1 of equals
// A loss is one workgroup's; else a thread owns a sample.

struct Params { samples: u32, gamma: f32 }   // B, γ
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> rewards: array<f32>;              // targets, all (B)
@group(0) @binding(1) var<storage, read> terminated: array<f32>;
@group(0) @binding(2) var<storage, read> next_q1: array<f32>;
@group(0) @binding(3) var<storage, read> next_q2: array<f32>;
@group(0) @binding(4) var<storage, read> next_logProb: array<f32>;
@group(0) @binding(5) var<storage, read> next_alpha: f32;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

@group(0) @binding(0) var<storage, read> q1: array<f32>;                   // critic and policy, all (B)
@group(0) @binding(1) var<storage, read> q2: array<f32>;
@group(0) @binding(2) var<storage, read> target_y: array<f32>;             // critic
@group(0) @binding(2) var<storage, read> logProb: array<f32>;              // policy
@group(0) @binding(3) var<storage, read> alpha: f32;
@group(0) @binding(3) var<storage, read_write> critic_loss: f32;
@group(0) @binding(4) var<storage, read_write> policy_loss: f32;
@group(0) @binding(5) var<storage, read_write> entropy: f32;

@group(0) @binding(2) var<storage, read> saved_alpha: f32;                 // policy's gradients
@group(0) @binding(3) var<storage, read> dloss: f32;                       // gradients of both
@group(0) @binding(4) var<storage, read_write> dq1: array<f32>;
@group(0) @binding(5) var<storage, read_write> dq2: array<f32>;
@group(0) @binding(6) var<storage, read_write> dlogProb: array<f32>;       // policy's

fn sample_of(group: vec3u, groups: vec3u, lane: u32) -> u32 {
  return (group.x + group.y * groups.x) * 64u + lane;
}

@compute @workgroup_size(64)
fn targets(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = sample_of(group, groups, lane);
  if (b >= params.samples) { return; }
  let soft = min(next_q1[b], next_q2[b]) - next_alpha * next_logProb[b];
  y[b] = rewards[b] + params.gamma * (1.0 - terminated[b]) * soft;
}

@compute @workgroup_size(LANES)
fn critic_forward(@builtin(local_invocation_index) lane: u32) {
  var total = 0f;
  for (var b = lane; b < params.samples; b += LANES) {
    let errors = vec2f(q1[b], q2[b]) - target_y[b];
    total += dot(errors, errors);
  }
  total = workgroup_sum(total, lane);
  if (lane == 0u) { critic_loss = 0.5 * total / f32(params.samples); }
}

@compute @workgroup_size(64)
fn critic_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = sample_of(group, groups, lane);
  if (b >= params.samples) { return; }
  let share = dloss / f32(params.samples);
  dq1[b] = (q1[b] - target_y[b]) * share;
  dq2[b] = (q2[b] - target_y[b]) * share;
}

@compute @workgroup_size(LANES)
fn policy_forward(@builtin(local_invocation_index) lane: u32) {
  var sums = vec4f(0.0);   // of log π, and of the smaller values
  for (var b = lane; b < params.samples; b += LANES) {
    sums += vec4f(logProb[b], min(q1[b], q2[b]), 0.0, 0.0);
  }
  let means = workgroup_sum_of_fours(sums, lane) / f32(params.samples);
  if (lane == 0u) {
    policy_loss = alpha * means.x - means.y;
    entropy = -means.x;
  }
}

@compute @workgroup_size(64)
fn policy_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = sample_of(group, groups, lane);
  if (b >= params.samples) { return; }
  let share = dloss / f32(params.samples);
  let first = q1[b] <= q2[b];
  dq1[b] = select(0.0, -share, first);
  dq2[b] = select(-share, 0.0, first);
  dlogProb[b] = saved_alpha * share;
}
