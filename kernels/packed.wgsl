// Frozen weights in u32 words, which every adapter can read: halves at half the memory of f32, bytes at a quarter.
//   unpack          halves, y[2i], y[2i + 1] = the low and the high half of x[i]; one thread per pair
//   unpack_fours    the same, one thread per four pairs, where they are a multiple of four
//   unpack_bytes    y[r, c] = scale[r] q[r, c], a row's bytes and then its scale; one thread per four words of bytes

struct Params {
  threads: u32,
  perRow: u32,   // of unpack_bytes: threads of a row
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<u32>;               // unpack
@group(0) @binding(1) var<storage, read_write> y: array<vec2f>;

@group(0) @binding(0) var<storage, read> fours: array<vec4u>;         // unpack_fours, unpack_bytes
@group(0) @binding(1) var<storage, read_write> values: array<vec4f>;

@compute @workgroup_size(64)
fn unpack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i < params.threads) { y[i] = unpacked_halves(vec2u(x[i])).xy; }
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
    values[2u * i] = unpacked_halves(pairs.xy);
    values[2u * i + 1u] = unpacked_halves(pairs.zw);
  }
}

@compute @workgroup_size(64)
fn unpack_bytes(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.threads) { return; }
  let row = i / params.perRow;
  let words = fours[i + row];
  let scale = byte_scale(fours[(row + 1u) * (params.perRow + 1u) - 1u]);
  values[4u * i] = scale * unpacked_bytes(words.x);
  values[4u * i + 1u] = scale * unpacked_bytes(words.y);
  values[4u * i + 2u] = scale * unpacked_bytes(words.z);
  values[4u * i + 3u] = scale * unpacked_bytes(words.w);
}
