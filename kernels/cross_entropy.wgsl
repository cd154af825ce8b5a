// Cross-entropy of logits (rows, V) against one target a row, and its gradient. With s = labelSmoothing:
//   rows       lse = max logits + ln Σ exp(logits - max logits)
//              losses[r] = (1 - s) (lse - logits[r, target]) + s (lse - mean logits[r])
//   reduce     loss = weight Σ losses                          weight = 1 / (rows that count), or 1 for the plain sum
//   backward   dlogits[r, v] = weight dy (exp(logits[r, v] - lse) - (1 - s) [v = target] - s / V)
// A row counts unless its target is ignoreIndex, else its loss is 0; a target out of [0, V) does not count either, and
// is a fault. Logits at LOWEST or below are masked; a row that is masked everywhere gives zeros. A row with NaN or
// +infinity has the loss NaN: a model that diverged must not look perfect.
//
// `lse` keeps the maximum and the logarithm apart: their sum would lose the latter when logits are large. The
// probabilities are computed anew in backward instead of being stored, as in Liger (Hsu et al. 2024).
// A row belongs to a workgroup, or to a thread (lib/rows.wgsl). Logits over the binding limit come in blocks of
// rows, from `firstRow` on; the tensors with one entry a row are bound whole.

alias Element = f32;      // or a vector of four
alias Target = i32;

struct Params {
  rows: u32,             // of this block; in reduce: all
  V: u32,
  firstRow: u32,
  ignoreIndex: i32,
  labelSmoothing: f32,
  isMean: u32,           // reduce
  dyStride: u32,         // 1 where every row has a dy of its own, 0 where they share one
  fault: u32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> logits: array<Element>;           // rows, backward
@group(0) @binding(1) var<storage, read> targets: array<Target>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;         // rows
@group(0) @binding(3) var<storage, read_write> lse: array<vec2f>;          // (maximum, logarithm)
@group(0) @binding(4) var<storage, read_write> fault: array<u32>;

@group(0) @binding(0) var<storage, read> row_losses: array<f32>;           // reduce
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> weight: array<f32>;

@group(0) @binding(2) var<storage, read> saved_lse: array<vec2f>;          // backward
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> saved_weight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<Element>;

fn counts(target_of_row: Target) -> bool {
  return i32(target_of_row) != params.ignoreIndex && u32(target_of_row) < params.V;
}

@compute @workgroup_size(LANES)
fn rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  let own = part_of_row(row, params.rows, params.V, 1u, lane);
  var exps = no_exps();
  var totals = Floats(0);   // of the logits, for the smoothing
  for (var i = own.first; i < own.fours; i += 4u * STEP) {
    let a = Floats(logits[i]);
    let b = Floats(logits[i + STEP]);
    let c = Floats(logits[i + 2u * STEP]);
    let d = Floats(logits[i + 3u * STEP]);
    exps = add_four_exps(exps, a, b, c, d);
    totals += (a + b) + (c + d);
  }
  for (var i = own.fours; i < own.end; i += STEP) {
    exps = add_exp(exps, Floats(logits[i]));
    totals += Floats(logits[i]);
  }
  let found = row_exps(exps, lane);
  let mean = row_sum(sum_of(vec4f(totals)), lane) / f32(params.V);
  let row_top = found.x;
  let row_log = log_safe(found.y);
  if (row >= params.rows || (!ROW_PER_THREAD && lane > 0u)) { return; }

  let at = params.firstRow + row;
  let label = targets[at];
  lse[at] = vec2f(row_top, row_log);
  losses[at] = 0f;
  var not_a_number = 0x7fc00000u;   // as bits: the compiler may assume that arithmetic gives none
  if (counts(label)) {
    if (is_nan(mean) || !is_finite(row_top)) {
      losses[at] = bitcast<f32>(not_a_number);
    } else if (row_top > LOWEST) {
      let s = params.labelSmoothing;
      let i = row * params.V + u32(label);
      let logit = max(vec4f(logits[i / FLOATS])[i % FLOATS], LOWEST);
      var value = (1f - s) * (row_log + (row_top - logit));
      if (s > 0f) { value += s * (row_log + (row_top - mean)); }
      losses[at] = value;
    }
  } else if (i32(label) != params.ignoreIndex && fault[0] == 0u) {
    fault[0] = params.fault;
  }
}

// One workgroup.
@compute @workgroup_size(LANES)
fn reduce(@builtin(local_invocation_index) lane: u32) {
  var sum = 0f;
  var counted = 0f;
  for (var row = lane; row < params.rows; row += LANES) {
    sum += row_losses[row];
    counted += select(0f, 1f, counts(targets[row]));
  }
  let total = workgroup_sum(sum, lane);
  let count = workgroup_sum(counted, lane);
  let factor = select(1f, 1f / max(count, 1f), params.isMean == 1u);
  if (lane == 0u) {
    loss[0] = total * factor;
    weight[0] = factor;
  }
}

/// Of the row that backward works on.
struct Slope { top: f32, log_sum: f32, scale: f32, target_at: u32 }

fn store_slope(row: Slope, i: u32) {
  let smooth_part = params.labelSmoothing / f32(params.V);
  let from_target = Floats(f32(i32(FLOATS * i - row.target_at))) + PLACES;
  let less = Floats(smooth_part) + select(Floats(0), Floats(1f - params.labelSmoothing), from_target == Floats(0));
  dlogits[i] = Element(row.scale * (exp_nonpositive((Floats(logits[i]) - row.top) - row.log_sum) - less));
}

@compute @workgroup_size(LANES)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = row_of(group.x + group.y * groups.x, lane);
  if (row >= params.rows) { return; }
  let own = part_of_row(row, params.rows, params.V, 1u, lane);
  let at = params.firstRow + row;
  let label = targets[at];
  let parts = saved_lse[at];
  let matters = counts(label) && parts.x > LOWEST;
  let scale = select(0f, saved_weight[0] * dy[at * params.dyStride], matters);
  let slope = Slope(parts.x, parts.y, scale, row * params.V + u32(label));
  for (var i = own.first; i < own.fours; i += 4u * STEP) {
    store_slope(slope, i);
    store_slope(slope, i + STEP);
    store_slope(slope, i + 2u * STEP);
    store_slope(slope, i + 3u * STEP);
  }
  for (var i = own.fours; i < own.end; i += STEP) { store_slope(slope, i); }
}
