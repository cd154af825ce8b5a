// Elementwise choice: y[i…] = condition[i…] != 0 ? a[i…] : b[i…]; strides of 0 repeat an element.
// A thread owns elements of y, which may be vectors of four.

alias Element = f32;   // of a, b and y; or vec4<f32>, and so on
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

/// Where element i of y finds its operands: in the condition, a and b.
fn operands(i: u32) -> vec3u {
  var rest = i;
  var found = vec3u(params.conditionStart, params.aStart, params.bStart);
  for (var axis = RANK - 1u; axis > 0u; axis--) {
    let size = params.shape[axis / 4u][axis % 4u];
    let at = rest % size;
    rest /= size;
    found += at * vec3u(
      params.conditionStrides[axis / 4u][axis % 4u],
      params.aStrides[axis / 4u][axis % 4u],
      params.bStrides[axis / 4u][axis % 4u],
    );
  }
  return found + rest * vec3u(params.conditionStrides[0][0], params.aStrides[0][0], params.bStrides[0][0]);
}

@compute @workgroup_size(SPAN_THREADS)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let at = operands(i);
    y[i] = select(b[at.z], a[at.y], condition[at.x] != Flag(0));
  }
}
