// Elementwise choice: y[i…] = condition[i…] != 0 ? a[i…] : b[i…]; strides of 0 repeat an element.
// Each thread owns one element of y.

alias Element = f32;   // of a, b and y
alias Flag = u32;      // of the condition
const RANK: u32 = 8;   // axes; known when compiling, so that the walk over them unrolls

struct Params {
  size: u32,               // elements of y
  conditionStart: u32,     // in elements, as the strides
  aStart: u32,
  bStart: u32,
  shape: array<vec4u, 2>,
  conditionStrides: array<vec4u, 2>,
  aStrides: array<vec4u, 2>,
  bStrides: array<vec4u, 2>,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> condition: array<Flag>;
@group(0) @binding(1) var<storage, read> a: array<Element>;
@group(0) @binding(2) var<storage, read> b: array<Element>;
@group(0) @binding(3) var<storage, read_write> y: array<Element>;

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  var rest = i;
  var fromCondition = params.conditionStart;
  var fromA = params.aStart;
  var fromB = params.bStart;
  for (var axis = RANK - 1u; axis > 0u; axis--) {
    let size = params.shape[axis / 4u][axis % 4u];
    let at = rest % size;
    rest /= size;
    fromCondition += at * params.conditionStrides[axis / 4u][axis % 4u];
    fromA += at * params.aStrides[axis / 4u][axis % 4u];
    fromB += at * params.bStrides[axis / 4u][axis % 4u];
  }
  fromCondition += rest * params.conditionStrides[0][0];
  fromA += rest * params.aStrides[0][0];
  fromB += rest * params.bStrides[0][0];
  if (condition[fromCondition] != Flag(0)) { y[i] = a[fromA]; } else { y[i] = b[fromB]; }
}
