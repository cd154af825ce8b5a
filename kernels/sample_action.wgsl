// An action for each row of a policy's logits (N, A), by inverting the distribution function: the first action whose
// share, added to those before it, passes a uniform number. A row belongs to a thread: a policy has few actions.
// The draw of row n follows from (state, stream, n). A row without an allowed action gives 0.

const ACTION_MASKED: bool = false;    // whether actionMask is bound; else its binding is a stand-in

struct Params { samples: u32, actions: u32, stream: u32 }   // N, A
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> logits: array<f32>;           // (N, A)
@group(0) @binding(1) var<storage, read> actionMask: array<u32>;       // (N, A)
@group(0) @binding(2) var<storage, read> state: array<u32>;            // (key, key, step, 0)
@group(0) @binding(3) var<storage, read_write> chosen: array<u32>;     // (N)

fn is_allowed(i: u32) -> bool {
  return !ACTION_MASKED || (actionMask[i] << 1u) != 0u;
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = (group.x + group.y * groups.x) * 64u + lane;
  if (n >= params.samples) { return; }
  let first = n * params.actions;
  let end = first + params.actions;
  var top = LOWEST;
  for (var i = first; i < end; i++) {
    if (is_allowed(i)) { top = max(top, logits[i]); }
  }
  var sum = 0f;
  for (var i = first; i < end; i++) {
    if (is_allowed(i)) { sum += exp_safe(max(logits[i] - top, -100f)); }
  }
  var left = sum * random_uniform(n, params.stream, state[2], vec2u(state[0], state[1]));
  var action = 0u;
  for (var i = first; i < end; i++) {
    if (!is_allowed(i)) { continue; }
    action = i - first;      // by rounding, something may be left after the last
    left -= exp_safe(max(logits[i] - top, -100f));
    if (left < 0f) { break; }
  }
  chosen[n] = action;
}
