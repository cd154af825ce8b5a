// Elementwise functions of one tensor, and their gradients.
//   forward    y[i]  = f(x[i])
//   backward   dx[i] = dy[i] * f'(x[i])
// OP names the function; the compiler folds the switch. A thread owns vectors of four elements where the size is a
// multiple of four, else single elements.

alias Element = f32;
const WIDTH: u32 = 1u;              // elements of a vector
alias Vector = array<Element, 1>;   // vec4<Element> for four

const RELU = 0u;
const GELU = 1u;        // x Φ(x)
const GELU_TANH = 2u;   // x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
const SILU = 3u;        // x σ(x)
const TANH = 4u;
const SIGMOID = 5u;
const SOFTPLUS = 6u;    // ln(1 + eˣ)
const SQUARE = 7u;
const SQRT = 8u;
const EXP = 9u;
const LOG = 10u;
const ABS = 11u;
const ERF = 12u;
const CLAMP = 13u;      // to [a, b]
const NEG = 14u;
const OP: u32 = RELU;

struct Params { size: u32, a: f32, b: f32 }   // size in vectors
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Vector>;
@group(0) @binding(1) var<storage, read_write> y: array<Vector>;   // forward
@group(0) @binding(1) var<storage, read> dy: array<Vector>;        // backward
@group(0) @binding(2) var<storage, read_write> dx: array<Vector>;

const GELU_SCALE = 0.7978845608028654;   // √(2/π)
const GELU_CUBIC = 0.044715;
const INV_SQRT_2PI = 0.3989422804014327;

fn f(x: f32) -> f32 {
  switch OP {
    case RELU: { return max(x, 0f); }
    case GELU: { return x * normal_cdf(x); }
    case GELU_TANH: { return 0.5 * x * (1f + tanh_safe(GELU_SCALE * (x + GELU_CUBIC * x * x * x))); }
    case SILU: { return x * sigmoid(x); }
    case TANH: { return tanh_safe(x); }
    case SIGMOID: { return sigmoid(x); }
    case SOFTPLUS: { return softplus(x); }
    case SQUARE: { return x * x; }
    case SQRT: { return sqrt_precise(x); }
    case EXP: { return exp_safe(x); }
    case LOG: { return log_precise(x); }
    case ABS: { return abs(x); }
    case ERF: { return erf(x); }
    case CLAMP: { return clamp(x, params.a, params.b); }
    default: { return -x; }
  }
}

fn df(x: f32) -> f32 {
  switch OP {
    case RELU: { return select(0f, 1f, x > 0f); }
    case GELU: {
      let a = min(abs(x), 14.0);   // as normal_cdf, whose exponential this then is
      return normal_cdf(x) + x * INV_SQRT_2PI * exp_safe(-(0.5 * a * a));
    }
    case GELU_TANH: {
      let c = clamp(x, -10f, 10f);   // the slope is 0 or 1 from there on, where x² would overflow
      let t = tanh_safe(GELU_SCALE * (c + GELU_CUBIC * c * c * c));
      return 0.5 * (1f + t) + 0.5 * c * (1f - t * t) * GELU_SCALE * (1f + 3f * GELU_CUBIC * c * c);
    }
    case SILU: { let s = sigmoid(x); return s * (1f + x * (1f - s)); }
    case TANH: { let t = tanh_safe(x); return 1f - t * t; }
    case SIGMOID: { let s = sigmoid(x); return s * (1f - s); }
    case SOFTPLUS: { return sigmoid(x); }
    case SQUARE: { return 2f * x; }
    case SQRT: { return 0.5 / sqrt_precise(x); }
    case EXP: { return exp_safe(x); }
    case LOG: { return 1f / x; }
    case ABS: { return sign(x); }
    case ERF: { return 1.1283791670955126 * exp_safe(-x * x); }
    case CLAMP: { return select(0f, 1f, x >= params.a && x <= params.b); }
    default: { return -1f; }
  }
}

@compute @workgroup_size(SPAN_THREADS)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let xs = x[i];
    var ys: Vector;
    for (var c = 0u; c < WIDTH; c++) { ys[c] = Element(f(f32(xs[c]))); }
    y[i] = ys;
  }
}

@compute @workgroup_size(SPAN_THREADS)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let xs = x[i];
    let dys = dy[i];
    var dxs: Vector;
    for (var c = 0u; c < WIDTH; c++) { dxs[c] = Element(f32(dys[c]) * df(f32(xs[c]))); }
    dx[i] = dxs;
  }
}
