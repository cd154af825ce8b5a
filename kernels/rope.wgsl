// Rotary position embedding (Su et al. 2021). Pair i of the last axis turns by the angle φ = p θ_i, θ_i = base^(-2i/D):
//   y_a = x_a cos φ - x_b sin φ      (a, b) = (i, i + D/2), or (2i, 2i + 1) if INTERLEAVED
//   y_b = x_a sin φ + x_b cos φ      x, y (…, T, D)
//   backward: the same with -φ
//
// WGSL's sin is good to 2^-11 only, so the angles come from a table that the host makes in float64. A position is
// read as four digits of base 256, p = Σ_k digit_k 256^k (the highest one signed), and the rotations of its digits
// are multiplied: any i32 works, with a table of 1024 rows. A thread owns up to PAIRS neighbouring pairs of a row, as
// finding the row costs more than turning a pair, and reads four at once where rows have whole vectors of them.

alias Element = f32;
const INTERLEAVED: bool = false;
const RANK: u32 = 8;       // of the leading axes, T included
const PAIR_RANK: u32 = 8;  // of the second tensor's
const PAIRS: u32 = 4;      // of a thread; a multiple of WIDTH
const WIDTH: u32 = 1;      // elements of a vector
alias Vector = array<Element, 1>;   // vec4<Element> for four, if not INTERLEAVED

struct Params {
  parts: u32,              // threads of x
  half: u32,               // D / 2
  rowParts: u32,           // threads of a row
  T: u32,
  sign: f32,               // -1 turns back
  offset: i32,             // the position of t = 0, without positions
  positioned: u32,
  positionsStart: u32,
  positionsStride: u32,    // along the batch; 0: all share one row
  rowsPerBatch: u32,       // rows of x that share a row of positions
  xStart: u32, yStart: u32,
  shape: array<vec4u, 2>,
  xStrides: array<vec4u, 2>,
  yStrides: array<vec4u, 2>,
  secondParts: u32,        // the second tensor's likewise; for `pair`
  secondRowsPerBatch: u32,
  secondXStart: u32, secondYStart: u32,
  secondShape: array<vec4u, 2>,
  secondXStrides: array<vec4u, 2>,
  secondYStrides: array<vec4u, 2>,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Vector>;
@group(0) @binding(1) var<storage, read> table: array<vec2f>;        // (4, 256, D / 2): cos, sin of digit 256^k θ_i
@group(0) @binding(2) var<storage, read> positions: array<i32>;      // (T) or (B, T)
@group(0) @binding(3) var<storage, read_write> y: array<Vector>;    // forward

@group(0) @binding(3) var<storage, read> second_x: array<Vector>;   // pair
@group(0) @binding(4) var<storage, read_write> first_y: array<Vector>;
@group(0) @binding(5) var<storage, read_write> second_y: array<Vector>;

/// (cos φ, sin φ) of pair i at position p.
fn rotation(p: i32, i: u32) -> vec2f {
  var digits = bitcast<u32>(p);
  var turn = table[(digits & 255u) * params.half + i];
  digits >>= 8u;
  for (var k = 1u; digits != 0u; k++) {
    let next = table[(k * 256u + (digits & 255u)) * params.half + i];
    turn = vec2f(turn.x * next.x - turn.y * next.y, turn.x * next.y + turn.y * next.x);
    digits >>= 8u;
  }
  return turn;
}

/// The position of a row.
fn position_of(row: u32, rowsPerBatch: u32) -> i32 {
  let t = row % params.T;
  if (params.positioned == 0u) { return params.offset + i32(t); }
  return positions[params.positionsStart + row / rowsPerBatch * params.positionsStride + t];
}

/// The vectors in which the elements of pair i lie, of a row that starts at `start`.
fn elements(start: u32, i: u32) -> vec2u {
  return (start + select(vec2u(i, i + params.half), vec2u(2u * i, 2u * i + 1u), INTERLEAVED)) / WIDTH;
}

/// The pairs (a, b) from i on, turned.
struct Turned { a: Vector, b: Vector }
fn turned(a: Vector, b: Vector, p: i32, i: u32) -> Turned {
  var result: Turned;
  for (var c = 0u; c < WIDTH; c++) {
    let turn = rotation(p, i + c) * vec2f(1f, params.sign);
    let pair = vec2f(f32(a[c]), f32(b[c]));
    result.a[c] = Element(pair.x * turn.x - pair.y * turn.y);
    result.b[c] = Element(pair.x * turn.y + pair.y * turn.x);
  }
  return result;
}

/// (start in x, start in y) of a row.
fn starts(row: u32) -> vec2u {
  var at = vec2u(params.xStart, params.yStart);
  var rest = row;
  for (var axis = RANK - 1u; axis > 0u; axis--) {
    let size = params.shape[axis / 4u][axis % 4u];
    at += rest % size * vec2u(params.xStrides[axis / 4u][axis % 4u], params.yStrides[axis / 4u][axis % 4u]);
    rest /= size;
  }
  return at + rest * vec2u(params.xStrides[0][0], params.yStrides[0][0]);
}

/// The same of the second tensor.
fn second_starts(row: u32) -> vec2u {
  var at = vec2u(params.secondXStart, params.secondYStart);
  var rest = row;
  for (var axis = PAIR_RANK - 1u; axis > 0u; axis--) {
    let size = params.secondShape[axis / 4u][axis % 4u];
    at += rest % size
      * vec2u(params.secondXStrides[axis / 4u][axis % 4u], params.secondYStrides[axis / 4u][axis % 4u]);
    rest /= size;
  }
  return at + rest * vec2u(params.secondXStrides[0][0], params.secondYStrides[0][0]);
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = (group.x + group.y * groups.x) * 64u + lane;
  if (part >= params.parts) { return; }
  let row = part / params.rowParts;
  let begin = part % params.rowParts * PAIRS;
  let start = starts(row);
  let p = position_of(row, params.rowsPerBatch);
  for (var i = begin; i < min(begin + PAIRS, params.half); i += WIDTH) {
    let source = elements(start.x, i);
    let goal = elements(start.y, i);
    let result = turned(x[source.x], x[source.y], p, i);
    y[goal.x] = result.a;
    y[goal.y] = result.b;
  }
}

@compute @workgroup_size(64)
fn pair(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.x + group.y * groups.x) * 64u + lane;
  if (index >= params.parts + params.secondParts) { return; }
  let isFirst = index < params.parts;
  let part = select(index - params.parts, index, isFirst);
  let row = part / params.rowParts;
  let begin = part % params.rowParts * PAIRS;
  let end = min(begin + PAIRS, params.half);
  if (isFirst) {
    let start = starts(row);
    let p = position_of(row, params.rowsPerBatch);
    for (var i = begin; i < end; i += WIDTH) {
      let source = elements(start.x, i);
      let goal = elements(start.y, i);
      let result = turned(x[source.x], x[source.y], p, i);
      first_y[goal.x] = result.a;
      first_y[goal.y] = result.b;
    }
  } else {
    let start = second_starts(row);
    let p = position_of(row, params.secondRowsPerBatch);
    for (var i = begin; i < end; i += WIDTH) {
      let source = elements(start.x, i);
      let goal = elements(start.y, i);
      let result = turned(second_x[source.x], second_x[source.y], p, i);
      second_y[goal.x] = result.a;
      second_y[goal.y] = result.b;
    }
  }
}
