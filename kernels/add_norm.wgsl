// A residual connection and the norm that reads it, in one pass over x (rows, C):
//   sum = x + residual      y = norm(sum)      as norm.wgsl defines it, which has the gradients
// A workgroup owns a row, or a thread (lib/rows.wgsl).

alias Element = f32;          // or a vector of four
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

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(row, params.rows, params.C, 1u, lane);
  let start = row * (params.C / FLOATS);
  var moments = Moments();
  var squares = Floats(0);
  for (var i = own.first; i < own.end; i += STEP) {
    sum[i] = x[i] + residual[i];
    let value = Floats(sum[i]);
    if (CENTRED) { moments = add_moment(moments, value); } else { squares += value * value; }
  }
  var mean = 0f;
  var power: f32;   // the variance, or the mean square
  if (CENTRED) {
    let found = row_moments(moments, params.C, lane);
    mean = found.x;
    power = found.y;
  } else {
    power = row_sum(sum_of(vec4f(squares)), lane) / f32(params.C);
  }
  let rstd = 1f / sqrt_precise(power + params.eps);

  for (var i = own.first; i < own.end; i += STEP) {
    var value = (Floats(sum[i]) - mean) * rstd * Floats(weight[i - start]);
    if (CENTRED) { value += Floats(bias[i - start]); }
    y[i] = Element(value);
  }
  if (row < params.rows && (ROW_PER_THREAD || lane == 0u)) { stats[row] = vec2f(mean, rstd); }
}
