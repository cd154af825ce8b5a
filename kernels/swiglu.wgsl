// The gated unit SwiGLU (Shazeer 2020), elementwise:
//   forward    y = silu(gate) up                  silu(g) = g σ(g)
//   backward   dgate = dy up σ (1 + gate (1 - σ))      dup = dy silu(gate)      σ = σ(gate)
// packed_*: gate and up are the two halves of each row of x (rows, 2H), so that one product gives both.
// A thread owns vectors of four elements of y where its rows have whole ones, else single elements.

alias Element = f32;
const WIDTH: u32 = 1u;              // elements of a vector
alias Vector = array<Element, 1>;   // vec4<Element> for four

struct Params { size: u32, H: u32 }   // of y; H columns; in vectors
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> gate: array<Vector>;
@group(0) @binding(1) var<storage, read> up: array<Vector>;
@group(0) @binding(2) var<storage, read_write> y: array<Vector>;          // forward
@group(0) @binding(2) var<storage, read> dy: array<Vector>;               // backward
@group(0) @binding(3) var<storage, read_write> dgate: array<Vector>;
@group(0) @binding(4) var<storage, read_write> dup: array<Vector>;

@group(0) @binding(0) var<storage, read> x: array<Vector>;                // packed_forward
@group(0) @binding(1) var<storage, read_write> packed_y: array<Vector>;
@group(0) @binding(1) var<storage, read> packed_dy: array<Vector>;        // packed_backward
@group(0) @binding(2) var<storage, read_write> dx: array<Vector>;

fn gated(gate: Vector, up: Vector) -> Vector {
  var y: Vector;
  for (var c = 0u; c < WIDTH; c++) {
    let g = f32(gate[c]);
    y[c] = Element(g * sigmoid(g) * f32(up[c]));
  }
  return y;
}

struct Slopes { gate: Vector, up: Vector }
fn slopes(gate: Vector, up: Vector, dy: Vector) -> Slopes {
  var slopes: Slopes;
  for (var c = 0u; c < WIDTH; c++) {
    let g = f32(gate[c]);
    let s = sigmoid(g);
    slopes.gate[c] = Element(f32(dy[c]) * f32(up[c]) * s * (1f + g * (1f - s)));
    slopes.up[c] = Element(f32(dy[c]) * g * s);
  }
  return slopes;
}

@compute @workgroup_size(SPAN_THREADS)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) { y[i] = gated(gate[i], up[i]); }
}

@compute @workgroup_size(SPAN_THREADS)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let slope = slopes(gate[i], up[i], dy[i]);
    dgate[i] = slope.gate;
    dup[i] = slope.up;
  }
}

/// Where the gate of y[i] lies in x; its up lies H further.
fn gate_of(i: u32) -> u32 {
  return i / params.H * 2u * params.H + i % params.H;
}

@compute @workgroup_size(SPAN_THREADS)
fn packed_forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let at = gate_of(i);
    packed_y[i] = gated(x[at], x[at + params.H]);
  }
}

@compute @workgroup_size(SPAN_THREADS)
fn packed_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let at = gate_of(i);
    let slope = slopes(x[at], x[at + params.H], packed_dy[i]);
    dx[at] = slope.gate;
    dx[at + params.H] = slope.up;
  }
}
