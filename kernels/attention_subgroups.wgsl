// Scaled dot-product attention as in attention.wgsl, which has the formulas and Δ, where there are subgroups: of the
// eight keys (or queries) of a step each thread loads one, or two, and the subgroup hands them round.
//
// A thread owns four rows r and 32 columns of x in x_r += Σ_c w(r, c) y_c, or 16, where D has no more: the other 16 would
// be computed and dropped, and take as long to compile. The other side c streams past, eight at a time. On a CPU a load
// costs as much as 30 products, whatever its address (lavapipe: 8 ns an element against 0.25), a shuffle a fourth of that:
// forward and backward take half the time of attention.wgsl there (T = 128 and 512, D = 32). More rows, or dk beside dv,
// spill: eight rows were no faster and took ten times as long to compile.

enable subgroups;
const THREADS: u32 = 8;        // of a workgroup, each with its ROWS
const WIDTH: u32 = 4;          // threads that share loads, of a subgroup: 8, or the 4 that every subgroup has
const MASKED: bool = false;    // `keys` has a mask
const PACKED: bool = false;    // `keys` has the documents' bounds
const DROPOUT: bool = false;
const OF_VALUES: bool = false; // dkv computes dv, else dk
const WIDE: bool = true;       // 32 columns per thread, or 16: half of what there is to compile

const ROWS = 4u;               // per thread; those past the end are computed as the last one and not stored
const AT_ONCE = 8u;            // of the other side
const ONES = vec4f(1f);
const COLUMNS4 = select(4u, 8u, WIDE); // vec4f columns per thread
const NEVER = 0xffffffffu;

struct Params {
  jobs: u32, heads: u32, group: u32, Tq: u32, Tk: u32, D4: u32, tiles: u32, chunks: u32,
  scale: f32, causal: u32, maskAt: i32, lengthsAt: i32, stream: u32, p: f32, documentsAt: i32,
  qAt: vec4u, kAt: vec4u, vAt: vec4u, oAt: vec4u, dOAt: vec4u, dxAt: vec4u,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> keys: array<i32>;
@group(0) @binding(4) var<storage, read> state: array<u32>;            // of dropout: (key, key, step, 0)
@group(0) @binding(5) var<storage, read_write> o: array<vec4f>;        // forward
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;        // (B, H, Tq)
@group(0) @binding(5) var<storage, read> dO: array<vec4f>;             // dq, dkv
@group(0) @binding(6) var<storage, read> stats: array<vec2f>;          // (B, H, Tq): lse, Δ
@group(0) @binding(7) var<storage, read_write> dx: array<vec4f>;

/// How many keys of a sequence there are.
fn length_of(batch: u32) -> i32 {
  if (params.lengthsAt < 0) { return i32(params.Tk); }
  return keys[u32(params.lengthsAt) + batch];
}

fn hidden(batch: u32, j: u32) -> bool { return keys[u32(params.maskAt) + batch * params.Tk + j] == 0; }

/// Where the document of position t begins, and where it ends.
fn document(batch: u32, t: u32) -> vec2u {
  if (!PACKED) { return vec2u(0u, NEVER); }
  let at = u32(params.documentsAt) + 2u * (batch * params.Tk + t);
  return vec2u(u32(keys[at]), u32(keys[at + 1u]));
}

/// The keys that query i sees where no mask hides them: from .x up to but without .y.
fn keys_seen(batch: u32, i: u32, length: i32) -> vec2u {
  let own = document(batch, i);
  return vec2u(own.x, min(own.y, keys_end(i, params.Tq, params.Tk, params.causal, length)));
}

/// The queries that see key j, likewise; by `queries_of_key` none where it is hidden.
fn queries_seeing(batch: u32, j: u32) -> vec2u {
  let own = document(batch, j);
  return vec2u(max(own.x, queries_start(j, params.Tq, params.Tk, params.causal)), min(own.y, params.Tq));
}

fn queries_of_key(batch: u32, j: u32, length: i32) -> vec2u {
  let shut = (MASKED && hidden(batch, j)) || i32(j) >= length;
  return select(queries_seeing(batch, j), vec2u(), shut);
}

/// Keys j to j + 3, or NEVER where they are hidden: a query sees those before its end.
fn open_keys(batch: u32, j: u32) -> vec4u {
  let key = vec4u(j) + FOUR;
  if (!MASKED) { return key; }
  let at = min(key, vec4u(params.Tk - 1u));
  let shut = vec4<bool>(hidden(batch, at.x), hidden(batch, at.y), hidden(batch, at.z), hidden(batch, at.w));
  return select(key, vec4u(NEVER), shut);
}

/// M of one query and keys j to j + 3, j a multiple of 4.
fn kept(query: u32, j: u32) -> vec4f {
  return kept_keys(query, j, params.stream, params.p, vec2u(state[0], state[1]), state[2]);
}

/// M of four queries (columns) and keys j to j + 3 (rows), j a multiple of 4.
fn kept_by(query: vec4u, j: u32) -> mat4x4f {
  if (!DROPOUT) { return mat4x4f(ONES, ONES, ONES, ONES); }
  return mat4x4f(kept(query.x, j), kept(query.y, j), kept(query.z, j), kept(query.w, j));
}

/// Eight more keys of a row: their weights relative to the new maximum, and the factor that brings earlier sums to it.
struct Step { p0: vec4f, p1: vec4f, sum: f32, top: f32, rescale: f32 }
fn absorb(s0: vec4f, s1: vec4f, seen0: vec4<bool>, seen1: vec4<bool>, before: f32) -> Step {
  let m = max(select(vec4f(LOWEST), s0, seen0), select(vec4f(LOWEST), s1, seen1));
  let top = max(before, max_of_four(m));
  let p0 = score_weight(s0, seen0, vec4f(top));
  let p1 = score_weight(s1, seen1, vec4f(top));
  return Step(p0, p1, sum_of_four(p0 + p1), top, exp(max(before - top, EXP_MIN)));
}

/// Four entries of dS; of M ∘ P for dv.
fn gradient_weight(s: vec4f, dp: vec4f, m: vec4f, seen: vec4<bool>, rowLse: vec4f, rowDelta: vec4f) -> vec4f {
  return score_weight(s * params.scale, seen, rowLse) * select(m * dp - rowDelta, m, vec4<bool>(OF_VALUES));
}

// The other side's rows lie in the threads of a subgroup: one vec4f of rows n to n + 3, or 16 columns of row n.
fn four(x: vec4f, n: u32) -> mat4x4f {
  return mat4x4f(
    subgroupShuffle(x, n), subgroupShuffle(x, n + 1u), subgroupShuffle(x, n + 2u), subgroupShuffle(x, n + 3u));
}
fn row(x: mat4x4f, n: u32) -> mat4x4f {
  return mat4x4f(
    subgroupShuffle(x[0], n), subgroupShuffle(x[1], n), subgroupShuffle(x[2], n), subgroupShuffle(x[3], n));
}

fn q4(at: vec4u) -> mat4x4f { return mat4x4f(q[at.x], q[at.y], q[at.z], q[at.w]); }
fn k4(at: vec4u) -> mat4x4f { return mat4x4f(k[at.x], k[at.y], k[at.z], k[at.w]); }
fn v4(at: vec4u) -> mat4x4f { return mat4x4f(v[at.x], v[at.y], v[at.z], v[at.w]); }
fn dO4(at: vec4u) -> mat4x4f { return mat4x4f(dO[at.x], dO[at.y], dO[at.z], dO[at.w]); }
fn upstream_or_q(columns: vec4u, qRow: u32, dORow: u32) -> mat4x4f {
  if (OF_VALUES) { return dO4(dORow + columns); }
  return q4(qRow + columns);
}

/// The products of four rows of x with four of y: a column for each row of x.
fn products(x: mat4x4f, y: mat4x4f) -> mat4x4f { return mat4x4f(x[0] * y, x[1] * y, x[2] * y, x[3] * y); }

/// The next weights move to the front: indexing by a variable is slow on adapters that run on a CPU.
fn turned(w: mat4x4f) -> mat4x4f { return mat4x4f(w[0].yzwx, w[1].yzwx, w[2].yzwx, w[3].yzwx); }

/// Stores the columns of a row, as many as exist. Called in loops, since four copies take longer to compile.
fn store_o(at: u32, column: u32, left: mat4x4f, right: mat4x4f) {
  for (var i = 0u; i < min(4u, params.D4 - column); i++) { o[at + column + i] = left[i]; }
  for (var i = 4u; i < min(COLUMNS4, params.D4 - column); i++) { o[at + column + i] = right[i - 4u]; }
}

fn store_dx(at: u32, column: u32, left: mat4x4f, right: mat4x4f) {
  let factor = select(params.scale, 1f, OF_VALUES);
  for (var i = 0u; i < min(4u, params.D4 - column); i++) { dx[at + column + i] = left[i] * factor; }
  for (var i = 4u; i < min(COLUMNS4, params.D4 - column); i++) { dx[at + column + i] = right[i - 4u] * factor; }
}

@compute @workgroup_size(THREADS)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) place: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= params.jobs) { return; }
  let job = job_of(index, params.heads, params.tiles, THREADS * ROWS, params.chunks, COLUMNS4);
  let rows = vec4u(job.row + ROWS * lane) + FOUR;
  let i = min(rows, vec4u(params.Tq - 1u));
  let query = (job.batch * params.heads + job.head) * params.Tq + i;
  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;
  let kHead = head_start(params.kAt, job.batch, job.head / params.group);
  let vHead = head_start(params.vAt, job.batch, job.head / params.group);
  let length = length_of(job.batch);
  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);
  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);
  let begin = keys_seen(job.batch, job.row, length).x / AT_ONCE * AT_ONCE;
  let end = keys_seen(job.batch, min(job.row + THREADS * ROWS, params.Tq) - 1u, length).y;
  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);
  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();
  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();
  var top = vec4f(LOWEST); var total = vec4f();
  for (var j = begin; j < end; j += AT_ONCE) {
    let at = min(vec2u(j + place % WIDTH) + vec2u(0u, 4u), vec2u(params.Tk - 1u));
    let kRow = kHead + at * params.kAt.z;
    let vRow = vHead + at * params.vAt.z;
    var s = mat4x4f(); var s4 = mat4x4f();
    for (var d = 0u; d < params.D4; d++) {
      let x = q4(qRow + d);
      let y = k[kRow.x + d];
      var y4 = y;
      if (WIDTH == 4u) { y4 = k[kRow.y + d]; }
      s += products(x, four(y, 0u)); s4 += products(x, four(y4, WIDTH - 4u));
    }
    let key = open_keys(job.batch, j); let key4 = open_keys(job.batch, j + 4u);
    let t0 = absorb(s[0] * params.scale, s4[0] * params.scale, within(key, see0), within(key4, see0), top.x);
    let t1 = absorb(s[1] * params.scale, s4[1] * params.scale, within(key, see1), within(key4, see1), top.y);
    let t2 = absorb(s[2] * params.scale, s4[2] * params.scale, within(key, see2), within(key4, see2), top.z);
    let t3 = absorb(s[3] * params.scale, s4[3] * params.scale, within(key, see3), within(key4, see3), top.w);
    top = vec4f(t0.top, t1.top, t2.top, t3.top);
    let rescale = vec4f(t0.rescale, t1.rescale, t2.rescale, t3.rescale);
    total = total * rescale + vec4f(t0.sum, t1.sum, t2.sum, t3.sum);
    a0 *= rescale.x; a1 *= rescale.y; a2 *= rescale.z; a3 *= rescale.w;
    if (WIDE) { b0 *= rescale.x; b1 *= rescale.y; b2 *= rescale.z; b3 *= rescale.w; }
    let m = kept_by(query, j);
    let m4 = kept_by(query, j + 4u);
    var w = mat4x4f(t0.p0 * m[0], t1.p0 * m[1], t2.p0 * m[2], t3.p0 * m[3]);
    var w4 = mat4x4f(t0.p1 * m4[0], t1.p1 * m4[1], t2.p1 * m4[2], t3.p1 * m4[3]);
    let yl = v4(left + vRow.x);
    var yl4 = yl;
    if (WIDTH == 4u) { yl4 = v4(left + vRow.y); }
    var yr = yl; var yr4 = yl4;
    if (WIDE) { yr = v4(right + vRow.x); yr4 = yr; }
    if (WIDE && WIDTH == 4u) { yr4 = v4(right + vRow.y); }
    for (var n = 0u; n < 4u; n++) {
      let l0 = row(yl, n); let l1 = row(yl4, n + WIDTH - 4u);
      a0 += w[0].x * l0 + w4[0].x * l1; a1 += w[1].x * l0 + w4[1].x * l1;
      a2 += w[2].x * l0 + w4[2].x * l1; a3 += w[3].x * l0 + w4[3].x * l1;
      if (WIDE) {
        let r0 = row(yr, n); let r1 = row(yr4, n + WIDTH - 4u);
        b0 += w[0].x * r0 + w4[0].x * r1; b1 += w[1].x * r0 + w4[1].x * r1;
        b2 += w[2].x * r0 + w4[2].x * r1; b3 += w[3].x * r0 + w4[3].x * r1;
      }
      w = turned(w); w4 = turned(w4);
    }
  }
  let some = total > vec4f();
  let inverse = select(vec4f(), 1f / total, some);
  let logSum = vec4f(log_safe(total.x), log_safe(total.y), log_safe(total.z), log_safe(total.w));
  let rowLse = select(vec4f(), top + logSum, some);
  var at = head_start(params.oAt, job.batch, job.head) + i * params.oAt.z;
  var factor = inverse; var logSums = rowLse;
  for (var row = rows.x; row < min(rows.x + ROWS, params.Tq); row++) {
    store_o(at.x, job.column, a0 * factor.x, b0 * factor.x);
    lse[query.x + row - rows.x] = logSums.x;
    a0 = a1; a1 = a2; a2 = a3; b0 = b1; b1 = b2; b2 = b3;
    at = at.yzwx; factor = factor.yzwx; logSums = logSums.yzwx;
  }
}

@compute @workgroup_size(THREADS)
fn dq(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) place: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= params.jobs) { return; }
  let job = job_of(index, params.heads, params.tiles, THREADS * ROWS, params.chunks, COLUMNS4);
  let rows = vec4u(job.row + ROWS * lane) + FOUR;
  let i = min(rows, vec4u(params.Tq - 1u));
  let query = (job.batch * params.heads + job.head) * params.Tq + i;
  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;
  let dORow = head_start(params.dOAt, job.batch, job.head) + i * params.dOAt.z;
  let kHead = head_start(params.kAt, job.batch, job.head / params.group);
  let vHead = head_start(params.vAt, job.batch, job.head / params.group);
  let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));
  let length = length_of(job.batch);
  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);
  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);
  let begin = keys_seen(job.batch, job.row, length).x / AT_ONCE * AT_ONCE;
  let end = keys_seen(job.batch, min(job.row + THREADS * ROWS, params.Tq) - 1u, length).y;
  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);
  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();
  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();
  for (var j = begin; j < end; j += AT_ONCE) {
    let at = min(vec2u(j + place % WIDTH) + vec2u(0u, 4u), vec2u(params.Tk - 1u));
    let kRow = kHead + at * params.kAt.z;
    let vRow = vHead + at * params.vAt.z;
    var s = mat4x4f(); var s4 = mat4x4f();
    for (var d = 0u; d < params.D4; d++) {
      let x = q4(qRow + d);
      let y = k[kRow.x + d];
      var y4 = y;
      if (WIDTH == 4u) { y4 = k[kRow.y + d]; }
      s += products(x, four(y, 0u)); s4 += products(x, four(y4, WIDTH - 4u));
    }
    var w = mat4x4f(); var w4 = mat4x4f();
    for (var d = 0u; d < params.D4; d++) {
      let x = dO4(dORow + d);
      let y = v[vRow.x + d];
      var y4 = y;
      if (WIDTH == 4u) { y4 = v[vRow.y + d]; }
      w += products(x, four(y, 0u)); w4 += products(x, four(y4, WIDTH - 4u));
    }
    let m = kept_by(query, j);
    let m4 = kept_by(query, j + 4u);
    let key = open_keys(job.batch, j); let key4 = open_keys(job.batch, j + 4u);
    w[0] = gradient_weight(s[0], w[0], m[0], within(key, see0), vec4f(st[0].x), vec4f(st[1].x));
    w4[0] = gradient_weight(s4[0], w4[0], m4[0], within(key4, see0), vec4f(st[0].x), vec4f(st[1].x));
    w[1] = gradient_weight(s[1], w[1], m[1], within(key, see1), vec4f(st[0].y), vec4f(st[1].y));
    w4[1] = gradient_weight(s4[1], w4[1], m4[1], within(key4, see1), vec4f(st[0].y), vec4f(st[1].y));
    w[2] = gradient_weight(s[2], w[2], m[2], within(key, see2), vec4f(st[0].z), vec4f(st[1].z));
    w4[2] = gradient_weight(s4[2], w4[2], m4[2], within(key4, see2), vec4f(st[0].z), vec4f(st[1].z));
    w[3] = gradient_weight(s[3], w[3], m[3], within(key, see3), vec4f(st[0].w), vec4f(st[1].w));
    w4[3] = gradient_weight(s4[3], w4[3], m4[3], within(key4, see3), vec4f(st[0].w), vec4f(st[1].w));
    let yl = k4(left + kRow.x);
    var yl4 = yl;
    if (WIDTH == 4u) { yl4 = k4(left + kRow.y); }
    var yr = yl; var yr4 = yl4;
    if (WIDE) { yr = k4(right + kRow.x); yr4 = yr; }
    if (WIDE && WIDTH == 4u) { yr4 = k4(right + kRow.y); }
    for (var n = 0u; n < 4u; n++) {
      let l0 = row(yl, n); let l1 = row(yl4, n + WIDTH - 4u);
      a0 += w[0].x * l0 + w4[0].x * l1; a1 += w[1].x * l0 + w4[1].x * l1;
      a2 += w[2].x * l0 + w4[2].x * l1; a3 += w[3].x * l0 + w4[3].x * l1;
      if (WIDE) {
        let r0 = row(yr, n); let r1 = row(yr4, n + WIDTH - 4u);
        b0 += w[0].x * r0 + w4[0].x * r1; b1 += w[1].x * r0 + w4[1].x * r1;
        b2 += w[2].x * r0 + w4[2].x * r1; b3 += w[3].x * r0 + w4[3].x * r1;
      }
      w = turned(w); w4 = turned(w4);
    }
  }
  var at = head_start(params.dxAt, job.batch, job.head) + i * params.dxAt.z;
  for (var row = rows.x; row < min(rows.x + ROWS, params.Tq); row++) {
    store_dx(at.x, job.column, a0, b0);
    a0 = a1; a1 = a2; a2 = a3; b0 = b1; b1 = b2; b2 = b3; at = at.yzwx;
  }
}

@compute @workgroup_size(THREADS)
fn dkv(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) place: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= params.jobs) { return; }
  let job = job_of(index, params.heads, params.tiles, THREADS * ROWS, params.chunks, COLUMNS4);
  let rows = vec4u(job.row + ROWS * lane) + FOUR;
  let j = min(rows, vec4u(params.Tk - 1u));
  let kRow = head_start(params.kAt, job.batch, job.head) + j * params.kAt.z;
  let vRow = head_start(params.vAt, job.batch, job.head) + j * params.vAt.z;
  let length = length_of(job.batch);
  let see0 = queries_of_key(job.batch, j.x, length); let see1 = queries_of_key(job.batch, j.y, length);
  let see2 = queries_of_key(job.batch, j.z, length); let see3 = queries_of_key(job.batch, j.w, length);
  let begin = queries_seeing(job.batch, job.row).x / AT_ONCE * AT_ONCE;
  let end = queries_seeing(job.batch, min(job.row + THREADS * ROWS, params.Tk) - 1u).y;
  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);
  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();
  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();
  for (var h = job.head * params.group; h < (job.head + 1u) * params.group; h++) {
    let qHead = head_start(params.qAt, job.batch, h);
    let dOHead = head_start(params.dOAt, job.batch, h);
    let firstQuery = (job.batch * params.heads * params.group + h) * params.Tq;
    for (var i = begin; i < end; i += AT_ONCE) {
      let at = min(vec2u(i + place % WIDTH) + vec2u(0u, 4u), vec2u(params.Tq - 1u));
      let qRow = qHead + at * params.qAt.z;
      let dORow = dOHead + at * params.dOAt.z;
      var s = mat4x4f(); var s4 = mat4x4f();
      for (var d = 0u; d < params.D4; d++) {
        let x = k4(kRow + d);
        let y = q[qRow.x + d];
        var y4 = y;
        if (WIDTH == 4u) { y4 = q[qRow.y + d]; }
        s += products(x, four(y, 0u)); s4 += products(x, four(y4, WIDTH - 4u));
      }
      var w = mat4x4f(); var w4 = mat4x4f();
      for (var d = 0u; d < select(params.D4, 0u, OF_VALUES); d++) {
        let x = v4(vRow + d);
        let y = dO[dORow.x + d];
        var y4 = y;
        if (WIDTH == 4u) { y4 = dO[dORow.y + d]; }
        w += products(x, four(y, 0u)); w4 += products(x, four(y4, WIDTH - 4u));
      }
      let id = vec4u(i) + FOUR;
      let query = firstQuery + min(id, vec4u(params.Tq - 1u));
      let query4 = firstQuery + min(id + 4u, vec4u(params.Tq - 1u));
      let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));
      let st4 = transpose(mat4x2f(stats[query4.x], stats[query4.y], stats[query4.z], stats[query4.w]));
      let m = transpose(kept_by(query, j.x));
      let m4 = transpose(kept_by(query4, j.x));
      w[0] = gradient_weight(s[0], w[0], m[0], within(id, see0), st[0], st[1]);
      w4[0] = gradient_weight(s4[0], w4[0], m4[0], within(id + 4u, see0), st4[0], st4[1]);
      w[1] = gradient_weight(s[1], w[1], m[1], within(id, see1), st[0], st[1]);
      w4[1] = gradient_weight(s4[1], w4[1], m4[1], within(id + 4u, see1), st4[0], st4[1]);
      w[2] = gradient_weight(s[2], w[2], m[2], within(id, see2), st[0], st[1]);
      w4[2] = gradient_weight(s4[2], w4[2], m4[2], within(id + 4u, see2), st4[0], st4[1]);
      w[3] = gradient_weight(s[3], w[3], m[3], within(id, see3), st[0], st[1]);
      w4[3] = gradient_weight(s4[3], w4[3], m4[3], within(id + 4u, see3), st4[0], st4[1]);
      let yl = upstream_or_q(left, qRow.x, dORow.x);
      var yl4 = yl;
      if (WIDTH == 4u) { yl4 = upstream_or_q(left, qRow.y, dORow.y); }
      var yr = yl; var yr4 = yl4;
      if (WIDE) { yr = upstream_or_q(right, qRow.x, dORow.x); yr4 = yr; }
      if (WIDE && WIDTH == 4u) { yr4 = upstream_or_q(right, qRow.y, dORow.y); }
      for (var n = 0u; n < 4u; n++) {
        let l0 = row(yl, n); let l1 = row(yl4, n + WIDTH - 4u);
        a0 += w[0].x * l0 + w4[0].x * l1; a1 += w[1].x * l0 + w4[1].x * l1;
        a2 += w[2].x * l0 + w4[2].x * l1; a3 += w[3].x * l0 + w4[3].x * l1;
        if (WIDE) {
          let r0 = row(yr, n); let r1 = row(yr4, n + WIDTH - 4u);
          b0 += w[0].x * r0 + w4[0].x * r1; b1 += w[1].x * r0 + w4[1].x * r1;
          b2 += w[2].x * r0 + w4[2].x * r1; b3 += w[3].x * r0 + w4[3].x * r1;
        }
        w = turned(w); w4 = turned(w4);
      }
    }
  }
  var at = head_start(params.dxAt, job.batch, job.head) + j * params.dxAt.z;
  for (var row = rows.x; row < min(rows.x + ROWS, params.Tk); row++) {
    store_dx(at.x, job.column, a0, b0);
    a0 = a1; a1 = a2; a2 = a3; b0 = b1; b1 = b2; b2 = b3; at = at.yzwx;
  }
}

