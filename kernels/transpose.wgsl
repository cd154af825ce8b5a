// Transposed dense copy of a matrix: y[c, r] = x[r, c]     x (rows, columns), columns adjacent     y (columns, rows)
//
// A thread owns a 4 x 4 block, so that loads and stores are vec4; neighbours store neighbouring memory. rows, columns
// and x's stride are multiples of 4.

alias Element = f32;

const THREADS: u32 = 64;

struct Params {
  rows: u32, columns: u32,
  xStart: u32,
  xStride: u32,   // along rows
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x4: array<vec4<Element>>;
@group(0) @binding(1) var<storage, read_write> y4: array<vec4<Element>>;

@compute @workgroup_size(THREADS)
fn transpose_blocks(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = (group.x + group.y * groups.x) * THREADS + lane;
  let across = params.rows / 4u;
  let row = block % across * 4u;
  let column4 = block / across;
  if (column4 >= params.columns / 4u) { return; }
  let stride = params.xStride / 4u;
  let at = params.xStart / 4u + row * stride + column4;
  let b = transpose(mat4x4f(
    vec4f(x4[at]), vec4f(x4[at + stride]), vec4f(x4[at + 2u * stride]), vec4f(x4[at + 3u * stride]),
  ));
  for (var i = 0u; i < 4u; i++) { y4[(4u * column4 + i) * across + row / 4u] = vec4<Element>(b[i]); }
}
