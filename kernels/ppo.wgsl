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
//   from_logits, from_log_probs          the policy's terms; a thread per sample, or a workgroup per row of many logits
//   sums, finish                         the value's terms and the means, in two stages and fixed order
//   logits_backward, log_probs_backward  a thread per element of the gradients

const MASKED: bool = false;           // whether mask is bound; else its binding is a stand-in
const ACTION_MASKED: bool = false;    // whether actionMask is bound
const CLIP_VALUES: bool = false;

struct Params {
  samples: u32,       // N
  actions: u32,       // A
  groups: u32,        // workgroups of sums, at most LANES
  clip: f32,          // ε
  valueClip: f32,     // c
  valueCoef: f32,
  entropyCoef: f32,
  fault: u32,         // the code for an action that does not exist
}
@group(1) @binding(0) var<uniform> params: Params;

/// What the later kernels need to know of a sample.
struct Sample {
  weight: f32,        // 1 where the sample counts, else 0
  policyLoss: f32,
  entropy: f32,
  approxKl: f32,
  clipped: f32,
  dLogProb: f32,      // d policyLoss / d log π(action)
  dValue: f32,        // d valueLoss / d V
  top: f32,           // log π = logit - top - logSum
  logSum: f32,
}

struct Sums { count: f32, policyLoss: f32, valueLoss: f32, entropy: f32, approxKl: f32, clipped: f32 }

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
@group(0) @binding(6) var<storage, read_write> samples_of_logits: array<Sample>;
@group(0) @binding(7) var<storage, read_write> fault: array<u32>;

@group(0) @binding(3) var<storage, read> logProbs: array<f32>;     // (N)
@group(0) @binding(4) var<storage, read> entropies: array<f32>;    // (N)
@group(0) @binding(5) var<storage, read_write> samples_of_log_probs: array<Sample>;

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

fn policy_terms(n: u32, logProb: f32, entropy: f32) -> Sample {
  let counts = !MASKED || is_set(mask[n]);
  // The bounds keep r finite; a ratio beyond e^80 is no policy's.
  let logRatio = clamp(logProb - oldLogProbs[n], -80.0, 80.0);
  let ratio = exp_safe(logRatio);
  let plain = ratio * advantages[n];
  let bounded = clamp(ratio, 1.0 - params.clip, 1.0 + params.clip) * advantages[n];
  var sample: Sample;
  sample.weight = select(0.0, 1.0, counts);
  sample.policyLoss = -min(plain, bounded);
  sample.entropy = entropy;
  sample.approxKl = kl_estimate(logRatio, ratio);
  sample.clipped = select(0.0, 1.0, abs(ratio - 1.0) > params.clip);
  sample.dLogProb = select(-plain, 0.0, bounded < plain);
  return sample;
}

@compute @workgroup_size(LANES)
fn from_logits(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = row_of(group.x + group.y * groups.x, lane);
  let begin = n * params.actions;
  let width = select(0u, params.actions, n < params.samples);
  let first = select(lane, 0u, ROW_PER_THREAD);

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
      sum += exp_safe(d);
      weighted += d * exp_safe(d);
    }
  }
  sum = row_sum(sum, lane);
  weighted = row_sum(weighted, lane);
  if (n >= params.samples || first != 0u) { return; }

  // A row without an allowed action (sum = 0) has log π = 0 and H = 0.
  let logSum = log_precise(max(sum, 1.0));
  let entropy = logSum - weighted / max(sum, 1.0);
  let action = actions[n];
  let known = action < params.actions;
  let logit = allowed_logit(begin + select(0u, action, known));
  let logProb = select(0.0, logit - top - logSum, sum > 0.0);
  var sample = policy_terms(n, logProb, entropy);
  if (!known && sample.weight > 0.0) {
    if (fault[0] == 0u) { fault[0] = params.fault; }
    sample.weight = 0.0;
  }
  sample.top = top;
  sample.logSum = logSum;
  samples_of_logits[n] = sample;
}

@compute @workgroup_size(64)
fn from_log_probs(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = (group.x + group.y * groups.x) * 64u + lane;
  if (n < params.samples) { samples_of_log_probs[n] = policy_terms(n, logProbs[n], entropies[n]); }
}

// ---- the value's terms, and the means

@group(0) @binding(0) var<storage, read> values: array<f32>;       // (N)
@group(0) @binding(1) var<storage, read> returns: array<f32>;      // (N)
@group(0) @binding(2) var<storage, read> oldValues: array<f32>;    // (N)
@group(0) @binding(3) var<storage, read_write> samples: array<Sample>;
@group(0) @binding(4) var<storage, read_write> partials: array<Sums>;  // (groups)

@group(0) @binding(0) var<storage, read> partial_sums: array<Sums>;
@group(0) @binding(1) var<storage, read_write> loss: array<f32>;       // ()
@group(0) @binding(2) var<storage, read_write> metrics: array<Metrics>;

/// valueLoss and its derivative by V.
fn value_terms(n: u32) -> vec2f {
  let error = values[n] - returns[n];
  if (CLIP_VALUES) {
    let change = values[n] - oldValues[n];
    let bounded = oldValues[n] + clamp(change, -params.valueClip, params.valueClip) - returns[n];
    if (bounded * bounded > error * error) {
      return vec2f(0.5 * bounded * bounded, select(0.0, bounded, abs(change) <= params.valueClip));
    }
  }
  return vec2f(0.5 * error * error, error);
}

fn workgroup_sums(mine: Sums, lane: u32) -> Sums {
  return Sums(
    workgroup_sum(mine.count, lane),
    workgroup_sum(mine.policyLoss, lane),
    workgroup_sum(mine.valueLoss, lane),
    workgroup_sum(mine.entropy, lane),
    workgroup_sum(mine.approxKl, lane),
    workgroup_sum(mine.clipped, lane),
  );
}

@compute @workgroup_size(LANES)
fn sums(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var mine: Sums;
  for (var n = group.x * LANES + lane; n < params.samples; n += params.groups * LANES) {
    let value = value_terms(n);
    samples[n].dValue = value.y;
    let sample = samples[n];
    if (sample.weight > 0.0) {
      mine.count += 1.0;
      mine.policyLoss += sample.policyLoss;
      mine.valueLoss += value.x;
      mine.entropy += sample.entropy;
      mine.approxKl += sample.approxKl;
      mine.clipped += sample.clipped;
    }
  }
  let total = workgroup_sums(mine, lane);
  if (lane == 0u) { partials[group.x] = total; }
}

@compute @workgroup_size(LANES)
fn finish(@builtin(local_invocation_index) lane: u32) {
  var mine: Sums;
  if (lane < params.groups) { mine = partial_sums[lane]; }
  let total = workgroup_sums(mine, lane);
  if (lane != 0u) { return; }
  let share = select(0.0, 1.0 / max(total.count, 1.0), total.count > 0.0);
  let policyLoss = total.policyLoss * share;
  let valueLoss = total.valueLoss * share;
  let entropy = total.entropy * share;
  loss[0] = policyLoss + params.valueCoef * valueLoss - params.entropyCoef * entropy;
  metrics[0] = Metrics(policyLoss, valueLoss, entropy, total.approxKl * share, total.clipped * share, share);
}

// ---- the gradients; logits, actions and actionMask are bound as above

@group(0) @binding(0) var<storage, read> saved: array<Sample>;
@group(0) @binding(1) var<storage, read> means: array<Metrics>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;                    // (): gradient of the objective by loss
@group(0) @binding(6) var<storage, read_write> dlogits: array<f32>;         // (N, A)
@group(0) @binding(7) var<storage, read_write> dvaluesOfLogits: array<f32>; // (N)

@group(0) @binding(3) var<storage, read_write> dlogProbs: array<f32>;       // (N)
@group(0) @binding(4) var<storage, read_write> dentropies: array<f32>;      // (N)
@group(0) @binding(5) var<storage, read_write> dvalues: array<f32>;         // (N)

/// x dy / count, and 0 whatever x is where the sample does not count.
fn scaled(x: f32, weight: f32) -> f32 {
  return select(0.0, x * means[0].share * dy[0], weight > 0.0);
}

@compute @workgroup_size(64)
fn logits_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.samples * params.actions) { return; }
  let n = i / params.actions;
  let a = i % params.actions;
  let sample = saved[n];
  let logit = allowed_logit(i);
  var dlogit = 0f;
  if (logit > LOWEST) {
    // dlogit = dLogProb ([a = action] - π) + entropyCoef π (log π + H)
    let logPi = max(logit - sample.top - sample.logSum, -100.0);
    let pi = exp_safe(logPi);
    let hit = select(0.0, 1.0, a == actions[n]);
    dlogit = sample.dLogProb * (hit - pi) + params.entropyCoef * pi * (logPi + sample.entropy);
  }
  dlogits[i] = scaled(dlogit, sample.weight);
  if (a == 0u) { dvaluesOfLogits[n] = scaled(params.valueCoef * sample.dValue, sample.weight); }
}

@compute @workgroup_size(64)
fn log_probs_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = (group.x + group.y * groups.x) * 64u + lane;
  if (n >= params.samples) { return; }
  let sample = saved[n];
  dlogProbs[n] = scaled(sample.dLogProb, sample.weight);
  dentropies[n] = scaled(-params.entropyCoef, sample.weight);
  dvalues[n] = scaled(params.valueCoef * sample.dValue, sample.weight);
}
