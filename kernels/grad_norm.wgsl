// The global norm of gradients, and the scale that clips it:
//   norm = sqrt(Σ x²) over all tensors        scale = min(1, maxNorm / (norm + 1e-6)), as PyTorch
// squares    one partial sum per workgroup, launched once per tensor; the partials of all tensors stand in one list
// finish     one workgroup adds the list
// rescale    x ← scale x
// Two stages in fixed order: the same bits on every run.

struct Params {
  size: u32,        // elements of x
  groups: u32,      // workgroups of squares
  at: u32,          // squares: where this tensor's partials begin; rescale: where x begins
  partials: u32,    // of all tensors
  maxNorm: f32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;

@group(0) @binding(0) var<storage, read> all_partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> clip: vec2f;            // norm, scale

@group(0) @binding(0) var<storage, read> applied_clip: vec2f;
@group(0) @binding(1) var<storage, read_write> scaled: array<f32>;

@compute @workgroup_size(LANES)
fn squares(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var total = 0f;
  for (var i = group.x * LANES + lane; i < params.size; i += params.groups * LANES) { total += x[i] * x[i]; }
  total = workgroup_sum(total, lane);
  if (lane == 0u) { partials[params.at + group.x] = total; }
}

@compute @workgroup_size(LANES)
fn finish(@builtin(local_invocation_index) lane: u32) {
  var total = 0f;
  for (var i = lane; i < params.partials; i += LANES) { total += all_partials[i]; }
  total = workgroup_sum(total, lane);
  if (lane != 0u) { return; }
  let norm = sqrt_precise(total);
  let scale = min(1.0, params.maxNorm / (norm + 1e-6));
  // Gradients that overflowed or are NaN count as 0: see the optimisers.
  clip = vec2f(select(total, norm, is_finite(total)), select(0.0, scale, is_finite(total)));
}

@compute @workgroup_size(SPAN_THREADS)
fn rescale(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  let scale = applied_clip.y;
  for (var i = params.at + span.first; i < params.at + span.end; i += SPAN_THREADS) {
    scaled[i] = select(0.0, scale * scaled[i], scale > 0.0);
  }
}
