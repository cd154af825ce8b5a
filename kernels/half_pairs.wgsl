// Half-precision numbers kept as pairs in u32, which every adapter can read: frozen weights at half the memory.
//   y[2i], y[2i + 1] = the low and the high half of x[i]
//   unpack_f16     IEEE halves
//   unpack_bf16    bfloat16, which is the upper half of an f32
// One thread per pair.

struct Params { pairs: u32 }
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec2f>;

@compute @workgroup_size(64)
fn unpack_f16(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i < params.pairs) { y[i] = unpack2x16float(x[i]); }
}

@compute @workgroup_size(64)
fn unpack_bf16(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i < params.pairs) { y[i] = bitcast<vec2f>(vec2u(x[i] << 16u, x[i] & 0xffff0000u)); }
}
