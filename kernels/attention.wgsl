// Scaled dot-product attention; nothing of size Tq x Tk is stored (Dao et al. 2022).
//
//   S = scale q kᵀ                    q (B, H, Tq, D)     k, v (B, Hkv, Tk, D), shared by H / Hkv query heads
//   P = softmax(S) over the keys that a query sees; lse = log Σ exp S; a query that sees none gets zeros
//   o = (M ∘ P) v                     M = dropout's mask / (1 - p), or ones
//   Δ = Σ_d dO ∘ o                    dP = M ∘ (dO vᵀ)     dS = P ∘ (dP - Δ)
//   dq = scale dS k                   dk = scale dSᵀ q     dv = (M ∘ P)ᵀ dO
//
// forward, dq and dkv are one scheme, x_r += Σ_c w(r, c) y_c: a thread owns four rows r (queries, or keys) and 32
// columns of x in named accumulators, or 16 where D has no more; the other side c streams past, four at a time, at
// addresses that are the same for all threads. Each result has one owner, so nothing is added atomically; S is computed
// again by each of them. A workgroup owns THREADS * 4 rows of one head and 32 columns; with D > 32 several share the rows.
// forward has an online softmax (Milakov & Gimelshein 2018); delta finds (lse, Δ) of each query, a thread each.
//
// S and dP have loops of their own: one loop for both spills on adapters that run on a CPU (dq: 9.4 against 2.7 ms for
// B H = 48, T = 64, D = 32 on lavapipe). The last axis is dense and read as vec4; `…At` are the strides along batch,
// head and time, and the start, in vec4f.

const THREADS: u32 = 8;        // of a workgroup, each with its ROWS
const MASKED: bool = false;    // `keys` has a mask
const PACKED: bool = false;    // `keys` has the documents' bounds
const DROPOUT: bool = false;
const OF_VALUES: bool = false; // dkv computes dv, else dk
const WIDE: bool = true;       // 32 columns per thread, or 16: half of what there is to compile

const ROWS = 4u;               // per thread, side by side: a block of dropout's random words serves four keys; those past
                               // the end are computed as the last one and not stored
const COLUMNS4 = select(4u, 8u, WIDE); // vec4f columns per thread
const NEVER = 0xffffffffu;

struct Params {
  jobs: u32,        // workgroups that have work
  heads: u32,       // of the rows: H; Hkv in dkv
  group: u32,       // H / Hkv
  Tq: u32, Tk: u32,
  D4: u32,          // D / 4
  tiles: u32,       // of rows, per head
  chunks: u32,      // of columns
  scale: f32,
  causal: u32,      // query i sees keys up to i + Tk - Tq
  maskAt: i32,      // where in `keys` the mask (B, Tk) begins: 0 hides a key
  lengthsAt: i32,   // where the lengths (B) begin: keys from there on are hidden; -1: there are none
  stream: u32, p: f32,   // dropout
  documentsAt: i32, // where begin and end of each position's document (B, T, 2) lie: neither ever falls along T
  qAt: vec4u, kAt: vec4u, vAt: vec4u,
  oAt: vec4u,       // o in forward and delta
  dOAt: vec4u,
  dxAt: vec4u,
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

@group(0) @binding(0) var<storage, read> oSaved: array<vec4f>;         // delta
@group(0) @binding(1) var<storage, read> dOGiven: array<vec4f>;
@group(0) @binding(2) var<storage, read> lseSaved: array<f32>;
@group(0) @binding(3) var<storage, read_write> statsMade: array<vec2f>;

/// How many keys of a sequence there are.
fn length_of(batch: u32) -> i32 {
  if (params.lengthsAt < 0) { return i32(params.Tk); }
  return keys[u32(params.lengthsAt) + batch];
}

fn hidden(batch: u32, j: u32) -> bool {
  return keys[u32(params.maskAt) + batch * params.Tk + j] == 0;
}

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

/// The queries that see key j, likewise.
fn queries_seeing(batch: u32, j: u32) -> vec2u {
  let own = document(batch, j);
  return vec2u(max(own.x, queries_start(j, params.Tq, params.Tk, params.causal)), min(own.y, params.Tq));
}

/// None where it is hidden.
fn queries_of_key(batch: u32, j: u32, length: i32) -> vec2u {
  let shut = (MASKED && hidden(batch, j)) || i32(j) >= length;
  return select(queries_seeing(batch, j), vec2u(), shut);
}

fn open_keys(batch: u32, j: vec4u) -> vec4<bool> {
  if (!MASKED) { return vec4<bool>(true); }
  return !vec4<bool>(hidden(batch, j.x), hidden(batch, j.y), hidden(batch, j.z), hidden(batch, j.w));
}

/// M of one query and keys j to j + 3, j a multiple of 4.
fn kept(query: u32, j: u32) -> vec4f {
  return kept_keys(query, j, params.stream, params.p, vec2u(state[0], state[1]), state[2]);
}

/// M of four queries (columns) and keys j to j + 3 (rows), j a multiple of 4.
fn kept_by(query: vec4u, j: u32) -> mat4x4f {
  return mat4x4f(kept(query.x, j), kept(query.y, j), kept(query.z, j), kept(query.w, j));
}

/// Four more keys of a row: their weights relative to the new maximum, and the factor that brings earlier sums to it.
struct Step { p: vec4f, top: f32, rescale: f32 }
fn absorb(s: vec4f, seen: vec4<bool>, before: f32) -> Step {
  let visible = select(vec4f(LOWEST), s, seen);
  let top = max(before, max(max(visible.x, visible.y), max(visible.z, visible.w)));
  return Step(score_weight(s, seen, vec4f(top)), top, exp(max(before - top, EXP_MIN)));
}

/// Four entries of dS; of M ∘ P for dv.
fn gradient_weight(s: vec4f, dp: vec4f, m: vec4f, seen: vec4<bool>, rowLse: vec4f, rowDelta: vec4f) -> vec4f {
  return score_weight(s * params.scale, seen, rowLse) * select(m * dp - rowDelta, m, vec4<bool>(OF_VALUES));
}

// Four rows' vec4f as the columns of a matrix, or 16 columns of one row.
fn q4(at: vec4u) -> mat4x4f { return mat4x4f(q[at.x], q[at.y], q[at.z], q[at.w]); }
fn k4(at: vec4u) -> mat4x4f { return mat4x4f(k[at.x], k[at.y], k[at.z], k[at.w]); }
fn v4(at: vec4u) -> mat4x4f { return mat4x4f(v[at.x], v[at.y], v[at.z], v[at.w]); }
fn dO4(at: vec4u) -> mat4x4f { return mat4x4f(dO[at.x], dO[at.y], dO[at.z], dO[at.w]); }

fn upstream_or_q(at: vec4u) -> mat4x4f {
  if (OF_VALUES) { return dO4(at); }
  return q4(at);
}

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
  let begin = keys_seen(job.batch, job.row, length).x / 4u * 4u;
  let end = keys_seen(job.batch, min(job.row + THREADS * ROWS, params.Tq) - 1u, length).y;
  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);
  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();
  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();
  var top = vec4f(LOWEST); var total = vec4f();
  for (var j = begin; j < end; j += 4u) {
    let key = vec4u(j) + FOUR;
    let at = min(key, vec4u(params.Tk - 1u));
    let kRow = kHead + at * params.kAt.z;
    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
    for (var d = 0u; d < params.D4; d++) {
      let ks = k4(kRow + d);
      s0 += q[qRow.x + d] * ks; s1 += q[qRow.y + d] * ks;
      s2 += q[qRow.z + d] * ks; s3 += q[qRow.w + d] * ks;
    }
    let open = open_keys(job.batch, at);
    let t0 = absorb(s0 * params.scale, open & within(key, see0), top.x);
    let t1 = absorb(s1 * params.scale, open & within(key, see1), top.y);
    let t2 = absorb(s2 * params.scale, open & within(key, see2), top.z);
    let t3 = absorb(s3 * params.scale, open & within(key, see3), top.w);
    top = vec4f(t0.top, t1.top, t2.top, t3.top);
    total = total * vec4f(t0.rescale, t1.rescale, t2.rescale, t3.rescale)
      + vec4f(1f) * mat4x4f(t0.p, t1.p, t2.p, t3.p);
    a0 *= t0.rescale; a1 *= t1.rescale; a2 *= t2.rescale; a3 *= t3.rescale;
    if (WIDE) { b0 *= t0.rescale; b1 *= t1.rescale; b2 *= t2.rescale; b3 *= t3.rescale; }
    var p0 = t0.p; var p1 = t1.p; var p2 = t2.p; var p3 = t3.p;
    if (DROPOUT) {
      p0 *= kept(query.x, j); p1 *= kept(query.y, j); p2 *= kept(query.z, j); p3 *= kept(query.w, j);
    }
    var vRow = vHead + at * params.vAt.z;
    for (var n = 0u; n < 4u; n++) {
      let vl = v4(left + vRow.x);
      a0 += p0.x * vl; a1 += p1.x * vl; a2 += p2.x * vl; a3 += p3.x * vl;
      if (WIDE) {
        let vr = v4(right + vRow.x);
        b0 += p0.x * vr; b1 += p1.x * vr; b2 += p2.x * vr; b3 += p3.x * vr;
      }
      // The next key's weights move to the front: indexing by n is slow on adapters that run on a CPU.
      p0 = p0.yzwx; p1 = p1.yzwx; p2 = p2.yzwx; p3 = p3.yzwx; vRow = vRow.yzwx;
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

@compute @workgroup_size(64)
fn delta(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let query = (group.x + group.y * groups.x) * 64u + lane;
  if (query >= params.jobs) { return; }
  let i = query % params.Tq;
  let head = query / params.Tq % params.heads;
  let batch = query / params.Tq / params.heads;
  let oRow = head_start(params.oAt, batch, head) + i * params.oAt.z;
  let dORow = head_start(params.dOAt, batch, head) + i * params.dOAt.z;
  var sum = 0f;
  for (var d = 0u; d < params.D4; d++) { sum += dot(oSaved[oRow + d], dOGiven[dORow + d]); }
  statsMade[query] = vec2f(lseSaved[query], sum);
}

@compute @workgroup_size(THREADS)
fn dq(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
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
  let begin = keys_seen(job.batch, job.row, length).x / 4u * 4u;
  let end = keys_seen(job.batch, min(job.row + THREADS * ROWS, params.Tq) - 1u, length).y;
  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);
  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();
  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();
  for (var j = begin; j < end; j += 4u) {
    let key = vec4u(j) + FOUR;
    let at = min(key, vec4u(params.Tk - 1u));
    var kRow = kHead + at * params.kAt.z;
    let vRow = vHead + at * params.vAt.z;
    var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
    var dp0 = vec4f(); var dp1 = vec4f(); var dp2 = vec4f(); var dp3 = vec4f();
    for (var d = 0u; d < params.D4; d++) {
      let ks = k4(kRow + d);
      s0 += q[qRow.x + d] * ks; s1 += q[qRow.y + d] * ks;
      s2 += q[qRow.z + d] * ks; s3 += q[qRow.w + d] * ks;
    }
    for (var d = 0u; d < params.D4; d++) {
      let vs = v4(vRow + d);
      dp0 += dO[dORow.x + d] * vs; dp1 += dO[dORow.y + d] * vs;
      dp2 += dO[dORow.z + d] * vs; dp3 += dO[dORow.w + d] * vs;
    }
    var m0 = vec4f(1f); var m1 = vec4f(1f); var m2 = vec4f(1f); var m3 = vec4f(1f);
    if (DROPOUT) {
      m0 = kept(query.x, j); m1 = kept(query.y, j); m2 = kept(query.z, j); m3 = kept(query.w, j);
    }
    let open = open_keys(job.batch, at);
    var ds0 = gradient_weight(s0, dp0, m0, open & within(key, see0), vec4f(st[0].x), vec4f(st[1].x));
    var ds1 = gradient_weight(s1, dp1, m1, open & within(key, see1), vec4f(st[0].y), vec4f(st[1].y));
    var ds2 = gradient_weight(s2, dp2, m2, open & within(key, see2), vec4f(st[0].z), vec4f(st[1].z));
    var ds3 = gradient_weight(s3, dp3, m3, open & within(key, see3), vec4f(st[0].w), vec4f(st[1].w));
    for (var n = 0u; n < 4u; n++) {
      let kl = k4(left + kRow.x);
      a0 += ds0.x * kl; a1 += ds1.x * kl; a2 += ds2.x * kl; a3 += ds3.x * kl;
      if (WIDE) {
        let kr = k4(right + kRow.x);
        b0 += ds0.x * kr; b1 += ds1.x * kr; b2 += ds2.x * kr; b3 += ds3.x * kr;
      }
      ds0 = ds0.yzwx; ds1 = ds1.yzwx; ds2 = ds2.yzwx; ds3 = ds3.yzwx; kRow = kRow.yzwx;
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
  let begin = queries_seeing(job.batch, job.row).x / 4u * 4u;
  let end = queries_seeing(job.batch, min(job.row + THREADS * ROWS, params.Tk) - 1u).y;
  let left = columns_at(job.column, params.D4); let right = columns_at(job.column + 4u, params.D4);
  var a0 = mat4x4f(); var a1 = mat4x4f(); var a2 = mat4x4f(); var a3 = mat4x4f();
  var b0 = mat4x4f(); var b1 = mat4x4f(); var b2 = mat4x4f(); var b3 = mat4x4f();
  for (var h = job.head * params.group; h < (job.head + 1u) * params.group; h++) {
    let qHead = head_start(params.qAt, job.batch, h);
    let dOHead = head_start(params.dOAt, job.batch, h);
    let firstQuery = (job.batch * params.heads * params.group + h) * params.Tq;
    for (var i = begin; i < end; i += 4u) {
      let id = vec4u(i) + FOUR;
      let at = min(id, vec4u(params.Tq - 1u));
      let query = firstQuery + at;
      let qRow = qHead + at * params.qAt.z;
      let dORow = dOHead + at * params.dOAt.z;
      var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
      var dp0 = vec4f(); var dp1 = vec4f(); var dp2 = vec4f(); var dp3 = vec4f();
      for (var d = 0u; d < params.D4; d++) {
        let qs = q4(qRow + d);
        s0 += k[kRow.x + d] * qs; s1 += k[kRow.y + d] * qs;
        s2 += k[kRow.z + d] * qs; s3 += k[kRow.w + d] * qs;
      }
      if (!OF_VALUES) {
        for (var d = 0u; d < params.D4; d++) {
          let dOs = dO4(dORow + d);
          dp0 += v[vRow.x + d] * dOs; dp1 += v[vRow.y + d] * dOs;
          dp2 += v[vRow.z + d] * dOs; dp3 += v[vRow.w + d] * dOs;
        }
      }
      let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));
      var m0 = vec4f(1f); var m1 = vec4f(1f); var m2 = vec4f(1f); var m3 = vec4f(1f);
      if (DROPOUT) {
        let m = transpose(kept_by(query, j.x));
        m0 = m[0]; m1 = m[1]; m2 = m[2]; m3 = m[3];
      }
      var w0 = gradient_weight(s0, dp0, m0, within(id, see0), st[0], st[1]);
      var w1 = gradient_weight(s1, dp1, m1, within(id, see1), st[0], st[1]);
      var w2 = gradient_weight(s2, dp2, m2, within(id, see2), st[0], st[1]);
      var w3 = gradient_weight(s3, dp3, m3, within(id, see3), st[0], st[1]);
      var yRow = select(qRow, dORow, vec4<bool>(OF_VALUES));
      for (var n = 0u; n < 4u; n++) {
        let yl = upstream_or_q(left + yRow.x);
        a0 += w0.x * yl; a1 += w1.x * yl; a2 += w2.x * yl; a3 += w3.x * yl;
        if (WIDE) {
          let yr = upstream_or_q(right + yRow.x);
          b0 += w0.x * yr; b1 += w1.x * yr; b2 += w2.x * yr; b3 += w3.x * yr;
        }
        w0 = w0.yzwx; w1 = w1.yzwx; w2 = w2.yzwx; w3 = w3.yzwx; yRow = yRow.yzwx;
      }
    }
  }
  var at = head_start(params.dxAt, job.batch, job.head) + j * params.dxAt.z;
  for (var row = rows.x; row < min(rows.x + ROWS, params.Tk); row++) {
    store_dx(at.x, job.column, a0, b0);
    a0 = a1; a1 = a2; a2 = a3; b0 = b1; b1 = b2; b2 = b3; at = at.yzwx;
  }
}

