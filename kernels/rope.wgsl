// Rotary position embedding (Su et al. 2021). Pair i of the last axis turns by the angle φ = p θ_i, θ_i = base^(-2i/D):
//   y_a = x_a cos φ - x_b sin φ      (a, b) = (i, i + D/2), or (2i, 2i + 1) if INTERLEAVED
//   y_b = x_a sin φ + x_b cos φ      x, y (…, T, D)
//   backward: the same with -φ
//
// WGSL's sin is good to 2^-11 only, so the angles come from a table that the host makes in float64. A position is
// read as four digits of base 256, p = Σ_k digit_k 256^k (the highest one signed), and the rotations of its digits
// are multiplied: any i32 works, with a table of 1024 rows. One thread per pair.

alias Element = f32;
const INTERLEAVED: bool = false;
const RANK: u32 = 8;     // of the leading axes, T included

struct Params {
  pairs: u32,            // of x
  half: u32,             // D / 2
  T: u32,
  rowsPerBatch: u32,     // rows of x that share a row of positions
  sign: f32,             // -1 turns back
  offset: i32,           // the position of t = 0, without positions
  positioned: u32,
  positionsStart: u32,
  positionsStride: u32,  // along the batch; 0: all share one row
  xStart: u32, yStart: u32,
  shape: array<vec4u, 2>,
  xStrides: array<vec4u, 2>,
  yStrides: array<vec4u, 2>,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> table: array<vec2f>;      // (4, 256, D / 2): cos, sin of digit 256^k θ_i
@group(0) @binding(2) var<storage, read> positions: array<i32>;    // (T) or (B, T)
@group(0) @binding(3) var<storage, read_write> y: array<Element>;

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

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.x + group.y * groups.x) * 64u + lane;
  if (index >= params.pairs) { return; }
  let i = index % params.half;
  let row = index / params.half;
  let t = row % params.T;
  var p = params.offset + i32(t);
  if (params.positioned != 0u) {
    p = positions[params.positionsStart + row / params.rowsPerBatch * params.positionsStride + t];
  }
  let turn = rotation(p, i) * vec2f(1f, params.sign);
  var xAt = params.xStart;
  var yAt = params.yStart;
  var rest = row;
  for (var axis = RANK - 1u; axis > 0u; axis--) {
    let size = params.shape[axis / 4u][axis % 4u];
    let at = rest % size;
    rest /= size;
    xAt += at * params.xStrides[axis / 4u][axis % 4u];
    yAt += at * params.yStrides[axis / 4u][axis % 4u];
  }
  xAt += rest * params.xStrides[0][0];
  yAt += rest * params.yStrides[0][0];
  let a = select(i, 2u * i, INTERLEAVED);
  let b = select(i + params.half, 2u * i + 1u, INTERLEAVED);
  let u = f32(x[xAt + a]);
  let v = f32(x[xAt + b]);
  y[yAt + a] = Element(u * turn.x - v * turn.y);
  y[yAt + b] = Element(u * turn.y + v * turn.x);
}
