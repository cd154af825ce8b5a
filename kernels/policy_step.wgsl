// One action each for N copies of an environment, by a policy of two hidden layers with tanh, in one dispatch:
//   h = tanh(W₂ tanh(W₁ x + b₁) + b₂)      z = W₃ h + b₃
//   discrete     a ~ softmax(z), as sample_action.wgsl draws it
//   continuous   a = z + e^logStd N(0, 1), as noise.wgsl draws it
// Small policies are many launches for little work; this is the same in one, without gradients.
//
// A workgroup takes 16 copies. What a hidden layer makes of them lies in workgroup memory, a unit's 16 values side by side
// in four vectors; a thread has four units of all 16 copies, or on CPUs eight, where loads bound: 6 of them then serve 128
// multiply-adds. Outputs are few, so that there a thread has one copy. `weights` holds each layer as a matrix
// (inputs + 1, outputs), in fours, the bias as its last row.

alias Action = u32;               // f32 where continuous
const CONTINUOUS: bool = false;
const NORMALISED: bool = false;   // whether x is clamp((observation - mean) * scale, ±CLIP)

const THREADS: u32 = 16;
const FOURS: u32 = 1;              // of units, that a thread has at once: 1 or 2
const INPUTS: u32 = 4;
const HIDDEN_1: u32 = 64;         // multiples of 4
const HIDDEN_2: u32 = 64;
const OUTPUTS: u32 = 2;

const COPIES = 16u;               // of a workgroup
const CLIP = 10f;

struct Params { copies: u32, stream: u32 }   // N
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> observations: array<f32>;   // (N, INPUTS)
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;      // the three layers, one after the other
@group(0) @binding(2) var<storage, read> extras: array<f32>;         // mean, scale (INPUTS); logStd (OUTPUTS)
@group(0) @binding(3) var<storage, read> state: array<u32>;          // (key, key, step, 0)
@group(0) @binding(4) var<storage, read_write> actions: array<Action>;   // (N), or (N, OUTPUTS)

const WIDTHS = array<u32, 4>(INPUTS, HIDDEN_1, HIDDEN_2, OUTPUTS);
/// Units that a layer reads lie in one half, those that it writes in the other; after two layers that is the first.
const HALF = 4u * max(INPUTS, max(HIDDEN_1, HIDDEN_2));
const FOURS_OUT = (OUTPUTS + 3u) / 4u;
var<workgroup> units: array<vec4f, 2u * HALF>;

@compute @workgroup_size(THREADS)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.x + group.y * groups.x) * COPIES;
  for (var i = lane; i < INPUTS * 4u; i += THREADS) { units[i] = four_inputs(first + i % 4u * 4u, i / 4u); }
  workgroupBarrier();
  var start = 0u;
  var source = 0u;
  for (var depth = 0u; depth < 2u; depth++) {
    let fours = WIDTHS[depth + 1u] / 4u;
    let goal = HALF - source;
    layer(start, WIDTHS[depth], fours, source, goal, lane);
    workgroupBarrier();
    bend(goal, WIDTHS[depth + 1u], lane);
    workgroupBarrier();
    start += (WIDTHS[depth] + 1u) * fours;
    source = goal;
  }
  for (var copy = lane; copy < COPIES; copy += THREADS) {
    if (first + copy < params.copies) { choose(first + copy, outputs_of(copy, start)); }
  }
}

/// z of one copy; `start` is the last layer's place in `weights`.
fn outputs_of(copy: u32, start: u32) -> array<vec4f, FOURS_OUT> {
  var z: array<vec4f, FOURS_OUT>;
  for (var four = 0u; four < FOURS_OUT; four++) {
    var sum = weights[start + HIDDEN_2 * FOURS_OUT + four];
    for (var k = 0u; k < HIDDEN_2; k++) {
      sum += weights[start + k * FOURS_OUT + four] * units[4u * k + copy / 4u][copy % 4u];
    }
    z[four] = sum;
  }
  return z;
}

/// Input k of the four copies from `copy` on. Copies past the last are that one again; they are not stored.
fn four_inputs(copy: u32, k: u32) -> vec4f {
  let at = min(vec4u(copy, copy + 1u, copy + 2u, copy + 3u), vec4u(params.copies - 1u)) * INPUTS + k;
  let x = vec4f(observations[at.x], observations[at.y], observations[at.z], observations[at.w]);
  if (!NORMALISED) { return x; }
  return clamp((x - extras[k]) * extras[INPUTS + k], vec4f(-CLIP), vec4f(CLIP));
}

/// W x + b for all copies, from the units at `source` to those at `goal`; `start` is the layer's place in `weights`.
fn layer(start: u32, inputs: u32, fours: u32, source: u32, goal: u32, lane: u32) {
  for (var four = lane; four < fours; four += THREADS * FOURS) {
    let other = min(four + THREADS, fours - 1u);
    let row = start + inputs * fours;
    var l0 = biased(weights[row + four]); var l1 = l0; var l2 = l0; var l3 = l0;
    var r0 = biased(weights[row + other]); var r1 = r0; var r2 = r0; var r3 = r0;
    for (var k = 0u; k < inputs; k++) {
      let x = source + 4u * k;
      let x0 = units[x]; let x1 = units[x + 1u]; let x2 = units[x + 2u]; let x3 = units[x + 3u];
      let w = weights[start + k * fours + four];
      l0 = rank_one(l0, w, x0); l1 = rank_one(l1, w, x1); l2 = rank_one(l2, w, x2); l3 = rank_one(l3, w, x3);
      if (FOURS == 2u) {
        let v = weights[start + k * fours + other];
        r0 = rank_one(r0, v, x0); r1 = rank_one(r1, v, x1); r2 = rank_one(r2, v, x2); r3 = rank_one(r3, v, x3);
      }
    }
    store(goal + 16u * four, l0, l1, l2, l3);
    if (FOURS == 2u && four + THREADS < fours) { store(goal + 16u * other, r0, r1, r2, r3); }
  }
}

/// A tile of four units and four copies, before the first input.
fn biased(bias: vec4f) -> mat4x4f {
  return mat4x4f(bias.xxxx, bias.yyyy, bias.zzzz, bias.wwww);
}

/// Stores four units of all copies.
fn store(start: u32, s0: mat4x4f, s1: mat4x4f, s2: mat4x4f, s3: mat4x4f) {
  var m0 = s0; var m1 = s1; var m2 = s2; var m3 = s3;
  for (var at = start; at < start + 16u; at += 4u) {
    units[at] = m0[0]; units[at + 1u] = m1[0]; units[at + 2u] = m2[0]; units[at + 3u] = m3[0];
    m0 = moved_up(m0, m0); m1 = moved_up(m1, m1); m2 = moved_up(m2, m2); m3 = moved_up(m3, m3);
  }
}

/// tanh of units.
fn bend(start: u32, count: u32, lane: u32) {
  for (var i = lane; i < 4u * count; i += THREADS) {
    let z = units[start + i];
    units[start + i] = vec4f(tanh_safe(z.x), tanh_safe(z.y), tanh_safe(z.z), tanh_safe(z.w));
  }
}

/// Draws the action of a copy by its outputs z.
fn choose(copy: u32, outputs: array<vec4f, FOURS_OUT>) {
  var z = outputs;
  let key = vec2u(state[0], state[1]);
  if (CONTINUOUS) {
    for (var j = 0u; j < OUTPUTS; j++) {
      let i = copy * OUTPUTS + j;
      let noise = random_normal(i, params.stream, state[2], key);
      actions[i] = Action(z[j / 4u][j % 4u] + exp_safe(extras[2u * INPUTS + j]) * noise);
    }
    return;
  }
  var top = LOWEST;
  for (var j = 0u; j < OUTPUTS; j++) { top = max(top, z[j / 4u][j % 4u]); }
  var sum = 0f;
  for (var j = 0u; j < OUTPUTS; j++) { sum += exp_safe(max(z[j / 4u][j % 4u] - top, -100f)); }
  var left = sum * random_uniform(copy, params.stream, state[2], key);
  var action = 0u;
  for (; action + 1u < OUTPUTS; action++) {   // by rounding, something may be left after the last
    left -= exp_safe(max(z[action / 4u][action % 4u] - top, -100f));
    if (left < 0f) { break; }
  }
  actions[copy] = Action(action);
}
