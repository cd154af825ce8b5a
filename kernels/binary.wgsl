// Elementwise functions of two broadcast operands.
//   tensors   y[i…] = f(a[i…], b[i…])      strides of 0 repeat an element
//   in_place  x[i…] = f(x[i…], b[i…])
//   scalar    y[i]  = f(x[i], value), or f(value, x[i]) when SWAPPED
// OP names the function; comparisons give 0 or 1. A thread owns elements of y, which may be vectors of four.

alias Element = f32;   // of the operands; or vec4<f32>, and so on
alias Result = f32;    // of y; of u32 for comparisons
alias Real = f32;      // as wide, for powers
alias Value = f32;     // of Element
alias Carrier = f32;   // how `value` comes: f32, i32 or u32

const ADD = 0u;
const SUB = 1u;
const MUL = 2u;
const DIV = 3u;
const POW = 4u;
const MAXIMUM = 5u;
const MINIMUM = 6u;
const EQUAL = 7u;
const NOT_EQUAL = 8u;
const LESS = 9u;
const LESS_EQUAL = 10u;
const GREATER = 11u;
const GREATER_EQUAL = 12u;
const OP: u32 = ADD;
const SWAPPED: bool = false;
const RANK: u32 = 8;     // axes; known when compiling, so that the walk over them unrolls
const ADJACENT: bool = false;  // along the last axis the operands' elements are neighbours

struct Params {
  size: u32,               // elements of y
  aStart: u32,             // in elements, as the strides
  bStart: u32,
  shape: array<vec4u, 2>,
  aStrides: array<vec4u, 2>,
  bStrides: array<vec4u, 2>,
  value: u32,              // the bits of a Carrier
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> a: array<Element>;           // tensors
@group(0) @binding(1) var<storage, read> b: array<Element>;
@group(0) @binding(2) var<storage, read_write> y: array<Result>;
@group(0) @binding(0) var<storage, read> other: array<Element>;       // in_place: b
@group(0) @binding(1) var<storage, read_write> accumulated: array<Element>;
@group(0) @binding(0) var<storage, read> x: array<Element>;           // scalar
@group(0) @binding(1) var<storage, read_write> scalar_y: array<Result>;

fn f(a: Element, b: Element) -> Result {
  switch OP {
    case ADD: { return Result(a + b); }
    case SUB: { return Result(a - b); }
    case MUL: { return Result(a * b); }
    case DIV: { return Result(a / b); }
    case POW: { return Result(power(Real(a), Real(b))); }
    case MAXIMUM: { return Result(max(a, b)); }
    case MINIMUM: { return Result(min(a, b)); }
    case EQUAL: { return Result(a == b); }
    case NOT_EQUAL: { return Result(a != b); }
    case LESS: { return Result(a < b); }
    case LESS_EQUAL: { return Result(a <= b); }
    case GREATER: { return Result(a > b); }
    default: { return Result(a >= b); }
  }
}

/// a^b, also for negative a and whole b, which WGSL's pow leaves undefined.
fn power(a: Real, b: Real) -> Real {
  let magnitude = pow(abs(a), b);
  let odd = abs(b) % Real(2) == Real(1);
  var y = select(magnitude, -magnitude, (a < Real(0)) & odd);
  y = select(y, select(Real(0), 1f / a, b < Real(0)), a == Real(0));
  y = select(y, a * a, b == Real(2));
  y = select(y, a, b == Real(1));
  return select(y, Real(1), b == Real(0));
}

/// Where element i of y finds its operands in a and b.
fn operands(i: u32) -> vec2u {
  var rest = i;
  var found = vec2u(params.aStart, params.bStart);
  for (var axis = RANK - 1u; axis > 0u; axis--) {
    let size = params.shape[axis / 4u][axis % 4u];
    let at = rest % size;
    rest /= size;
    found += at * strides_along(axis);
  }
  return found + rest * strides_along(0u);
}

fn strides_along(axis: u32) -> vec2u {
  if (ADJACENT && axis == RANK - 1u) { return vec2u(1u); }
  return vec2u(params.aStrides[axis / 4u][axis % 4u], params.bStrides[axis / 4u][axis % 4u]);
}

@compute @workgroup_size(SPAN_THREADS)
fn tensors(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let at = operands(i);
    y[i] = f(a[at.x], b[at.y]);
  }
}

@compute @workgroup_size(SPAN_THREADS)
fn in_place(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    let at = operands(i);
    accumulated[at.x] = Element(f(accumulated[at.x], other[at.y]));
  }
}

@compute @workgroup_size(SPAN_THREADS)
fn scalar(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  let value = Element(Value(bitcast<Carrier>(params.value)));
  for (var i = span.first; i < span.end; i += SPAN_THREADS) {
    if (SWAPPED) { scalar_y[i] = f(value, x[i]); } else { scalar_y[i] = f(x[i], value); }
  }
}
