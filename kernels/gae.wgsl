// Generalised advantage estimation over T steps of N environments; every array is (T, N).
//   δ_t = r_t + γ V(s_{t+1}) - V(s_t)      V(s_{t+1}) = 0 where the step terminated
//   A_t = δ_t + γλ A_{t+1}                 A_{t+1} = 0 after a terminated or truncated step, and A_T = 0
//   R_t = A_t + V(s_t)
// A step is the map A_{t+1} ↦ a A_{t+1} + b, and maps compose associatively: (a, b) ∘ (a', b') = (a a', b + a b').
// The steps are cut into runs, so that few environments keep a GPU busy, too; with one run, only `walk` is needed.
//   compose   a thread per run and environment: the map of the whole run
//   carry     a workgroup per environment: the advantage after each run. Each thread composes neighbouring runs, the
//             workgroup scans these from the right (Hillis and Steele 1986), and each thread walks its runs again
//   walk      a thread per run and environment: from that advantage back through the steps
// Neighbouring threads take neighbouring environments. From Schulman et al. 2016, equations 11 to 16.

alias Value = f32;             // of an environment; or vec4f: of four neighbours, which count as one
const THREADS: u32 = 64;
const CARRIED: bool = false;   // walk: whether carried is bound; else its binding is a stand-in, and 0 follows

struct Params {
  steps: u32,     // T
  envs: u32,      // N
  runs: u32,
  length: u32,    // steps of a run; the last may be shorter
  gamma: f32,
  decay: f32,     // γλ
}
@group(1) @binding(0) var<uniform> params: Params;

/// A ↦ a A + b
struct Map { a: Value, b: Value }

@group(0) @binding(0) var<storage, read> rewards: array<Value>;
@group(0) @binding(1) var<storage, read> values: array<Value>;              // V(s_t)
@group(0) @binding(2) var<storage, read> nextValues: array<Value>;          // V(s_{t+1}), before any reset
@group(0) @binding(3) var<storage, read> terminated: array<Value>;          // 0 or 1
@group(0) @binding(4) var<storage, read> truncated: array<Value>;           // 0 or 1
@group(0) @binding(5) var<storage, read_write> run_maps: array<Map>;        // compose: (runs, N)

@group(0) @binding(0) var<storage, read> maps: array<Map>;                  // carry
@group(0) @binding(1) var<storage, read_write> following: array<Value>;     // (runs, N)

@group(0) @binding(5) var<storage, read> carried: array<Value>;             // walk
@group(0) @binding(6) var<storage, read_write> advantages: array<Value>;
@group(0) @binding(7) var<storage, read_write> returns: array<Value>;

/// The map of one step. What follows a terminated step is not read: it may be anything.
fn step_map(i: u32, value: Value) -> Map {
  let ends = terminated[i] != Value(0);
  let next = select(nextValues[i], Value(0), ends);
  let delta = rewards[i] + params.gamma * next - value;
  return Map(select(Value(params.decay), Value(0), ends | (truncated[i] != Value(0))), delta);
}

fn identity() -> Map {
  return Map(Value(1), Value(0));
}

/// First the later map, then the earlier.
fn composed(earlier: Map, later: Map) -> Map {
  return Map(earlier.a * later.a, earlier.b + earlier.a * later.b);
}

@compute @workgroup_size(THREADS)
fn compose(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + lane;
  if (at >= params.runs * params.envs) { return; }
  let env = at % params.envs;
  let begin = at / params.envs * params.length;
  var run = identity();
  for (var t = min(begin + params.length, params.steps); t > begin; t--) {
    let i = (t - 1u) * params.envs + env;
    run = composed(step_map(i, values[i]), run);
  }
  run_maps[at] = run;
}

var<workgroup> suffix: array<Map, LANES>;  // of each lane: its runs composed with all later ones

@compute @workgroup_size(LANES)
fn carry(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let env = group.x + group.y * groups.x;
  if (env >= params.envs) { return; }
  let share = (params.runs + LANES - 1u) / LANES;
  let begin = min(lane * share, params.runs);
  let end = min(begin + share, params.runs);

  var mine = identity();
  for (var run = end; run > begin; run--) { mine = composed(maps[(run - 1u) * params.envs + env], mine); }
  suffix[lane] = mine;
  workgroupBarrier();
  for (var reach = 1u; reach < LANES; reach *= 2u) {
    var later = identity();
    if (lane + reach < LANES) { later = suffix[lane + reach]; }
    workgroupBarrier();
    suffix[lane] = composed(suffix[lane], later);
    workgroupBarrier();
  }

  // After the last step stands 0, so what follows a lane's runs is the b of all later ones.
  var advantage = Value(0);
  if (lane + 1u < LANES) { advantage = suffix[lane + 1u].b; }
  for (var run = end; run > begin; run--) {
    let at = (run - 1u) * params.envs + env;
    following[at] = advantage;
    advantage = maps[at].a * advantage + maps[at].b;
  }
}

@compute @workgroup_size(THREADS)
fn walk(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.x + group.y * groups.x) * THREADS + lane;
  if (at >= params.runs * params.envs) { return; }
  let env = at % params.envs;
  let begin = at / params.envs * params.length;
  var advantage = Value(0);
  if (CARRIED) { advantage = carried[at]; }
  for (var t = min(begin + params.length, params.steps); t > begin; t--) {
    let i = (t - 1u) * params.envs + env;
    let value = values[i];
    let step = step_map(i, value);
    advantage = step.a * advantage + step.b;
    advantages[i] = advantage;
    returns[i] = advantage + value;
  }
}
