// N copies of an environment, a thread each, with the resets of src/rl/vector.ts: where a step ends an episode, the copy
// begins the next one within that step. This text follows an environment's equations (such as ../cart_pole.wgsl):
//
//   alias State, alias Action                              what a copy's state and action are in memory
//   const OBSERVED                                         numbers of an observation
//   fn begin(random) -> State                              s_0
//   fn next(state, action, random) -> Transition           s_{t+1}, r_{t+1}, and whether that is an end
//   fn observe(state, part) -> f32                         one of the observation's numbers
//
// Each step also writes down what a rollout of T steps is to keep, in row `row` of tensors (T, N, ...).

struct Params {
  copies: u32,   // N
  rows: u32,     // T
  row: u32,
  limit: u32,    // steps after which an episode is truncated
  key: vec2u,    // the seed's words
}
@group(1) @binding(0) var<uniform> params: Params;

/// What is known of a copy besides its state.
struct Account {
  draws: u32,    // random words taken so far
  length: u32,   // of the episode under way
  total: f32,    // its rewards
}

@group(0) @binding(0) var<storage, read_write> states: array<State>;           // reset: (N)
@group(0) @binding(1) var<storage, read_write> accounts: array<Account>;       // (N)
@group(0) @binding(2) var<storage, read_write> now: array<f32>;                // (N, OBSERVED): what to act on

@group(0) @binding(0) var<storage, read> actions: array<Action>;               // step: (N)
@group(0) @binding(1) var<storage, read_write> stepped_states: array<State>;
@group(0) @binding(2) var<storage, read_write> stepped_accounts: array<Account>;
@group(0) @binding(3) var<storage, read_write> stepped_now: array<f32>;
@group(0) @binding(4) var<storage, read_write> observations: array<f32>;       // (T, N, OBSERVED): what was acted on
@group(0) @binding(5) var<storage, read_write> taken: array<Action>;           // (T, N)
@group(0) @binding(6) var<storage, read_write> following: array<f32>;          // (T, N, OBSERVED): what it led to
@group(0) @binding(7) var<storage, read_write> outcomes: array<f32>;           // (5, T, N): reward, terminated, truncated,
                                                                               // return and length of an episode that ended
struct Transition { state: State, reward: f32, terminated: bool }

/// The random sequence of a copy: RandomSequence of src/rl/random.ts.
struct Random { stream: u32, draws: u32 }

/// Uniform in [low, high).
fn draw(random: ptr<function, Random>, low: f32, high: f32) -> f32 {
  let u = random_uniform((*random).draws, (*random).stream, 0u, params.key);
  (*random).draws++;
  return low + (high - low) * u;
}

/// One of 0 … n - 1, n at most 256.
fn draw_integer(random: ptr<function, Random>, n: u32) -> u32 {
  let bits = random_bits((*random).draws, (*random).stream, 0u, params.key);
  (*random).draws++;
  return ((bits >> 8u) * n) >> 24u;
}

@compute @workgroup_size(64)
fn reset(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.copies) { return; }
  var random = Random(i, 0u);
  let state = begin(&random);
  states[i] = state;
  accounts[i] = Account(random.draws, 0u, 0f);
  for (var part = 0u; part < OBSERVED; part++) { now[i * OBSERVED + part] = observe(state, part); }
}

@compute @workgroup_size(64)
fn step(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.copies) { return; }
  let at = params.row * params.copies + i;
  let action = actions[i];
  var account = stepped_accounts[i];
  var random = Random(i, account.draws);
  let transition = next(stepped_states[i], action, &random);
  account.length++;
  account.total += transition.reward;
  let truncated = !transition.terminated && account.length >= params.limit;
  let over = transition.terminated || truncated;

  let plane = params.rows * params.copies;
  outcomes[at] = transition.reward;
  outcomes[at + plane] = f32(transition.terminated);
  outcomes[at + 2u * plane] = f32(truncated);
  outcomes[at + 3u * plane] = select(0f, account.total, over);
  outcomes[at + 4u * plane] = select(0f, f32(account.length), over);
  taken[at] = action;
  var after = transition.state;
  if (over) {
    after = begin(&random);
    account.length = 0u;
    account.total = 0f;
  }
  account.draws = random.draws;
  stepped_accounts[i] = account;
  stepped_states[i] = after;
  for (var part = 0u; part < OBSERVED; part++) {
    let own = i * OBSERVED + part;
    observations[at * OBSERVED + part] = stepped_now[own];
    let seen = observe(transition.state, part);
    following[at * OBSERVED + part] = seen;
    stepped_now[own] = seen;
  }
  // A loop of its own: few steps end an episode.
  for (var part = select(OBSERVED, 0u, over); part < OBSERVED; part++) {
    stepped_now[i * OBSERVED + part] = observe(after, part);
  }
}
