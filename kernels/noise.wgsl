// Gaussian noise, one thread per element:
//   y[i] = x[i] + deviation N(0, 1)        the draw follows from (state, stream, i), as dropout's mask

struct Params {
  size: u32,
  stream: u32,
  deviation: f32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> state: array<u32>;             // (key, key, step, 0)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  y[i] = x[i] + params.deviation * random_normal(i, params.stream, state[2], vec2u(state[0], state[1]));
}
