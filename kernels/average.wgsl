// A moving average of a slab of parameters (Polyak & Juditsky 1992), element by element:
//   average ← average + rate (p - average)
// A thread owns vectors of four neighbours.

struct Params {
  quads: u32,   // elements / 4
  rate: f32,    // τ
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> p: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> average: array<vec4f>;

@compute @workgroup_size(SPAN_THREADS)
fn follow(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.quads);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    average[i] += params.rate * (p[i] - average[i]);
  }
}
