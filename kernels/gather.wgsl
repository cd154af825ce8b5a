// Elements picked by an index along one axis, and its transpose. For the middle axis of three:
//   forward        y[o, p, n] = x[o, indices[o, p, n], n]            0 and a fault where the index is out of range
//   scatter_add    x[o, c, n] = Σ { y[o, p, n] : indices[o, p, n] = c }
//   destinations   where in a dense x each element of y belongs; 2^32 - 1 for an index out of range
// y has the shape of the indices, which may be shorter than x along any axis. Each thread owns one element of the
// output; scatter_add looks through the whole axis of indices, in order, so it suits short ones.

alias Element = f32;
alias Index = i32;

struct Params {
  size: u32,               // threads: elements of the output
  rank: u32,
  axisSize: u32,           // of x in forward and destinations, of the indices in scatter_add
  axisStride: u32,         // likewise, in elements as all strides
  axis: u32,
  fault: u32,
  shape: array<vec4u, 2>,    // of the output
  strides: array<vec4u, 2>,  // of the tensor that axisSize belongs to; 0 on the axis
  bounds: array<vec4u, 2>,   // scatter_add: the indices' shape; no bound on the axis
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;                 // forward
@group(0) @binding(1) var<storage, read> indices: array<Index>;
@group(0) @binding(2) var<storage, read_write> y: array<Element>;
@group(0) @binding(3) var<storage, read_write> fault: array<u32>;
@group(0) @binding(0) var<storage, read> dy: array<Element>;                // scatter_add
@group(0) @binding(2) var<storage, read_write> dx: array<Element>;
@group(0) @binding(0) var<storage, read> own_indices: array<Index>;         // destinations
@group(0) @binding(1) var<storage, read_write> places: array<u32>;

/// Where element i of the output finds the other tensor's line along the axis.
struct Line {
  start: u32,
  at: u32,        // i's own coordinate on the axis
  inside: bool,   // within the bounds on the other axes
}

fn line_of(i: u32) -> Line {
  var line = Line(0u, 0u, true);
  var rest = i;
  for (var axis = i32(params.rank) - 1; axis >= 0; axis--) {
    let size = params.shape[axis / 4][axis % 4];
    let at = rest % size;
    rest /= size;
    line.start += at * params.strides[axis / 4][axis % 4];
    line.inside = line.inside && at < params.bounds[axis / 4][axis % 4];
    if (u32(axis) == params.axis) { line.at = at; }
  }
  return line;
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  let index = u32(indices[i]);   // a negative one becomes a large one
  if (index < params.axisSize) {
    y[i] = x[line_of(i).start + index * params.axisStride];
  } else {
    y[i] = Element(0);
    if (fault[0] == 0u) { fault[0] = params.fault; }
  }
}

@compute @workgroup_size(64)
fn scatter_add(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  let line = line_of(i);
  let axisSize = select(0u, params.axisSize, line.inside);
  var sum = 0f;
  for (var p = 0u; p < axisSize; p++) {
    let entry = line.start + p * params.axisStride;
    if (u32(indices[entry]) == line.at) { sum += f32(dy[entry]); }
  }
  dx[i] = Element(sum);
}

@compute @workgroup_size(64)
fn destinations(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  let index = u32(own_indices[i]);
  let place = line_of(i).start + index * params.axisStride;
  places[i] = select(0xffffffffu, place, index < params.axisSize);
}
