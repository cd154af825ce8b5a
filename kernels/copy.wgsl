// Copies between strided views, with conversion of the element type.
//   forward   y[i…] = Target(x[i…])          x (shape, xStrides) -> y (shape, yStrides)
//   fill      y[i…] = value
// One thread per element. Axes are merged by the host; at most 8 remain.

alias Source = f32;
alias Target = f32;
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

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  var rest = i;
  var xAt = params.xStart;
  var yAt = params.yStart;
  for (var axis = RANK - 1u; axis > 0u; axis--) {
    let size = params.shape[axis / 4u][axis % 4u];
    let at = rest % size;
    rest /= size;
    xAt += at * params.xStrides[axis / 4u][axis % 4u];
    yAt += at * params.yStrides[axis / 4u][axis % 4u];
  }
  xAt += rest * params.xStrides[0][0];
  yAt += rest * params.yStrides[0][0];
  y[yAt] = Target(x[xAt]);
}

@compute @workgroup_size(64)
fn fill(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i < params.size) { filled[params.yStart + i] = Target(bitcast<Carrier>(params.value)); }
}
