// Half-precision numbers kept as pairs in u32, which every adapter can read: frozen weights at half the memory.
//   y[2i], y[2i + 1] = the low and the high half of x[i]
//   unpack          one thread per pair
//   unpack_fours    one thread per four pairs, where they are a multiple of four

// bfloat16, the upper half of an f32, in place of IEEE halves.
const BF16: bool = false;

struct Params { threads: u32 }
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;               // unpack
@group(0) @binding(1) var<storage, read_write> y: array<vec2f>;

@group(0) @binding(0) var<storage, read> fours: array<vec4u>;         // unpack_fours
@group(0) @binding(1) var<storage, read_write> values: array<vec4f>;

fn halves(pairs: vec2u) -> vec4f {
  if (BF16) { return bitcast<vec4f>((pairs.xxyy << vec4u(16u, 0u, 16u, 0u)) & vec4u(0xffff0000u)); }
  return vec4f(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
}

@compute @workgroup_size(64)
fn unpack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i < params.threads) { y[i] = halves(vec2u(x[i])).xy; }
}

@compute @workgroup_size(64)
fn unpack_fours(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i < params.threads) {
    let pairs = fours[i];
    values[2u * i] = halves(pairs.xy);
    values[2u * i + 1u] = halves(pairs.zw);
  }
}
