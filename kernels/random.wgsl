// Random tensors by Philox 4x32-10 (Salmon et al. 2011), one thread per element.
//   uniforms  y[i] from [0, 1)
//   normals   y[i] from N(0, 1)
//   dropout   y[i] = x[i] / (1 - p) with probability 1 - p, else 0; the mask follows from (state, stream, i)

struct Params {
  size: u32,
  stream: u32,
  step: u32,     // uniform and normal; dropout reads it from the state
  key: vec2u,
  p: f32,        // dropout
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read_write> y: array<f32>;           // uniform, normal
@group(0) @binding(0) var<storage, read> x: array<f32>;                 // dropout
@group(0) @binding(1) var<storage, read> state: array<u32>;             // (key, key, step, 0)
@group(0) @binding(2) var<storage, read_write> dropped: array<f32>;

@compute @workgroup_size(64)
fn uniforms(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  y[i] = uniform_from_bits(random_bits(i, params.stream, params.step, params.key));
}

@compute @workgroup_size(64)
fn normals(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  y[i] = random_normal(i, params.stream, params.step, params.key);
}

@compute @workgroup_size(64)
fn dropout(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  let u = uniform_from_bits(random_bits(i, params.stream, state[2], vec2u(state[0], state[1])));
  dropped[i] = select(x[i] / (1f - params.p), 0f, u < params.p);
}
