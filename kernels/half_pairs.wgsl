// Half-precision numbers kept as pairs in u32, which every adapter can read: frozen weights at half the memory.
//   unpack   y[2i], y[2i + 1] = the low and the high half of x[i]
// One thread per pair.

struct Params { pairs: u32 }
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec2f>;

@compute @workgroup_size(64)
fn unpack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i < params.pairs) { y[i] = unpack2x16float(x[i]); }
}
