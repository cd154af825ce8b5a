// What a policy's loss needs of its logits (N, A), in one pass, and the gradient of both results in one.
// With π = softmax over those of the A actions that actionMask allows:
//   logProb[n] = log π(actions[n])                 d/dlogit = [a = action] - π
//   entropy[n] = H = -Σ π log π                    d/dlogit = -π (log π + H)
// A row without an allowed action has log π = 0 and H = 0; an action out of [0, A) has log π = 0 and is a fault. A row
// belongs to a workgroup, or to a thread where rows are short (lib/rows.wgsl); in backward, each element to a thread.

const ACTION_MASKED: bool = false;    // whether actionMask is bound; else its binding is a stand-in
const BY_LOG_PROB: bool = true;       // which of the upstream gradients are bound; else theirs are stand-ins
const BY_ENTROPY: bool = true;

struct Params { samples: u32, actions: u32, fault: u32 }   // N, A
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> logits: array<f32>;                // (N, A)
@group(0) @binding(1) var<storage, read> actions: array<u32>;               // (N)
@group(0) @binding(2) var<storage, read> actionMask: array<u32>;            // (N, A)
@group(0) @binding(3) var<storage, read_write> logProb: array<f32>;         // forward, (N)
@group(0) @binding(4) var<storage, read_write> entropy: array<f32>;         // (N)
@group(0) @binding(5) var<storage, read_write> parts: array<vec2f>;         // (N): log π = logit - top - logSum
@group(0) @binding(6) var<storage, read_write> fault: array<u32>;

@group(0) @binding(3) var<storage, read> saved_entropy: array<f32>;         // backward
@group(0) @binding(4) var<storage, read> saved_parts: array<vec2f>;
@group(0) @binding(5) var<storage, read> dlogProb: array<f32>;              // (N)
@group(0) @binding(6) var<storage, read> dentropy: array<f32>;              // (N)
@group(0) @binding(7) var<storage, read_write> dlogits: array<f32>;         // (N, A)

/// The logit, finite; LOWEST where the action is not allowed. Masks are of any type: all bits but a float's sign are 0
/// in its zero.
fn allowed_logit(i: u32) -> f32 {
  if (ACTION_MASKED && (actionMask[i] << 1u) == 0u) { return LOWEST; }
  return max(logits[i], LOWEST);
}

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(n, params.samples, params.actions, 1u, lane);
  var top = LOWEST;
  for (var i = own.first; i < own.end; i += STEP) { top = max(top, allowed_logit(i)); }
  top = row_max(top, lane);

  // d = logit - top:  H = log Σ e^d - Σ d e^d / Σ e^d, two terms of one sign
  var sum = 0f;
  var weighted = 0f;
  for (var i = own.first; i < own.end; i += STEP) {
    let logit = allowed_logit(i);
    if (logit > LOWEST) {
      let d = max(logit - top, -100f);
      sum += exp_safe(d);
      weighted += d * exp_safe(d);
    }
  }
  sum = row_sum(sum, lane);
  weighted = row_sum(weighted, lane);
  if (n >= params.samples || (!ROW_PER_THREAD && lane > 0u)) { return; }

  let logSum = log_precise(max(sum, 1f));
  let action = actions[n];
  let known = action < params.actions;
  let logit = allowed_logit(n * params.actions + select(0u, action, known));
  logProb[n] = select(0f, logit - top - logSum, known && sum > 0f);
  entropy[n] = logSum - weighted / max(sum, 1f);
  parts[n] = vec2f(top, logSum);
  if (!known && fault[0] == 0u) { fault[0] = params.fault; }
}

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.samples * params.actions) { return; }
  let n = i / params.actions;
  let logit = allowed_logit(i);
  var slope = 0f;
  if (logit > LOWEST) {
    let logPi = max(logit - saved_parts[n].x - saved_parts[n].y, -100f);
    let pi = exp_safe(logPi);
    if (BY_LOG_PROB && actions[n] < params.actions) {
      slope += dlogProb[n] * (select(0f, 1f, i % params.actions == actions[n]) - pi);
    }
    if (BY_ENTROPY) { slope -= dentropy[n] * pi * (logPi + saved_entropy[n]); }
  }
  dlogits[i] = slope;
}
