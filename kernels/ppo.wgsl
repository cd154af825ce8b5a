// PPO's clipped loss and its gradients, from logits or from log-probabilities (Schulman et al. 2017).
// Of sample n of N, with π = softmax over those of the A actions that actionMask allows:
//   log r = log π(action) - oldLogProb
//   policyLoss = -min(r Â, clip(r, 1 ± ε) Â)                             d/dlog π(action) = -r Â, or 0 where clipped
//   valueLoss = ½ max((V - R)², (oldV + clip(V - oldV, ±c) - R)²)
//   H = -Σ π log π                                                       dH/dlogit = -π (log π + H)
//   approxKl = (r - 1) - log r        clipped = |r - 1| > ε
//   loss = policyLoss + valueCoef valueLoss - entropyCoef H
// each the mean over the samples that mask counts; 0 where there is none.
//
//   from_logits, from_log_probs          the policy's terms and their sums; a thread, or for many logits a workgroup,
//                                        takes `perThread` samples
//   value_sums, finish                   the value's terms and their sums; the means
//   logits_backward                      a thread takes elements of dlogits, or samples
//   log_probs_backward                   a thread takes samples
// Sums are taken in two stages and fixed order. `terms` holds planes of N values, which the later kernels need of the
// samples, and behind them the sums of each workgroup.

const MASKED: bool = false;           // whether mask is bound; else its binding is a stand-in
const ACTION_MASKED: bool = false;    // whether actionMask is bound
const CLIP_VALUES: bool = false;

struct Params {
  samples: u32,       // N
  actions: u32,       // A
  perThread: u32,     // samples of a thread, or of a workgroup
  groups: u32,        // workgroups of the policy's kernel
  valueGroups: u32,   // workgroups of value_sums
  clip: f32,          // ε
  valueClip: f32,     // c
  valueCoef: f32,
  entropyCoef: f32,
  fault: u32,         // the code for an action that does not exist
}
@group(1) @binding(0) var<uniform> params: Params;

const WEIGHT = 0u;       // planes of terms: 1 where the sample counts, else 0
const D_LOG_PROB = 1u;   // d policyLoss / d log π(action)
const D_VALUE = 2u;      // d valueLoss / d V
const ENTROPY = 3u;      // from here on of logits only
const TOP = 4u;          // log π = logit - top - logSum
const LOG_SUM = 5u;
const PLANES = 6u;

struct Metrics {
  policyLoss: f32,
  valueLoss: f32,
  entropy: f32,
  approxKl: f32,
  clipFraction: f32,
  share: f32,         // 1 / number of samples that count, or 0
}

// ---- the policy's terms

@group(0) @binding(0) var<storage, read> oldLogProbs: array<f32>;  // (N)
@group(0) @binding(1) var<storage, read> advantages: array<f32>;   // (N)
@group(0) @binding(2) var<storage, read> mask: array<u32>;         // (N)
@group(0) @binding(3) var<storage, read> logits: array<f32>;       // (N, A)
@group(0) @binding(4) var<storage, read> actions: array<u32>;      // (N)
@group(0) @binding(5) var<storage, read> actionMask: array<u32>;   // (N, A)
@group(0) @binding(6) var<storage, read_write> terms_of_logits: array<f32>;
@group(0) @binding(7) var<storage, read_write> fault: array<u32>;

@group(0) @binding(3) var<storage, read> logProbs: array<f32>;     // (N)
@group(0) @binding(4) var<storage, read> entropies: array<f32>;    // (N)
@group(0) @binding(5) var<storage, read_write> terms_of_log_probs: array<f32>;

/// Where a plane of terms has sample n.
fn place(plane: u32, n: u32) -> u32 {
  return plane * params.samples + n;
}

/// Where the policy's four sums of a workgroup stand, and the value's two.
fn policy_sums_at(group: u32) -> u32 {
  return PLANES * params.samples + 4u * group;
}
fn value_sums_at(group: u32) -> u32 {
  return policy_sums_at(params.groups) + 2u * group;
}

/// Masks are of any type: all bits but a float's sign are 0 in its zero.
fn is_set(bits: u32) -> bool {
  return (bits << 1u) != 0u;
}

/// The logit, finite; LOWEST where the action is not allowed.
fn allowed_logit(i: u32) -> f32 {
  if (ACTION_MASKED && !is_set(actionMask[i])) { return LOWEST; }
  return max(logits[i], LOWEST);
}

/// (r - 1) - log r; its series near r = 1, where the difference cancels.
fn kl_estimate(logRatio: f32, ratio: f32) -> f32 {
  let x = logRatio;
  let series = x * x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x / 720.0))));
  return select((ratio - 1.0) - x, series, abs(x) < 0.25);
}

/// Whether the mask counts a sample.
fn is_counted(n: u32) -> bool {
  return !MASKED || is_set(mask[n]);
}

/// Of one sample: what is summed (policyLoss, entropy, approxKl, clipped), and d policyLoss / d log π(action).
struct Policy { sums: vec4f, dLogProb: f32 }

fn policy_terms(n: u32, logProb: f32, entropy: f32) -> Policy {
  // The bounds keep r finite; a ratio beyond e^80 is no policy's.
  let logRatio = clamp(logProb - oldLogProbs[n], -80.0, 80.0);
  let ratio = exp_safe(logRatio);
  let advantage = advantages[n];
  let plain = ratio * advantage;
  let bounded = clamp(ratio, 1.0 - params.clip, 1.0 + params.clip) * advantage;
  let clipped = select(0.0, 1.0, abs(ratio - 1.0) > params.clip);
  let sums = vec4f(-min(plain, bounded), entropy, kl_estimate(logRatio, ratio), clipped);
  return Policy(sums, select(-plain, 0.0, bounded < plain));
}

@compute @workgroup_size(LANES)
fn from_logits(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let workgroup = group.x + group.y * groups.x;
  let first = select(lane, 0u, ROW_PER_THREAD);
  var sums = vec4f(0);
  for (var step = 0u; step < params.perThread; step++) {
    let n = row_of(workgroup * params.perThread + step, lane);
    let begin = n * params.actions;
    let width = select(0u, params.actions, n < params.samples);

    var top = LOWEST;
    for (var a = first; a < width; a += STEP) { top = max(top, allowed_logit(begin + a)); }
    top = row_max(top, lane);

    // d = logit - top:  H = log Σ e^d - Σ d e^d / Σ e^d, two terms of one sign
    var sum = 0f;
    var weighted = 0f;
    for (var a = first; a < width; a += STEP) {
      let logit = allowed_logit(begin + a);
      if (logit > LOWEST) {
        let d = max(logit - top, -100.0);
        let e = exp_safe(d);
        sum += e;
        weighted += d * e;
      }
    }
    sum = row_sum(sum, lane);
    weighted = row_sum(weighted, lane);
    if (n < params.samples && first == 0u) {
      // A row without an allowed action (sum = 0) has log π = 0 and H = 0.
      let logSum = log_precise(max(sum, 1.0));
      let entropy = logSum - weighted / max(sum, 1.0);
      let action = actions[n];
      let known = action < params.actions;
      let logit = allowed_logit(begin + select(0u, action, known));
      let logProb = select(0.0, logit - top - logSum, sum > 0.0);
      let policy = policy_terms(n, logProb, entropy);
      let counted = is_counted(n);
      if (counted && !known && fault[0] == 0u) { fault[0] = params.fault; }
      if (counted && known) { sums += policy.sums; }
      terms_of_logits[place(WEIGHT, n)] = select(0.0, 1.0, counted && known);
      terms_of_logits[place(D_LOG_PROB, n)] = policy.dLogProb;
      terms_of_logits[place(ENTROPY, n)] = entropy;
      terms_of_logits[place(TOP, n)] = top;
      terms_of_logits[place(LOG_SUM, n)] = logSum;
    }
  }
  sums = workgroup_sum_of_fours(sums, lane);
  if (lane == 0u && workgroup < params.groups) {
    let at = policy_sums_at(workgroup);
    for (var i = 0u; i < 4u; i++) { terms_of_logits[at + i] = sums[i]; }
  }
}

@compute @workgroup_size(LANES)
fn from_log_probs(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let workgroup = group.x + group.y * groups.x;
  var sums = vec4f(0);
  let begin = workgroup * params.perThread * LANES;
  let end = min(begin + params.perThread * LANES, params.samples);
  for (var n = begin + lane; n < end; n += LANES) {
    let policy = policy_terms(n, logProbs[n], entropies[n]);
    let counted = is_counted(n);
    if (counted) { sums += policy.sums; }
    terms_of_log_probs[place(WEIGHT, n)] = select(0.0, 1.0, counted);
    terms_of_log_probs[place(D_LOG_PROB, n)] = policy.dLogProb;
  }
  sums = workgroup_sum_of_fours(sums, lane);
  if (lane == 0u && workgroup < params.groups) {
    let at = policy_sums_at(workgroup);
    for (var i = 0u; i < 4u; i++) { terms_of_log_probs[at + i] = sums[i]; }
  }
}

// ---- the value's terms, and the means

@group(0) @binding(0) var<storage, read> values: array<f32>;       // (N)
@group(0) @binding(1) var<storage, read> returns: array<f32>;      // (N)
@group(0) @binding(2) var<storage, read> oldValues: array<f32>;    // (N)
@group(0) @binding(3) var<storage, read_write> terms: array<f32>;

@group(0) @binding(0) var<storage, read> all_terms: array<f32>;
@group(0) @binding(1) var<storage, read_write> loss: array<f32>;       // ()
@group(0) @binding(2) var<storage, read_write> metrics: array<Metrics>;

/// valueLoss and its derivative by V.
fn value_terms(n: u32) -> vec2f {
  let wanted = returns[n];
  let value = values[n];
  let error = value - wanted;
  if (CLIP_VALUES) {
    let change = value - oldValues[n];
    let bounded = oldValues[n] + clamp(change, -params.valueClip, params.valueClip) - wanted;
    if (bounded * bounded > error * error) {
      return vec2f(0.5 * bounded * bounded, select(0.0, bounded, abs(change) <= params.valueClip));
    }
  }
  return vec2f(0.5 * error * error, error);
}

/// Sums how many samples count, and their valueLoss.
@compute @workgroup_size(LANES)
fn value_sums(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let workgroup = group.x + group.y * groups.x;
  var sums = vec4f(0);
  let begin = workgroup * params.perThread * LANES;
  let end = min(begin + params.perThread * LANES, params.samples);
  for (var n = begin + lane; n < end; n += LANES) {
    let value = value_terms(n);
    terms[place(D_VALUE, n)] = value.y;
    if (terms[place(WEIGHT, n)] > 0.0) { sums += vec4f(1.0, value.x, 0.0, 0.0); }
  }
  sums = workgroup_sum_of_fours(sums, lane);
  if (lane == 0u && workgroup < params.valueGroups) {
    let at = value_sums_at(workgroup);
    terms[at] = sums.x;
    terms[at + 1u] = sums.y;
  }
}

@compute @workgroup_size(LANES)
fn finish(@builtin(local_invocation_index) lane: u32) {
  var policy = vec4f(0);
  var value = vec4f(0);
  for (var group = lane; group < params.groups; group += LANES) {
    let at = policy_sums_at(group);
    policy += vec4f(all_terms[at], all_terms[at + 1u], all_terms[at + 2u], all_terms[at + 3u]);
  }
  for (var group = lane; group < params.valueGroups; group += LANES) {
    let at = value_sums_at(group);
    value += vec4f(all_terms[at], all_terms[at + 1u], 0.0, 0.0);
  }
  policy = workgroup_sum_of_fours(policy, lane);
  value = workgroup_sum_of_fours(value, lane);
  if (lane != 0u) { return; }
  let count = value.x;
  let share = select(0.0, 1.0 / max(count, 1.0), count > 0.0);
  let means = policy * share;   // policyLoss, entropy, approxKl, clipped
  let valueLoss = value.y * share;
  loss[0] = means.x + params.valueCoef * valueLoss - params.entropyCoef * means.y;
  metrics[0] = Metrics(means.x, valueLoss, means.y, means.z, means.w, share);
}

// ---- the gradients; logits, actions and actionMask are bound as above

@group(0) @binding(0) var<storage, read> saved: array<f32>;                   // terms
@group(0) @binding(1) var<storage, read> found: array<Metrics>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;                    // (): gradient of the objective by loss
@group(0) @binding(6) var<storage, read_write> dlogits: array<f32>;         // (N, A)
@group(0) @binding(7) var<storage, read_write> dvaluesOfLogits: array<f32>; // (N)

@group(0) @binding(3) var<storage, read_write> dlogProbs: array<f32>;       // (N)
@group(0) @binding(4) var<storage, read_write> dentropies: array<f32>;      // (N)
@group(0) @binding(5) var<storage, read_write> dvalues: array<f32>;         // (N)

/// What a sample's gradients are multiplied by; 0 where it does not count, whatever they are.
fn share_of(n: u32) -> f32 {
  return select(0.0, found[0].share * dy[0], saved[place(WEIGHT, n)] > 0.0);
}

fn scaled(x: f32, share: f32) -> f32 {
  return select(0.0, x * share, share != 0.0);
}

@compute @workgroup_size(SPAN_THREADS)
fn logits_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let width = select(1u, params.actions, ROW_PER_THREAD);   // elements that a thread takes at once
  let span = span_of(group, groups, lane, params.samples * params.actions / width);
  for (var at = span.first; at < span.end; at += SPAN_THREADS) {
    let begin = at * width;
    let n = begin / params.actions;
    let share = share_of(n);
    let dLogProb = saved[place(D_LOG_PROB, n)];
    let entropy = saved[place(ENTROPY, n)];
    let top = saved[place(TOP, n)];
    let logSum = saved[place(LOG_SUM, n)];
    let chosen = n * params.actions + actions[n];
    for (var i = begin; i < begin + width; i++) {
      let logit = allowed_logit(i);
      var dlogit = 0f;
      if (logit > LOWEST) {
        // dlogit = dLogProb ([a = action] - π) + entropyCoef π (log π + H)
        let logPi = max(logit - top - logSum, -100.0);
        let pi = exp_safe(logPi);
        let hit = select(0.0, 1.0, i == chosen);
        dlogit = dLogProb * (hit - pi) + params.entropyCoef * pi * (logPi + entropy);
      }
      dlogits[i] = scaled(dlogit, share);
    }
    if (begin == n * params.actions) {
      dvaluesOfLogits[n] = scaled(params.valueCoef * saved[place(D_VALUE, n)], share);
    }
  }
}

@compute @workgroup_size(SPAN_THREADS)
fn log_probs_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.samples);
  for (var n = span.first; n < span.end; n += SPAN_THREADS) {
    let share = share_of(n);
    dlogProbs[n] = scaled(saved[place(D_LOG_PROB, n)], share);
    dentropies[n] = scaled(-params.entropyCoef, share);
    dvalues[n] = scaled(params.valueCoef * saved[place(D_VALUE, n)], share);
  }
}
