// Copies between strided views, with conversion of the element type.
//   forward   y[i…] = Target(x[i…])          x (shape, xStrides) -> y (shape, yStrides)
//   fill      y[i…] = value
// A thread owns elements, which may be vectors of four. Axes are merged by the host; at most 8 remain.

alias Source = f32;        // or vec4<f32>, and so on
alias Target = f32;
alias Value = f32;         // of Target
alias Carrier = f32;       // how `value` comes: f32, i32 or u32
const RANK: u32 = 8;       // axes; known when compiling, so that the walk over them unrolls

struct Params {
  size: u32,               // number of elements
  xStart: u32,             // in elements, as the strides
  yStart: u32,
  shape: array<vec4u, 2>,
  xStrides: array<vec4u, 2>,
  yStrides: array<vec4u, 2>,
  value: u32,              // the bits of a Carrier
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Source>;
@group(0) @binding(1) var<storage, read_write> y: array<Target>;
@group(0) @binding(0) var<storage, read_write> filled: array<Target>;

/// Where element i stands in x and in y.
fn places(i: u32) -> vec2u {
  var rest = i;
  var found = vec2u(params.xStart, params.yStart);
  for (var axis = RANK - 1u; axis > 0u; axis--) {
    let size = params.shape[axis / 4u][axis % 4u];
    let at = rest % size;
    rest /= size;
    found += at * vec2u(params.xStrides[axis / 4u][axis % 4u], params.yStrides[axis / 4u][axis % 4u]);
  }
  return found + rest * vec2u(params.xStrides[0][0], params.yStrides[0][0]);
}

@compute @workgroup_size(SPAN_THREADS)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let at = places(i);
    y[at.y] = Target(x[at.x]);
  }
}

@compute @workgroup_size(SPAN_THREADS)
fn fill(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  let value = Target(Value(bitcast<Carrier>(params.value)));
  for (var i = span.first; i < span.end; i += SPAN_THREADS) { filled[params.yStart + i] = value; }
}
