// Scaled dot-product attention as in attention.wgsl, which has the formulas and Δ, where there are subgroups: of the
// eight keys (or queries) of a step each thread loads one, or two, and the subgroup hands them round.
//
// A thread owns four rows r and 32 columns of x in x_r += Σ_c w(r, c) y_c; the other side c streams past, eight at a
// time. On a CPU a load costs as much as 30 products, whatever its address (lavapipe: 8 ns an element against 0.25), a
// shuffle a fourth of that: forward and backward take half the time of attention.wgsl there (T = 128 and 512, D = 32).
// More rows, or dk beside dv, spill: eight rows were no faster and took ten times as long to compile.

enable subgroups;
const THREADS: u32 = 8;        // of a workgroup, each with its ROWS
const WIDTH: u32 = 4;          // threads that share loads, of a subgroup: 8, or the 4 that every subgroup has
const MASKED: bool = false;    // `keys` has a mask
const PACKED: bool = false;    // `keys` has the documents' bounds
const DROPOUT: bool = false;
const OF_VALUES: bool = false; // dkv computes dv, else dk

const ROWS = 4u;               // per thread; those past the end are computed as the last one and not stored
const AT_ONCE = 8u;            // of the other side
const ONES = vec4f(1f);
const COLUMNS4 = 8u;           // vec4f columns per thread
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

fn k4(at: vec4u) -> mat4x4f { return mat4x4f(k[at.x], k[at.y], k[at.z], k[at.w]); }
fn v4(at: vec4u) -> mat4x4f { return mat4x4f(v[at.x], v[at.y], v[at.z], v[at.w]); }
fn upstream_or_q(columns: vec4u, qRow: u32, dORow: u32) -> mat4x4f {
  if (OF_VALUES) { let at = dORow + columns; return mat4x4f(dO[at.x], dO[at.y], dO[at.z], dO[at.w]); }
  let at = qRow + columns;
  return mat4x4f(q[at.x], q[at.y], q[at.z], q[at.w]);
}

/// Stores eight columns of a row, as many as exist. Called in loops, since four copies take longer to compile.
fn store_o(at: u32, column: u32, left: mat4x4f, right: mat4x4f) {
  for (var i = 0u; i < min(4u, params.D4 - column); i++) { o[at + column + i] = left[i]; }
  for (var i = 4u; i < min(8u, params.D4 - column); i++) { o[at + column + i] = right[i - 4u]; }
}

fn store_dx(at: u32, column: u32, left: mat4x4f, right: mat4x4f) {
  let factor = select(params.scale, 1f, OF_VALUES);
  for (var i = 0u; i < min(4u, params.D4 - column); i++) { dx[at + column + i] = left[i] * factor; }
  for (var i = 4u; i < min(8u, params.D4 - column); i++) { dx[at + column + i] = right[i - 4u] * factor; }
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
    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
    var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
    for (var d = 0u; d < params.D4; d++) {
      let x0 = q[qRow.x + d]; let x1 = q[qRow.y + d]; let x2 = q[qRow.z + d]; let x3 = q[qRow.w + d];
      let y = k[kRow.x + d];
      var y4 = y;
      if (WIDTH == 4u) { y4 = k[kRow.y + d]; }
      let low = four(y, 0u); let high = four(y4, WIDTH - 4u);
      s0 += x0 * low; s1 += x1 * low; s2 += x2 * low; s3 += x3 * low;
      s4 += x0 * high; s5 += x1 * high; s6 += x2 * high; s7 += x3 * high;
    }
    let key = open_keys(job.batch, j); let key4 = open_keys(job.batch, j + 4u);
    let t0 = absorb(s0 * params.scale, s4 * params.scale, within(key, see0), within(key4, see0), top.x);
    let t1 = absorb(s1 * params.scale, s5 * params.scale, within(key, see1), within(key4, see1), top.y);
    let t2 = absorb(s2 * params.scale, s6 * params.scale, within(key, see2), within(key4, see2), top.z);
    let t3 = absorb(s3 * params.scale, s7 * params.scale, within(key, see3), within(key4, see3), top.w);
    top = vec4f(t0.top, t1.top, t2.top, t3.top);
    let rescale = vec4f(t0.rescale, t1.rescale, t2.rescale, t3.rescale);
    total = total * rescale + vec4f(t0.sum, t1.sum, t2.sum, t3.sum);
    a0 *= rescale.x; a1 *= rescale.y; a2 *= rescale.z; a3 *= rescale.w;
    b0 *= rescale.x; b1 *= rescale.y; b2 *= rescale.z; b3 *= rescale.w;
    var p0 = t0.p0; var p1 = t1.p0; var p2 = t2.p0; var p3 = t3.p0;
    var p4 = t0.p1; var p5 = t1.p1; var p6 = t2.p1; var p7 = t3.p1;
    if (DROPOUT) {
      p0 *= kept(query.x, j); p1 *= kept(query.y, j); p2 *= kept(query.z, j); p3 *= kept(query.w, j);
      p4 *= kept(query.x, j + 4u); p5 *= kept(query.y, j + 4u);
      p6 *= kept(query.z, j + 4u); p7 *= kept(query.w, j + 4u);
    }
    let yl = v4(left + vRow.x); let yr = v4(right + vRow.x);
    var yl4 = yl; var yr4 = yr;
    if (WIDTH == 4u) { yl4 = v4(left + vRow.y); yr4 = v4(right + vRow.y); }
    for (var n = 0u; n < 4u; n++) {
      let l0 = row(yl, n); let r0 = row(yr, n);
      let l1 = row(yl4, n + WIDTH - 4u); let r1 = row(yr4, n + WIDTH - 4u);
      a0 += p0.x * l0 + p4.x * l1; a1 += p1.x * l0 + p5.x * l1;
      a2 += p2.x * l0 + p6.x * l1; a3 += p3.x * l0 + p7.x * l1;
      b0 += p0.x * r0 + p4.x * r1; b1 += p1.x * r0 + p5.x * r1;
      b2 += p2.x * r0 + p6.x * r1; b3 += p3.x * r0 + p7.x * r1;
      // The next weights move to the front: indexing by n is slow on adapters that run on a CPU.
      p0 = p0.yzwx; p1 = p1.yzwx; p2 = p2.yzwx; p3 = p3.yzwx;
      p4 = p4.yzwx; p5 = p5.yzwx; p6 = p6.yzwx; p7 = p7.yzwx;
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
    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
    var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
    for (var d = 0u; d < params.D4; d++) {
      let x0 = q[qRow.x + d]; let x1 = q[qRow.y + d]; let x2 = q[qRow.z + d]; let x3 = q[qRow.w + d];
      let y = k[kRow.x + d];
      var y4 = y;
      if (WIDTH == 4u) { y4 = k[kRow.y + d]; }
      let low = four(y, 0u); let high = four(y4, WIDTH - 4u);
      s0 += x0 * low; s1 += x1 * low; s2 += x2 * low; s3 += x3 * low;
      s4 += x0 * high; s5 += x1 * high; s6 += x2 * high; s7 += x3 * high;
    }
    var w0 = vec4f(); var w1 = vec4f(); var w2 = vec4f(); var w3 = vec4f();
    var w4 = vec4f(); var w5 = vec4f(); var w6 = vec4f(); var w7 = vec4f();
    for (var d = 0u; d < params.D4; d++) {
      let x0 = dO[dORow.x + d]; let x1 = dO[dORow.y + d]; let x2 = dO[dORow.z + d]; let x3 = dO[dORow.w + d];
      let y = v[vRow.x + d];
      var y4 = y;
      if (WIDTH == 4u) { y4 = v[vRow.y + d]; }
      let low = four(y, 0u); let high = four(y4, WIDTH - 4u);
      w0 += x0 * low; w1 += x1 * low; w2 += x2 * low; w3 += x3 * low;
      w4 += x0 * high; w5 += x1 * high; w6 += x2 * high; w7 += x3 * high;
    }
    let m = kept_by(query, j);
    let m4 = kept_by(query, j + 4u);
    let key = open_keys(job.batch, j); let key4 = open_keys(job.batch, j + 4u);
    w0 = gradient_weight(s0, w0, m[0], within(key, see0), vec4f(st[0].x), vec4f(st[1].x));
    w4 = gradient_weight(s4, w4, m4[0], within(key4, see0), vec4f(st[0].x), vec4f(st[1].x));
    w1 = gradient_weight(s1, w1, m[1], within(key, see1), vec4f(st[0].y), vec4f(st[1].y));
    w5 = gradient_weight(s5, w5, m4[1], within(key4, see1), vec4f(st[0].y), vec4f(st[1].y));
    w2 = gradient_weight(s2, w2, m[2], within(key, see2), vec4f(st[0].z), vec4f(st[1].z));
    w6 = gradient_weight(s6, w6, m4[2], within(key4, see2), vec4f(st[0].z), vec4f(st[1].z));
    w3 = gradient_weight(s3, w3, m[3], within(key, see3), vec4f(st[0].w), vec4f(st[1].w));
    w7 = gradient_weight(s7, w7, m4[3], within(key4, see3), vec4f(st[0].w), vec4f(st[1].w));
    let yl = k4(left + kRow.x); let yr = k4(right + kRow.x);
    var yl4 = yl; var yr4 = yr;
    if (WIDTH == 4u) { yl4 = k4(left + kRow.y); yr4 = k4(right + kRow.y); }
    for (var n = 0u; n < 4u; n++) {
      let l0 = row(yl, n); let r0 = row(yr, n);
      let l1 = row(yl4, n + WIDTH - 4u); let r1 = row(yr4, n + WIDTH - 4u);
      a0 += w0.x * l0 + w4.x * l1; a1 += w1.x * l0 + w5.x * l1;
      a2 += w2.x * l0 + w6.x * l1; a3 += w3.x * l0 + w7.x * l1;
      b0 += w0.x * r0 + w4.x * r1; b1 += w1.x * r0 + w5.x * r1;
      b2 += w2.x * r0 + w6.x * r1; b3 += w3.x * r0 + w7.x * r1;
      // The next weights move to the front: indexing by n is slow on adapters that run on a CPU.
      w0 = w0.yzwx; w1 = w1.yzwx; w2 = w2.yzwx; w3 = w3.yzwx;
      w4 = w4.yzwx; w5 = w5.yzwx; w6 = w6.yzwx; w7 = w7.yzwx;
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
      var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
      var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
      for (var d = 0u; d < params.D4; d++) {
        let x0 = k[kRow.x + d]; let x1 = k[kRow.y + d]; let x2 = k[kRow.z + d]; let x3 = k[kRow.w + d];
        let y = q[qRow.x + d];
        var y4 = y;
        if (WIDTH == 4u) { y4 = q[qRow.y + d]; }
        let low = four(y, 0u); let high = four(y4, WIDTH - 4u);
        s0 += x0 * low; s1 += x1 * low; s2 += x2 * low; s3 += x3 * low;
        s4 += x0 * high; s5 += x1 * high; s6 += x2 * high; s7 += x3 * high;
      }
      var w0 = vec4f(); var w1 = vec4f(); var w2 = vec4f(); var w3 = vec4f();
      var w4 = vec4f(); var w5 = vec4f(); var w6 = vec4f(); var w7 = vec4f();
      if (!OF_VALUES) {
        for (var d = 0u; d < params.D4; d++) {
          let x0 = v[vRow.x + d]; let x1 = v[vRow.y + d]; let x2 = v[vRow.z + d]; let x3 = v[vRow.w + d];
          let y = dO[dORow.x + d];
          var y4 = y;
          if (WIDTH == 4u) { y4 = dO[dORow.y + d]; }
          let low = four(y, 0u); let high = four(y4, WIDTH - 4u);
          w0 += x0 * low; w1 += x1 * low; w2 += x2 * low; w3 += x3 * low;
          w4 += x0 * high; w5 += x1 * high; w6 += x2 * high; w7 += x3 * high;
        }
      }
      let id = vec4u(i) + FOUR;
      let query = firstQuery + min(id, vec4u(params.Tq - 1u));
      let query4 = firstQuery + min(id + 4u, vec4u(params.Tq - 1u));
      let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));
      let st4 = transpose(mat4x2f(stats[query4.x], stats[query4.y], stats[query4.z], stats[query4.w]));
      let m = transpose(kept_by(query, j.x));
      let m4 = transpose(kept_by(query4, j.x));
      w0 = gradient_weight(s0, w0, m[0], within(id, see0), st[0], st[1]);
      w4 = gradient_weight(s4, w4, m4[0], within(id + 4u, see0), st4[0], st4[1]);
      w1 = gradient_weight(s1, w1, m[1], within(id, see1), st[0], st[1]);
      w5 = gradient_weight(s5, w5, m4[1], within(id + 4u, see1), st4[0], st4[1]);
      w2 = gradient_weight(s2, w2, m[2], within(id, see2), st[0], st[1]);
      w6 = gradient_weight(s6, w6, m4[2], within(id + 4u, see2), st4[0], st4[1]);
      w3 = gradient_weight(s3, w3, m[3], within(id, see3), st[0], st[1]);
      w7 = gradient_weight(s7, w7, m4[3], within(id + 4u, see3), st4[0], st4[1]);
      let yl = upstream_or_q(left, qRow.x, dORow.x); let yr = upstream_or_q(right, qRow.x, dORow.x);
      var yl4 = yl; var yr4 = yr;
      if (WIDTH == 4u) { yl4 = upstream_or_q(left, qRow.y, dORow.y); yr4 = upstream_or_q(right, qRow.y, dORow.y); }
      for (var n = 0u; n < 4u; n++) {
        let l0 = row(yl, n); let r0 = row(yr, n);
        let l1 = row(yl4, n + WIDTH - 4u); let r1 = row(yr4, n + WIDTH - 4u);
        a0 += w0.x * l0 + w4.x * l1; a1 += w1.x * l0 + w5.x * l1;
        a2 += w2.x * l0 + w6.x * l1; a3 += w3.x * l0 + w7.x * l1;
        b0 += w0.x * r0 + w4.x * r1; b1 += w1.x * r0 + w5.x * r1;
        b2 += w2.x * r0 + w6.x * r1; b3 += w3.x * r0 + w7.x * r1;
        // The next weights move to the front: indexing by n is slow on adapters that run on a CPU.
        w0 = w0.yzwx; w1 = w1.yzwx; w2 = w2.yzwx; w3 = w3.yzwx;
        w4 = w4.yzwx; w5 = w5.yzwx; w6 = w6.yzwx; w7 = w7.yzwx;
      }
    }
  }
  var at = head_start(params.dxAt, job.batch, job.head) + j * params.dxAt.z;
  for (var row = rows.x; row < min(rows.x + ROWS, params.Tk); row++) {
    store_dx(at.x, job.column, a0, b0);
    a0 = a1; a1 = a2; a2 = a3; b0 = b1; b1 = b2; b2 = b3; at = at.yzwx;
  }
}

