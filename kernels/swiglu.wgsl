// The gated unit SwiGLU (Shazeer 2020), elementwise:
//   forward    y = silu(gate) up                  silu(g) = g σ(g)
//   backward   dgate = dy up σ (1 + gate (1 - σ))      dup = dy silu(gate)      σ = σ(gate)
// packed_*: gate and up are the two halves of each row of x (rows, 2H), so that one product gives both.
// A thread owns 4 elements of y, a workgroup's width apart.

alias Element = f32;

struct Params { size: u32, H: u32 }   // of y; H columns
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> gate: array<Element>;
@group(0) @binding(1) var<storage, read> up: array<Element>;
@group(0) @binding(2) var<storage, read_write> y: array<Element>;          // forward
@group(0) @binding(2) var<storage, read> dy: array<Element>;               // backward
@group(0) @binding(3) var<storage, read_write> dgate: array<Element>;
@group(0) @binding(4) var<storage, read_write> dup: array<Element>;

@group(0) @binding(0) var<storage, read> x: array<Element>;                // packed_forward
@group(0) @binding(1) var<storage, read_write> packed_y: array<Element>;
@group(0) @binding(1) var<storage, read> packed_dy: array<Element>;        // packed_backward
@group(0) @binding(2) var<storage, read_write> dx: array<Element>;

const WIDTH = 64u;
const PER_THREAD = 4u;

fn gated(gate: f32, up: f32) -> f32 {
  return gate * sigmoid(gate) * up;
}

/// (dgate, dup)
fn slopes(gate: f32, up: f32, dy: f32) -> vec2f {
  let s = sigmoid(gate);
  return dy * vec2f(up * s * (1f + gate * (1f - s)), gate * s);
}

@compute @workgroup_size(WIDTH)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.x + group.y * groups.x) * (WIDTH * PER_THREAD) + lane;
  let end = min(first + WIDTH * PER_THREAD, params.size);
  for (var i = first; i < end; i += WIDTH) { y[i] = Element(gated(f32(gate[i]), f32(up[i]))); }
}

@compute @workgroup_size(WIDTH)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.x + group.y * groups.x) * (WIDTH * PER_THREAD) + lane;
  let end = min(first + WIDTH * PER_THREAD, params.size);
  for (var i = first; i < end; i += WIDTH) {
    let slope = slopes(f32(gate[i]), f32(up[i]), f32(dy[i]));
    dgate[i] = Element(slope.x);
    dup[i] = Element(slope.y);
  }
}

/// Where the gate of y[i] lies in x; its up lies H further.
fn gate_of(i: u32) -> u32 {
  return i / params.H * 2u * params.H + i % params.H;
}

@compute @workgroup_size(WIDTH)
fn packed_forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.x + group.y * groups.x) * (WIDTH * PER_THREAD) + lane;
  let end = min(first + WIDTH * PER_THREAD, params.size);
  for (var i = first; i < end; i += WIDTH) {
    let at = gate_of(i);
    packed_y[i] = Element(gated(f32(x[at]), f32(x[at + params.H])));
  }
}

@compute @workgroup_size(WIDTH)
fn packed_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.x + group.y * groups.x) * (WIDTH * PER_THREAD) + lane;
  let end = min(first + WIDTH * PER_THREAD, params.size);
  for (var i = first; i < end; i += WIDTH) {
    let at = gate_of(i);
    let slope = slopes(f32(x[at]), f32(x[at + params.H]), f32(packed_dy[i]));
    dx[at] = Element(slope.x);
    dx[at + params.H] = Element(slope.y);
  }
}
