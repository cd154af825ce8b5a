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
// Sums are taken in two stages and fixed order. `terms` holds a vector per sample of what the later kernels need of it,
// behind them the sums of each workgroup, and then d valueLoss / d V of four samples a vector.

const MASKED: bool = false;           // whether mask is bound; else its binding is a stand-in
const ACTION_MASKED: bool = false;    // whether actionMask is bound
const CLIP_VALUES: bool = false;
const ACTIONS: u32 = 1u;              // A; known when compiling, so that the loops over short rows unroll
const WIDTH: u32 = 1u;                // logits read at once: 4 where A is a multiple of it
alias Logits = array<f32, 1>;         // so many; vec4f
alias Allowed = array<u32, 1>;        // and of actionMask; vec4u
const VECTORS: u32 = ACTIONS / WIDTH; // of a row

struct Params {
  samples: u32,       // N
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

/// The vector of a sample; all but dLogProb and the mark of logSum of logits only.
struct Sample {
  dLogProb: f32,      // d policyLoss / d log π(action)
  entropy: f32,
  top: f32,           // log π = logit - top - logSum
  logSum: f32,        // UNCOUNTED where the sample does not count
}
const UNCOUNTED: f32 = -1.0;

fn sample_of(term: vec4f) -> Sample {
  return Sample(term.x, term.y, term.z, term.w);
}

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
@group(0) @binding(3) var<storage, read> logits: array<Logits>;    // (N, A)
@group(0) @binding(4) var<storage, read> actions: array<u32>;      // (N)
@group(0) @binding(5) var<storage, read> actionMask: array<Allowed>;   // (N, A)
@group(0) @binding(6) var<storage, read_write> terms_of_logits: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> fault: array<u32>;

@group(0) @binding(3) var<storage, read> logProbs: array<f32>;     // (N)
@group(0) @binding(4) var<storage, read> entropies: array<f32>;    // (N)
@group(0) @binding(5) var<storage, read_write> terms_of_log_probs: array<vec4f>;

/// Where the sums of a workgroup stand in terms: the policy's, the value's.
fn policy_sums_at(group: u32) -> u32 {
  return params.samples + group;
}
fn value_sums_at(group: u32) -> u32 {
  return policy_sums_at(params.groups) + group;
}

/// The vector in which d valueLoss / d V of sample n stands, as component n % 4.
fn value_slope_at(n: u32) -> u32 {
  return value_sums_at(params.valueGroups) + n / 4u;
}

/// Masks are of any type: all bits but a float's sign are 0 in its zero.
fn is_set(bits: u32) -> bool {
  return (bits << 1u) != 0u;
}

/// The logits from i WIDTH on, finite; LOWEST where the action is not allowed, and beyond WIDTH.
fn allowed_logits(i: u32) -> vec4f {
  var found = logits[i];
  var row = vec4f(LOWEST);
  for (var c = 0u; c < WIDTH; c++) {
    if (!ACTION_MASKED || is_set(actionMask[i][c])) { row[c] = max(found[c], LOWEST); }
  }
  return row;
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
    let begin = n * VECTORS;
    let width = select(0u, VECTORS, n < params.samples);

    var highest = vec4f(LOWEST);
    for (var a = first; a < width; a += STEP) { highest = max(highest, allowed_logits(begin + a)); }
    let top = row_max(max_of_four(highest), lane);

    // d = logit - top:  H = log Σ e^d - Σ d e^d / Σ e^d, two terms of one sign
    var sumsOfE = vec4f(0);
    var sumsOfDE = vec4f(0);
    for (var a = first; a < width; a += STEP) {
      let row = allowed_logits(begin + a);
      let d = max(row - top, vec4f(-100.0));
      let e = select(exp_nonpositive_four(d), vec4f(0), row == vec4f(LOWEST));
      sumsOfE += e;
      sumsOfDE += d * e;
    }
    let sum = row_sum(sum_of_four(sumsOfE), lane);
    let weighted = row_sum(sum_of_four(sumsOfDE), lane);
    if (n < params.samples && first == 0u) {
      // A row without an allowed action (sum = 0) has log π = 0 and H = 0.
      let logSum = log_precise(max(sum, 1.0));
      let entropy = logSum - weighted / max(sum, 1.0);
      let action = actions[n];
      let known = action < ACTIONS;
      let near = select(0u, action, known);
      let logit = allowed_logits(begin + near / WIDTH)[near % WIDTH];
      let logProb = select(0.0, logit - top - logSum, sum > 0.0);
      let policy = policy_terms(n, logProb, entropy);
      let counted = is_counted(n);
      if (counted && !known && fault[0] == 0u) { fault[0] = params.fault; }
      if (counted && known) { sums += policy.sums; }
      terms_of_logits[n] = vec4f(policy.dLogProb, entropy, top, select(UNCOUNTED, logSum, counted && known));
    }
  }
  sums = workgroup_sum_of_fours(sums, lane);
  if (lane == 0u && workgroup < params.groups) { terms_of_logits[policy_sums_at(workgroup)] = sums; }
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
    terms_of_log_probs[n] = vec4f(policy.dLogProb, 0.0, 0.0, select(UNCOUNTED, 0.0, counted));
  }
  sums = workgroup_sum_of_fours(sums, lane);
  if (lane == 0u && workgroup < params.groups) { terms_of_log_probs[policy_sums_at(workgroup)] = sums; }
}

// ---- the value's terms, and the means

@group(0) @binding(0) var<storage, read> values: array<f32>;       // (N)
@group(0) @binding(1) var<storage, read> returns: array<f32>;      // (N)
@group(0) @binding(2) var<storage, read> oldValues: array<f32>;    // (N)
@group(0) @binding(3) var<storage, read_write> terms: array<vec4f>;

@group(0) @binding(0) var<storage, read> all_terms: array<vec4f>;
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
    terms[value_slope_at(n)][n % 4u] = value.y;
    if (sample_of(terms[n]).logSum != UNCOUNTED) { sums += vec4f(1.0, value.x, 0.0, 0.0); }
  }
  sums = workgroup_sum_of_fours(sums, lane);
  if (lane == 0u && workgroup < params.valueGroups) { terms[value_sums_at(workgroup)] = sums; }
}

@compute @workgroup_size(LANES)
fn finish(@builtin(local_invocation_index) lane: u32) {
  var policy = vec4f(0);
  var value = vec4f(0);
  for (var group = lane; group < params.groups; group += LANES) { policy += all_terms[policy_sums_at(group)]; }
  for (var group = lane; group < params.valueGroups; group += LANES) { value += all_terms[value_sums_at(group)]; }
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

@group(0) @binding(0) var<storage, read> saved: array<vec4f>;                   // terms
@group(0) @binding(1) var<storage, read> found: array<Metrics>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;                    // (): gradient of the objective by loss
@group(0) @binding(6) var<storage, read_write> dlogits: array<Logits>;      // (N, A)
@group(0) @binding(7) var<storage, read_write> dvaluesOfLogits: array<f32>; // (N)

@group(0) @binding(3) var<storage, read_write> dlogProbs: array<f32>;       // (N)
@group(0) @binding(4) var<storage, read_write> dentropies: array<f32>;      // (N)
@group(0) @binding(5) var<storage, read_write> dvalues: array<f32>;         // (N)

/// What a sample's gradients are multiplied by; 0 where it does not count, whatever they are.
fn share_of(sample: Sample, scale: f32) -> f32 {
  return select(0.0, scale, sample.logSum != UNCOUNTED);
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
  let taken = select(1u, VECTORS, ROW_PER_THREAD);   // of the row's vectors, by a thread at once
  let span = span_of(group, groups, lane, params.samples * VECTORS / taken);
  let scale = found[0].share * dy[0];
  for (var at = span.first; at < span.end; at += SPAN_THREADS) {
    let begin = at * taken;
    let n = begin / VECTORS;
    let sample = sample_of(saved[n]);
    let share = share_of(sample, scale);
    let chosen = n * ACTIONS + actions[n];
    for (var i = begin; i < begin + taken; i++) {
      let row = allowed_logits(i);
      // dlogit = dLogProb ([a = action] - π) + entropyCoef π (log π + H)
      let logPi = clamp(row - sample.top - sample.logSum, vec4f(-100.0), vec4f(0));
      let pi = exp_nonpositive_four(logPi);
      let hit = select(vec4f(0), vec4f(1), vec4u(0, 1, 2, 3) + i * WIDTH == vec4u(chosen));
      let d = sample.dLogProb * (hit - pi) + params.entropyCoef * pi * (logPi + sample.entropy);
      var dlogit: Logits;
      for (var c = 0u; c < WIDTH; c++) { dlogit[c] = select(0.0, scaled(d[c], share), row[c] > LOWEST); }
      dlogits[i] = dlogit;
    }
    if (begin == n * VECTORS) {
      dvaluesOfLogits[n] = scaled(params.valueCoef * saved[value_slope_at(n)][n % 4u], share);
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
  let scale = found[0].share * dy[0];
  for (var n = span.first; n < span.end; n += SPAN_THREADS) {
    let sample = sample_of(saved[n]);
    let share = share_of(sample, scale);
    dlogProbs[n] = scaled(sample.dLogProb, share);
    dentropies[n] = scaled(-params.entropyCoef, share);
    dvalues[n] = scaled(params.valueCoef * saved[value_slope_at(n)][n % 4u], share);
  }
}
