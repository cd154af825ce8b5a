// A cache of keys and values: those of T more positions go to where each sequence has come.
//   keys[b, h, lengths[b] + t, d] = k[b, h, t, d], and values likewise        k, v (B, H, T, D)   keys, values (B, H, S, D)
// The lengths are on the device, so that one recorded step can be replayed. What would lie past the end, S, is left out,
// and a fault. A thread owns elements.

struct Params {
  size: u32,               // elements of k
  H: u32, T: u32, D: u32, S: u32,
  fault: u32,
  kAt: vec4u,              // strides along b, h and t, and the start; the elements of a row are neighbours
  vAt: vec4u,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> k: array<f32>;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;              // (B)
@group(0) @binding(3) var<storage, read_write> keys: array<f32>;
@group(0) @binding(4) var<storage, read_write> values: array<f32>;
@group(0) @binding(5) var<storage, read_write> fault: array<u32>;

@compute @workgroup_size(SPAN_THREADS)
fn append(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let d = i % params.D;
    let t = i / params.D % params.T;
    let head = i / (params.D * params.T);   // of all sequences
    let b = head / params.H;
    let h = head % params.H;
    let place = lengths[b] + t;
    if (place < params.S) {
      let to = (head * params.S + place) * params.D + d;
      keys[to] = k[params.kAt.w + b * params.kAt.x + h * params.kAt.y + t * params.kAt.z + d];
      values[to] = v[params.vAt.w + b * params.vAt.x + h * params.vAt.y + t * params.vAt.z + d];
    } else if (fault[0] == 0u) {
      fault[0] = params.fault;
    }
  }
}
