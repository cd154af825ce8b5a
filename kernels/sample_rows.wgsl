// Rows drawn at random, uniformly and with replacement:
//   y[b, :] = rows[⌊u_b size⌋, :]        rows (capacity, width)   y (count, width)
// u_b is element b of the step's draw. A thread owns an element of y.

struct Params {
  elements: u32,   // of y
  width: u32,
  stream: u32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> rows: array<f32>;
@group(0) @binding(1) var<storage, read> size: u32;           // rows that are filled, at most 2^24
@group(0) @binding(2) var<storage, read> state: vec4u;        // (key, key, step, 0)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn draw(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.elements) { return; }
  let u = random_uniform(i / params.width, params.stream, state.z, state.xy);
  let row = min(u32(u * f32(size)), size - 1u);
  y[i] = rows[row * params.width + i % params.width];
}
