// Generalised advantage estimation over T steps of N environments; every array is (T, N).
//   δ_t = r_t + γ V(s_{t+1}) - V(s_t)      V(s_{t+1}) = 0 where the step terminated
//   A_t = δ_t + γλ A_{t+1}                 A_{t+1} = 0 after a terminated or truncated step, and A_T = 0
//   R_t = A_t + V(s_t)
// serial    one thread per environment walks back in time; neighbours read neighbouring memory. For many environments.
// chunked   one workgroup per environment, one run of consecutive steps per thread. For few environments, long T:
//           a step is the map A_{t+1} ↦ a A_{t+1} + b, and maps compose associatively,
//           (a, b) ∘ (a', b') = (a a', b + a b'). Each thread composes its run, the workgroup scans the runs from the
//           right (Hillis and Steele 1986), and each thread walks its run again from the A that comes after it.
// From Schulman et al. 2016, equations 11 to 16.

struct Params {
  steps: u32,     // T
  envs: u32,      // N
  gamma: f32,
  decay: f32,     // γλ
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> rewards: array<f32>;
@group(0) @binding(1) var<storage, read> values: array<f32>;      // V(s_t)
@group(0) @binding(2) var<storage, read> nextValues: array<f32>;  // V(s_{t+1}), before any reset
@group(0) @binding(3) var<storage, read> terminated: array<f32>;  // 0 or 1
@group(0) @binding(4) var<storage, read> truncated: array<f32>;   // 0 or 1
@group(0) @binding(5) var<storage, read_write> advantages: array<f32>;
@group(0) @binding(6) var<storage, read_write> returns: array<f32>;

/// The map (a, b) of one step. What follows a terminated step is not read: it may be anything.
fn step_map(i: u32) -> vec2f {
  let ends = terminated[i] != 0.0;
  let next = select(nextValues[i], 0.0, ends);
  let delta = rewards[i] + params.gamma * next - values[i];
  return vec2f(select(params.decay, 0.0, ends || truncated[i] != 0.0), delta);
}

/// First the later map, then the earlier.
fn compose(earlier: vec2f, later: vec2f) -> vec2f {
  return vec2f(earlier.x * later.x, earlier.y + earlier.x * later.y);
}

/// Walks the steps of [begin, end) back from the advantage that follows them.
fn walk(env: u32, begin: u32, end: u32, following: f32) {
  var advantage = following;
  for (var t = end; t > begin; t--) {
    let i = (t - 1u) * params.envs + env;
    let step = step_map(i);
    advantage = step.x * advantage + step.y;
    advantages[i] = advantage;
    returns[i] = advantage + values[i];
  }
}

@compute @workgroup_size(64)
fn serial(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let env = (group.x + group.y * groups.x) * 64u + lane;
  if (env < params.envs) { walk(env, 0u, params.steps, 0.0); }
}

var<workgroup> suffix: array<vec2f, LANES>;  // of each lane: its run composed with all later ones

@compute @workgroup_size(LANES)
fn chunked(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let env = group.x + group.y * groups.x;
  if (env >= params.envs) { return; }
  let length = (params.steps + LANES - 1u) / LANES;
  let begin = min(lane * length, params.steps);
  let end = min(begin + length, params.steps);

  var run = vec2f(1.0, 0.0);
  for (var t = end; t > begin; t--) { run = compose(step_map((t - 1u) * params.envs + env), run); }
  suffix[lane] = run;
  workgroupBarrier();
  for (var reach = 1u; reach < LANES; reach *= 2u) {
    var later = vec2f(1.0, 0.0);
    if (lane + reach < LANES) { later = suffix[lane + reach]; }
    workgroupBarrier();
    suffix[lane] = compose(suffix[lane], later);
    workgroupBarrier();
  }

  // After the last step stands 0, so what follows a lane's run is the b of all later runs.
  var following = 0f;
  if (lane + 1u < LANES) { following = suffix[lane + 1u].y; }
  walk(env, begin, end, following);
}
