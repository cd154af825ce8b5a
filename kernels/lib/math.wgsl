// The only home of numeric workarounds: elementary functions whose accuracy does not depend on the adapter.
//
// WGSL leaves exp, log, tanh, sin and cos loose (log: 2^-21 near 1; sin, cos: 2^-11; tanh(100) is NaN on SwiftShader),
// so these use only + - *, one division (2.5 ULP), and bits. Errors are the worst measured against float64 on Mesa
// lavapipe and SwiftShader, over all magnitudes of a finite argument; results below 2^-126 may be 0. For NaN and
// infinity the results are unspecified, except where a comment says so.
//
// Every polynomial is a minimax fit of the function named beside it (Lawson's iteration on 400 Chebyshev nodes,
// weighted by the relative error of the result), its coefficients rounded to float32.

const LOWEST: f32 = -3.4028234663852886e38f;  // the most negative f32: what a masked score is set to
const LARGEST: f32 = 3.4028234663852886e38f;
const SMALLEST_NORMAL: f32 = 1.1754943508222875e-38f;
const LN2_HIGH: f32 = 0.693145751953125f;     // ln 2 in 15 bits: exact when multiplied by an exponent
const LN2_LOW: f32 = 1.4286068203094172e-6f;  // ln 2 - LN2_HIGH

/// True for NaN; x != x is false for it on both software adapters.
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

/// False for NaN and both infinities.
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

/// e^x; 0 below -87.336 (the smallest normal), LARGEST above 88.722. Relative error 1.2e-7.
fn exp_safe(x: f32) -> f32 {
  // x = n ln 2 + r, |r| <= ln 2 / 2
  let n = round(clamp(x, -88.0, 89.0) * 1.4426950408889634f);
  let r = (x - n * LN2_HIGH) - n * LN2_LOW;
  // (e^r - 1 - r) / r^2
  var p = 0.00138146104f;
  p = p * r + 0.00836871006f;
  p = p * r + 0.041668389f;
  p = p * r + 0.166665211f;
  p = p * r + 0.49999994f;
  let power = 1.0 + (r + r * r * p);
  let scaled = bitcast<f32>(bitcast<i32>(power) + (i32(n) << 23u));
  return select(select(scaled, LARGEST, x > 88.72283f), 0.0, x < -87.33654f);
}

/// ln(1 + f) for 1/sqrt(2) <= 1 + f <= 2. Relative error 1.2e-7.
fn log1p_reduced(f: f32) -> f32 {
  // ln(1 + f) = 2 atanh(s) = 2s + s^3 P(s^2), s = f / (2 + f); and 2s = f - s f, which keeps the first term exact
  let s = f / (2.0 + f);
  let z = s * s;
  // (2 atanh(s) - 2s) / s^3, |s| <= 1/3
  var p = 0.280120194f;
  p = p * z + 0.280017972f;
  p = p * z + 0.400215268f;
  p = p * z + 0.666664183f;
  return f - s * (f - z * p);
}

/// ln x; -inf for 0 (and below 2^-126), NaN for x < 0 and NaN, +inf for +inf. Relative error 8.3e-8.
fn log_precise(x: f32) -> f32 {
  let bits = bitcast<i32>(x);
  // x = 2^exponent m, 1/sqrt(2) <= m < sqrt(2)
  let exponent = (bits - 0x3f3504f3) >> 23u;
  let m = bitcast<f32>(bits - (exponent << 23u));
  let e = f32(exponent);
  let finite = e * LN2_HIGH + (log1p_reduced(m - 1.0) + e * LN2_LOW);
  // Special values are made of bits: the compiler may assume that arithmetic meets none.
  var special = 0x7fc00000;
  if (bits == 0x7f800000) { special = bits; }
  if ((bits & 0x7f800000) == 0) { special = -0x800000; }
  return bitcast<f32>(select(special, bitcast<i32>(finite), bits >= 0x00800000 && bits < 0x7f800000));
}

/// ln max(x, 2^-126): at least -87.34, so that the log of a probability that underflowed stays finite.
fn log_safe(x: f32) -> f32 {
  return log_precise(max(x, SMALLEST_NORMAL));
}

/// tanh x; +-1 from |x| = 10 on. Relative error 1.5e-7.
fn tanh_safe(x: f32) -> f32 {
  let a = min(abs(x), 10.0);
  // (tanh x - x) / x^3, |x| <= 0.625
  let z = a * a;
  var p = -0.00570497848f;
  p = p * z + 0.0206390787f;
  p = p * z - 0.0537397116f;
  p = p * z + 0.133314416f;
  p = p * z - 0.333332807f;
  let small = a + a * z * p;
  let t = exp_safe(-2.0 * a);
  let large = 1.0 - 2.0 * t / (1.0 + t);
  let magnitude = select(large, small, a < 0.625);
  return select(magnitude, -magnitude, x < 0.0);
}

/// 1 / (1 + e^-x). Relative error 2.1e-7.
fn sigmoid(x: f32) -> f32 {
  let t = exp_safe(-abs(x));
  return select(1.0, t, x < 0.0) / (1.0 + t);
}

/// ln(1 + e^x). Relative error 1.6e-7.
fn softplus(x: f32) -> f32 {
  return max(x, 0.0) + log1p_reduced(exp_safe(-abs(x)));
}

/// erfc(sqrt(a2)) = 1 - erf(a), given a >= 0 and a2 = a^2.
fn erfc_positive(a: f32, a2: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.5 * a);
  // erfc(a) e^(a^2) / t, 0 <= a <= 10.5
  var p = -0.0591935664f;
  p = p * t + 0.285183936f;
  p = p * t - 0.488463074f;
  p = p * t + 0.279514968f;
  p = p * t - 0.0276249722f;
  p = p * t + 0.203110531f;
  p = p * t + 0.242996469f;
  p = p * t + 0.282390088f;
  p = p * t + 0.282085568f;
  return exp_safe(-a2) * t * p;
}

/// The error function. Relative error 1.8e-7.
fn erf(x: f32) -> f32 {
  let a = min(abs(x), 5.0);
  let z = a * a;
  // erf(x) / x, |x| <= 1
  var p = 7.85385419e-5f;
  p = p * z - 0.000801019138f;
  p = p * z + 0.00518832728f;
  p = p * z - 0.026853811f;
  p = p * z + 0.112835854f;
  p = p * z - 0.37612626f;
  p = p * z + 1.12837911f;
  let magnitude = select(1.0 - erfc_positive(a, z), a * p, a < 1.0);
  return select(magnitude, -magnitude, x < 0.0);
}

/// The standard normal's distribution function: (1 + erf(x / sqrt 2)) / 2. Absolute error 1.9e-7; relative 1.2e-6 for
/// x > -6, 4.1e-6 for x > -12.9.
fn normal_cdf(x: f32) -> f32 {
  let a = min(abs(x), 14.0);
  let tail = 0.5 * erfc_positive(a * 0.7071067811865476f, 0.5 * a * a);
  return select(1.0 - tail, tail, x < 0.0);
}

/// sqrt x for a normal x or 0. Relative error 6.0e-8; WGSL's own may be off by 4.5 ULP.
fn sqrt_precise(x: f32) -> f32 {
  let s = sqrt(x);
  return select(s + 0.5 * (x - s * s) / s, 0.0, x < SMALLEST_NORMAL);
}

/// (sin, cos) of 2 pi u, |u| < 2^23. Absolute error 9.2e-8.
fn sincos_turns(u: f32) -> vec2f {
  // u = whole turns + quadrant / 4 + r, |r| <= 1/8: each subtraction is exact
  let fraction = u - round(u);
  let quadrant = round(4.0 * fraction);
  let r = fraction - 0.25 * quadrant;
  let z = r * r;
  // sin(2 pi r) / r
  var sine = -75.3935471f;
  sine = sine * z + 81.5923538f;
  sine = sine * z - 41.3416595f;
  sine = (sine * z + 6.28318548f) * r;
  // (cos(2 pi r) - 1) / r^2
  var cosine = 59.2459602f;
  cosine = cosine * z - 85.4437408f;
  cosine = cosine * z + 64.9393234f;
  cosine = 1.0 + (cosine * z - 19.7392082f) * z;
  return turned_by_quarters(vec2f(sine, cosine), i32(quadrant));
}

/// (sin x, cos x) for |x| < 2^13, x in radians. Absolute error 1.2e-7.
fn sincos(x: f32) -> vec2f {
  // x = q pi/2 + r, |r| <= pi/4; pi/2 in three parts, of which the first two have so few bits that q times them is exact
  let q = round(x * 0.63661977f);
  let r = ((x - q * 1.5703125f) - q * 0.0004837512969970703f) - q * 7.54979013e-8f;
  let z = r * r;
  // (sin r - r) / r^3
  var sine = -0.000195152184f;
  sine = sine * z + 0.0083321603f;
  sine = sine * z - 0.166666552f;
  sine = r + r * z * sine;
  // (cos r - 1 + r^2 / 2) / r^4
  var cosine = 2.44330822e-5f;
  cosine = cosine * z - 0.00138873153f;
  cosine = cosine * z + 0.0416666456f;
  cosine = 1.0 - 0.5 * z + z * z * cosine;
  return turned_by_quarters(vec2f(sine, cosine), i32(q));
}

/// (sin, cos) of an angle q quarter turns further.
fn turned_by_quarters(angle: vec2f, q: i32) -> vec2f {
  let odd = select(angle, vec2f(angle.y, -angle.x), (q & 1) == 1);
  return select(odd, -odd, (q & 2) == 2);
}
