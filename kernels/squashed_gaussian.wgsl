// A Gaussian squashed by tanh into (-1, 1), at given standard normals ε, and its gradient (Haarnoja et al. 2018):
//   u = mean + σ ε,  log σ = clamp(logStd, -20, 2)            action = tanh u
//   logProb[n] = Σ_j -½ ε² - log σ - ½ log 2π - log(1 - tanh² u)
// By the results' gradients, with ε fixed:
//   du = (1 - action²) daction + 2 action dlogProb            dmean = du         dlogStd = σ ε du - dlogProb
// where log σ is not clamped; there dlogStd = 0. A row has its means, then its logStds. In forward a thread owns a row, in
// backward a dimension of one.

const BY_ACTION: bool = true;       // which of the upstream gradients are bound; else theirs are stand-ins
const BY_LOG_PROB: bool = true;
const LEAST_LOG_STD: f32 = -20.0;
const MOST_LOG_STD: f32 = 2.0;
const HALF_LOG_TWO_PI: f32 = 0.9189385332046727;
const LOG_TWO: f32 = 0.6931471805599453;

struct Params { rows: u32, dims: u32 }   // N, A
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> head: array<f32>;               // (N, 2 A)
@group(0) @binding(1) var<storage, read> noise: array<f32>;              // (N, A)
@group(0) @binding(2) var<storage, read_write> action: array<f32>;       // forward, (N, A)
@group(0) @binding(3) var<storage, read_write> logProb: array<f32>;      // (N)

@group(0) @binding(2) var<storage, read> saved_action: array<f32>;       // backward
@group(0) @binding(3) var<storage, read> daction: array<f32>;            // (N, A)
@group(0) @binding(4) var<storage, read> dlogProb: array<f32>;           // (N)
@group(0) @binding(5) var<storage, read_write> dhead: array<f32>;        // (N, 2 A)

/// log(1 - tanh² u), without overflow.
fn log_slope(u: f32) -> f32 {
  let a = abs(u);
  return 2.0 * (LOG_TWO - a - softplus(-2.0 * a));
}

@compute @workgroup_size(SPAN_THREADS)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.rows);
  for (var n = span.first; n < span.end; n += SPAN_THREADS) {
    var total = 0f;
    for (var j = 0u; j < params.dims; j++) {
      let mean = head[2u * n * params.dims + j];
      let logStd = clamp(head[(2u * n + 1u) * params.dims + j], LEAST_LOG_STD, MOST_LOG_STD);
      let epsilon = noise[n * params.dims + j];
      let u = mean + exp_safe(logStd) * epsilon;
      action[n * params.dims + j] = tanh_safe(u);
      total -= 0.5 * epsilon * epsilon + logStd + HALF_LOG_TWO_PI + log_slope(u);
    }
    logProb[n] = total;
  }
}

@compute @workgroup_size(SPAN_THREADS)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.rows * params.dims);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let n = i / params.dims;
    let mean_at = n * params.dims + i;
    let std_at = mean_at + params.dims;
    let y = saved_action[i];
    var du = 0f;
    var dlogStd = 0f;
    if (BY_ACTION) { du = (1.0 - y * y) * daction[i]; }
    if (BY_LOG_PROB) {
      du += 2.0 * y * dlogProb[n];
      dlogStd = -dlogProb[n];
    }
    let logStd = head[std_at];
    let free = logStd >= LEAST_LOG_STD && logStd <= MOST_LOG_STD;
    dhead[mean_at] = du;
    dhead[std_at] = select(0.0, dlogStd + exp_safe(logStd) * noise[i] * du, free);
  }
}
