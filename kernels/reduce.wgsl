// Sums over the middle axis of x (outer, R, inner), scaled:  y[o, c, i] = scale Σ_r x[o, r, i].
// A long axis is cut into chunks c; the host adds their partial sums in a second launch. Fixed order, no atomics.
//   rows      inner = 1: one workgroup per (o, c), its lanes stride along r
//   columns   one thread per (o, c, i): neighbours read neighbouring memory

alias Element = f32;   // of x
alias Result = f32;    // of y

struct Params {
  outputs: u32,       // outer * chunks * inner
  length: u32,        // R
  inner: u32,
  chunks: u32,
  chunkLength: u32,   // rows of a chunk; the last may be shorter
  scale: f32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;         // (outer, R, inner)
@group(0) @binding(1) var<storage, read_write> y: array<Result>;    // (outer, chunks, inner)

@compute @workgroup_size(LANES)
fn rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let output = group.x + group.y * groups.x;
  if (output >= params.outputs) { return; }
  let begin = (output % params.chunks) * params.chunkLength;
  let end = min(begin + params.chunkLength, params.length);
  let row = (output / params.chunks) * params.length;
  var total = 0f;
  for (var r = begin + lane; r < end; r += LANES) { total += f32(x[row + r]); }
  total = workgroup_sum(total, lane);
  if (lane == 0u) { y[output] = Result(total * params.scale); }
}

@compute @workgroup_size(64)
fn columns(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let output = (group.x + group.y * groups.x) * 64u + lane;
  if (output >= params.outputs) { return; }
  let i = output % params.inner;
  let chunk = (output / params.inner) % params.chunks;
  let o = output / (params.inner * params.chunks);
  let begin = chunk * params.chunkLength;
  let end = min(begin + params.chunkLength, params.length);
  var total = 0f;
  for (var r = begin; r < end; r++) { total += f32(x[(o * params.length + r) * params.inner + i]); }
  y[output] = Result(total * params.scale);
}
