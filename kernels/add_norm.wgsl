// A residual connection and the norm that reads it, in one pass over x (rows, C):
//   sum = x + residual      y = norm(sum)      as norm.wgsl defines it, which has the gradients
// A workgroup owns a row, or a thread (lib/rows.wgsl).

alias Element = f32;
const CENTRED: bool = true;   // layer norm; false: RMS norm, and bias is a stand-in

struct Params { rows: u32, C: u32, eps: f32 }
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> residual: array<Element>;
@group(0) @binding(2) var<storage, read> weight: array<Element>;
@group(0) @binding(3) var<storage, read> bias: array<Element>;
@group(0) @binding(4) var<storage, read_write> sum: array<Element>;
@group(0) @binding(5) var<storage, read_write> y: array<Element>;
@group(0) @binding(6) var<storage, read_write> stats: array<vec2f>;   // (mean, rstd) of each row

fn four_sums(i: u32) -> vec4f {
  return vec4f(f32(sum[i]), f32(sum[i + STEP]), f32(sum[i + 2u * STEP]), f32(sum[i + 3u * STEP]));
}

fn add_at(i: u32) -> f32 {
  sum[i] = x[i] + residual[i];
  return f32(sum[i]);
}

fn normalise_at(i: u32, c: u32, value: f32) {
  var scaled = value * f32(weight[c]);
  if (CENTRED) { scaled += f32(bias[c]); }
  y[i] = Element(scaled);
}

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(row, params.rows, params.C, 1u, lane);
  let start = row * params.C;
  var four = vec4f(0);
  for (var i = own.first; i < own.fours; i += 4u * STEP) {
    four += vec4f(add_at(i), add_at(i + STEP), add_at(i + 2u * STEP), add_at(i + 3u * STEP));
  }
  var total = sum_of_four(four);
  for (var i = own.fours; i < own.end; i += STEP) { total += add_at(i); }
  var mean = 0f;
  if (CENTRED) { mean = row_sum(total, lane) / f32(params.C); }

  var squares = vec4f(0);
  for (var i = own.first; i < own.fours; i += 4u * STEP) {
    let centred = four_sums(i) - mean;
    squares += centred * centred;
  }
  var power = sum_of_four(squares);
  for (var i = own.fours; i < own.end; i += STEP) {
    let centred = f32(sum[i]) - mean;
    power += centred * centred;
  }
  let variance = row_sum(power, lane) / f32(params.C);
  let rstd = 1f / sqrt_precise(variance + params.eps);

  for (var i = own.first; i < own.fours; i += 4u * STEP) {
    let normalised = (four_sums(i) - mean) * rstd;
    normalise_at(i, i - start, normalised.x);
    normalise_at(i + STEP, i + STEP - start, normalised.y);
    normalise_at(i + 2u * STEP, i + 2u * STEP - start, normalised.z);
    normalise_at(i + 3u * STEP, i + 3u * STEP - start, normalised.w);
  }
  for (var i = own.fours; i < own.end; i += STEP) {
    normalise_at(i, i - start, (f32(sum[i]) - mean) * rstd);
  }
  if (row < params.rows && (ROW_PER_THREAD || lane == 0u)) { stats[row] = vec2f(mean, rstd); }
}
