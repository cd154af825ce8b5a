// Scaled dot-product attention as in attention.wgsl, which has the formulas and Δ, for GPUs: through tiles in workgroup
// memory (Dao et al. 2022; the online softmax after Milakov & Gimelshein 2018).
//
// forward, dq and dkv are one scheme, x_r += Σ_c w(r, c) y_c. A workgroup owns ROWS rows r of one head (queries, or keys)
// and all columns of x; the other side c streams past, 32 at a time. Both sides come in pieces of 32 columns, so that
// 16 KiB hold them whatever D is; then the weights take the place of the rows' piece. A thread owns 4 x 4 of the weights
// and, of each 32 columns of x, 4 x 4. It reads 8 vec4f for 64 products, in both.

const THREADS: u32 = 128;      // of a workgroup: 8 across, the others down
const PIECES: u32 = 4;         // of 32 columns: 1, 2 or 4; PIECES * 32 >= D
const MASKED: bool = false;    // `keys` has a mask
const PACKED: bool = false;    // `keys` has the documents' bounds
const DROPOUT: bool = false;
const OF_VALUES: bool = false; // dkv computes dv, else dk

const ROWS = THREADS / 2u;     // of a workgroup, four per thread
const ACROSS = 8u;
const OTHERS = 32u;            // rows of the other side in a step
const PIECE4 = 8u;             // vec4f columns of a piece
const STRIDE = PIECE4 + 1u;    // padded against bank conflicts
const ONES = vec4f(1f);
const NEVER = 0xffffffffu;

// As in attention.wgsl.
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
@group(0) @binding(5) var<storage, read> dO: array<vec4f>;             // in forward anything: it is not read
@group(0) @binding(6) var<storage, read_write> o: array<vec4f>;        // forward
@group(0) @binding(7) var<storage, read_write> lse: array<f32>;        // (B, H, Tq)
@group(0) @binding(6) var<storage, read> stats: array<vec2f>;          // (B, H, Tq): lse, Δ; dq, dkv
@group(0) @binding(7) var<storage, read_write> dx: array<vec4f>;

var<workgroup> own: array<vec4f, ROWS * STRIDE>;       // a piece of the rows, then their weights: [row][vec4f]
var<workgroup> other: array<vec4f, OTHERS * STRIDE>;   // a piece of the other side, at `slot` of its row
var<workgroup> partial: array<f32, ROWS * ACROSS>;     // of a reduction over a row's threads: [row][across]

/// Where the rows of one head lie in a tensor: the first, from row to row, and how many there are.
struct Side { tensor: u32, start: u32, stride: u32, count: u32 }
const Q = 0u;
const K = 1u;
const V = 2u;
const DO = 3u;

fn queries_of(tensor: u32, at: vec4u, batch: u32, head: u32) -> Side {
  return Side(tensor, head_start(at, batch, head), at.z, params.Tq);
}

fn keys_of(tensor: u32, at: vec4u, batch: u32, head: u32) -> Side {
  return Side(tensor, head_start(at, batch, head), at.z, params.Tk);
}

/// A vec4f of a row; the last row again past the end, zeros past the last column.
fn vec4_of(side: Side, row: u32, column: u32) -> vec4f {
  if (column >= params.D4) { return vec4f(); }
  let at = side.start + min(row, side.count - 1u) * side.stride + column;
  switch side.tensor {
    case Q: { return q[at]; }
    case K: { return k[at]; }
    case V: { return v[at]; }
    default: { return dO[at]; }
  }
}

/// Four adjacent rows of the other side are 8 slots apart: threads that stand side by side then read adjacent slots.
fn slot(row: u32) -> u32 { return row % 4u * ACROSS + row / 4u; }

fn load_own(side: Side, first: u32, column: u32, lane: u32) {
  for (var n = lane; n < ROWS * PIECE4; n += THREADS) {
    own[n / PIECE4 * STRIDE + n % PIECE4] = vec4_of(side, first + n / PIECE4, column + n % PIECE4);
  }
}

fn load_other(side: Side, first: u32, column: u32, lane: u32) {
  for (var n = lane; n < OTHERS * PIECE4; n += THREADS) {
    other[slot(n / PIECE4) * STRIDE + n % PIECE4] = vec4_of(side, first + n / PIECE4, column + n % PIECE4);
  }
}

/// Four slots of the other side, 8 apart, at one vec4f column.
fn other4(slot: u32, column: u32) -> mat4x4f {
  let at = slot * STRIDE + column;
  return mat4x4f(
    other[at], other[at + ACROSS * STRIDE], other[at + 2u * ACROSS * STRIDE], other[at + 3u * ACROSS * STRIDE]);
}

/// The products of the thread's four rows (columns of the result) and four of the other side.
fn products(rows: Side, firstRow: u32, others: Side, firstOther: u32, lane: u32) -> mat4x4f {
  let at = lane / ACROSS * 4u * STRIDE;
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  for (var column = 0u; column < params.D4; column += PIECE4) {
    workgroupBarrier();  // nobody reads what is overwritten
    load_own(rows, firstRow, column, lane);
    load_other(others, firstOther, column, lane);
    workgroupBarrier();
    for (var d = 0u; d < PIECE4; d++) {
      let y = other4(lane % ACROSS, d);
      s0 += own[at + d] * y; s1 += own[at + STRIDE + d] * y;
      s2 += own[at + 2u * STRIDE + d] * y; s3 += own[at + 3u * STRIDE + d] * y;
    }
  }
  return mat4x4f(s0, s1, s2, s3);
}

/// Puts the thread's weights where its rows' piece was.
fn keep_weights(w: mat4x4f, lane: u32) {
  let at = lane / ACROSS * 4u * STRIDE + lane % ACROSS;
  own[at] = w[0]; own[at + STRIDE] = w[1]; own[at + 2u * STRIDE] = w[2]; own[at + 3u * STRIDE] = w[3];
}

/// x + the weights' product with a piece of the other side: four rows, one vec4f column each.
fn weighted(x: mat4x4f, others: Side, firstOther: u32, piece: u32, lane: u32) -> mat4x4f {
  let at = lane / ACROSS * 4u * STRIDE;
  var x0 = x[0]; var x1 = x[1]; var x2 = x[2]; var x3 = x[3];
  workgroupBarrier();  // nobody reads what is overwritten
  load_other(others, firstOther, piece * PIECE4, lane);
  workgroupBarrier();  // the weights are there, too
  for (var n = 0u; n < ACROSS; n++) {
    let y = other4(n, lane % ACROSS);
    x0 += y * own[at + n]; x1 += y * own[at + STRIDE + n];
    x2 += y * own[at + 2u * STRIDE + n]; x3 += y * own[at + 3u * STRIDE + n];
  }
  return mat4x4f(x0, x1, x2, x3);
}

/// Shows a row's threads what each of them has of it; follow with a barrier.
fn share(x: vec4f, lane: u32) {
  let at = lane / ACROSS * 4u * ACROSS + lane % ACROSS;
  partial[at] = x.x; partial[at + ACROSS] = x.y; partial[at + 2u * ACROSS] = x.z; partial[at + 3u * ACROSS] = x.w;
}

fn shared_at(n: u32, lane: u32) -> vec4f {
  let at = lane / ACROSS * 4u * ACROSS + n;
  return vec4f(partial[at], partial[at + ACROSS], partial[at + 2u * ACROSS], partial[at + 3u * ACROSS]);
}

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

/// Keys j to j + 3, or NEVER where they are hidden: a query sees those before its end.
fn open_keys(batch: u32, j: u32) -> vec4u {
  let key = vec4u(j) + FOUR;
  if (!MASKED) { return key; }
  let at = min(key, vec4u(params.Tk - 1u));
  let shut = vec4<bool>(hidden(batch, at.x), hidden(batch, at.y), hidden(batch, at.z), hidden(batch, at.w));
  return select(key, vec4u(NEVER), shut);
}

/// M of four queries (columns) and keys j to j + 3 (rows), j a multiple of 4.
fn kept_by(query: vec4u, j: u32) -> mat4x4f {
  if (!DROPOUT) { return mat4x4f(ONES, ONES, ONES, ONES); }
  return mat4x4f(kept(query.x, j), kept(query.y, j), kept(query.z, j), kept(query.w, j));
}

fn kept(query: u32, j: u32) -> vec4f {
  return kept_keys(query, j, params.stream, params.p, vec2u(state[0], state[1]), state[2]);
}

/// Four entries of dS; of M ∘ P for dv.
fn gradient_weight(s: vec4f, dp: vec4f, m: vec4f, seen: vec4<bool>, rowLse: vec4f, rowDelta: vec4f) -> vec4f {
  return score_weight(s * params.scale, seen, rowLse) * select(m * dp - rowDelta, m, vec4<bool>(OF_VALUES));
}

fn store_o(at: vec4u, rows: vec4u, piece: u32, lane: u32, x: mat4x4f, factor: vec4f) {
  let column = piece * PIECE4 + lane % ACROSS;
  if (column >= params.D4) { return; }
  for (var n = 0u; n < 4u; n++) {
    if (rows[n] < params.Tq) { o[at[n] + column] = x[n] * factor[n]; }
  }
}

fn store_dx(at: vec4u, rows: vec4u, count: u32, piece: u32, lane: u32, x: mat4x4f) {
  let column = piece * PIECE4 + lane % ACROSS;
  if (column >= params.D4) { return; }
  let factor = select(params.scale, 1f, OF_VALUES);
  for (var n = 0u; n < 4u; n++) {
    if (rows[n] < count) { dx[at[n] + column] = x[n] * factor; }
  }
}

@compute @workgroup_size(THREADS)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= params.jobs) { return; }
  let job = job_of(index, params.heads, params.tiles, ROWS, 1u, 0u);
  let rows = vec4u(job.row + lane / ACROSS * 4u) + FOUR;
  let i = min(rows, vec4u(params.Tq - 1u));
  let query = (job.batch * params.heads + job.head) * params.Tq + i;
  let qs = queries_of(Q, params.qAt, job.batch, job.head);
  let ks = keys_of(K, params.kAt, job.batch, job.head / params.group);
  let vs = keys_of(V, params.vAt, job.batch, job.head / params.group);
  let length = length_of(job.batch);
  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);
  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);
  let begin = keys_seen(job.batch, job.row, length).x / OTHERS * OTHERS;
  let end = keys_seen(job.batch, min(job.row + ROWS, params.Tq) - 1u, length).y;
  var x0 = mat4x4f(); var x1 = mat4x4f(); var x2 = mat4x4f(); var x3 = mat4x4f();
  var top = vec4f(LOWEST);
  var total = vec4f();   // over this thread's keys
  for (var first = begin; first < end; first += OTHERS) {
    let s = products(qs, job.row, ks, first, lane) * params.scale;
    let j = first + lane % ACROSS * 4u;
    let key = open_keys(job.batch, j);
    let open0 = within(key, see0); let open1 = within(key, see1);
    let open2 = within(key, see2); let open3 = within(key, see3);
    let lowest = vec4f(LOWEST);
    share(vec4f(
      max_of_four(select(lowest, s[0], open0)), max_of_four(select(lowest, s[1], open1)),
      max_of_four(select(lowest, s[2], open2)), max_of_four(select(lowest, s[3], open3))), lane);
    workgroupBarrier();
    let before = top;
    for (var n = 0u; n < ACROSS; n++) { top = max(top, shared_at(n, lane)); }
    let rescale = exp(max(before - top, vec4f(EXP_MIN)));
    let p0 = score_weight(s[0], open0, vec4f(top.x)); let p1 = score_weight(s[1], open1, vec4f(top.y));
    let p2 = score_weight(s[2], open2, vec4f(top.z)); let p3 = score_weight(s[3], open3, vec4f(top.w));
    total = total * rescale + vec4f(sum_of_four(p0), sum_of_four(p1), sum_of_four(p2), sum_of_four(p3));
    let m = kept_by(query, j);
    keep_weights(mat4x4f(p0 * m[0], p1 * m[1], p2 * m[2], p3 * m[3]), lane);
    x0 = weighted(rescaled(x0, rescale), vs, first, 0u, lane);
    if (PIECES > 1u) { x1 = weighted(rescaled(x1, rescale), vs, first, 1u, lane); }
    if (PIECES > 2u) {
      x2 = weighted(rescaled(x2, rescale), vs, first, 2u, lane);
      x3 = weighted(rescaled(x3, rescale), vs, first, 3u, lane);
    }
  }
  workgroupBarrier();
  share(total, lane);
  workgroupBarrier();
  total = vec4f();
  for (var n = 0u; n < ACROSS; n++) { total += shared_at(n, lane); }
  let some = total > vec4f();
  let inverse = select(vec4f(), 1f / total, some);
  let at = head_start(params.oAt, job.batch, job.head) + i * params.oAt.z;
  store_o(at, rows, 0u, lane, x0, inverse);
  if (PIECES > 1u) { store_o(at, rows, 1u, lane, x1, inverse); }
  if (PIECES > 2u) { store_o(at, rows, 2u, lane, x2, inverse); store_o(at, rows, 3u, lane, x3, inverse); }
  if (lane % ACROSS != 0u) { return; }
  for (var n = 0u; n < 4u; n++) {
    if (rows[n] < params.Tq) { lse[query[n]] = select(0f, top[n] + log_safe(total[n]), some[n]); }
  }
}

fn rescaled(x: mat4x4f, factor: vec4f) -> mat4x4f {
  return mat4x4f(x[0] * factor.x, x[1] * factor.y, x[2] * factor.z, x[3] * factor.w);
}

@compute @workgroup_size(THREADS)
fn dq(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= params.jobs) { return; }
  let job = job_of(index, params.heads, params.tiles, ROWS, 1u, 0u);
  let rows = vec4u(job.row + lane / ACROSS * 4u) + FOUR;
  let i = min(rows, vec4u(params.Tq - 1u));
  let query = (job.batch * params.heads + job.head) * params.Tq + i;
  let qs = queries_of(Q, params.qAt, job.batch, job.head);
  let dOs = queries_of(DO, params.dOAt, job.batch, job.head);
  let ks = keys_of(K, params.kAt, job.batch, job.head / params.group);
  let vs = keys_of(V, params.vAt, job.batch, job.head / params.group);
  let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));
  let length = length_of(job.batch);
  let see0 = keys_seen(job.batch, i.x, length); let see1 = keys_seen(job.batch, i.y, length);
  let see2 = keys_seen(job.batch, i.z, length); let see3 = keys_seen(job.batch, i.w, length);
  let begin = keys_seen(job.batch, job.row, length).x / OTHERS * OTHERS;
  let end = keys_seen(job.batch, min(job.row + ROWS, params.Tq) - 1u, length).y;
  var x0 = mat4x4f(); var x1 = mat4x4f(); var x2 = mat4x4f(); var x3 = mat4x4f();
  for (var first = begin; first < end; first += OTHERS) {
    let s = products(qs, job.row, ks, first, lane);
    let dp = products(dOs, job.row, vs, first, lane);
    let j = first + lane % ACROSS * 4u;
    let key = open_keys(job.batch, j);
    let m = kept_by(query, j);
    workgroupBarrier();  // the rows' piece has been read
    keep_weights(mat4x4f(
      gradient_weight(s[0], dp[0], m[0], within(key, see0), vec4f(st[0].x), vec4f(st[1].x)),
      gradient_weight(s[1], dp[1], m[1], within(key, see1), vec4f(st[0].y), vec4f(st[1].y)),
      gradient_weight(s[2], dp[2], m[2], within(key, see2), vec4f(st[0].z), vec4f(st[1].z)),
      gradient_weight(s[3], dp[3], m[3], within(key, see3), vec4f(st[0].w), vec4f(st[1].w))), lane);
    x0 = weighted(x0, ks, first, 0u, lane);
    if (PIECES > 1u) { x1 = weighted(x1, ks, first, 1u, lane); }
    if (PIECES > 2u) { x2 = weighted(x2, ks, first, 2u, lane); x3 = weighted(x3, ks, first, 3u, lane); }
  }
  let at = head_start(params.dxAt, job.batch, job.head) + i * params.dxAt.z;
  store_dx(at, rows, params.Tq, 0u, lane, x0);
  if (PIECES > 1u) { store_dx(at, rows, params.Tq, 1u, lane, x1); }
  if (PIECES > 2u) { store_dx(at, rows, params.Tq, 2u, lane, x2); store_dx(at, rows, params.Tq, 3u, lane, x3); }
}

@compute @workgroup_size(THREADS)
fn dkv(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= params.jobs) { return; }
  let job = job_of(index, params.heads, params.tiles, ROWS, 1u, 0u);
  let rows = vec4u(job.row + lane / ACROSS * 4u) + FOUR;
  let j = min(rows, vec4u(params.Tk - 1u));
  let ks = keys_of(K, params.kAt, job.batch, job.head);
  let vs = keys_of(V, params.vAt, job.batch, job.head);
  let length = length_of(job.batch);
  let see0 = queries_of_key(job.batch, j.x, length); let see1 = queries_of_key(job.batch, j.y, length);
  let see2 = queries_of_key(job.batch, j.z, length); let see3 = queries_of_key(job.batch, j.w, length);
  let begin = queries_seeing(job.batch, job.row).x / OTHERS * OTHERS;
  let end = queries_seeing(job.batch, min(job.row + ROWS, params.Tk) - 1u).y;
  var x0 = mat4x4f(); var x1 = mat4x4f(); var x2 = mat4x4f(); var x3 = mat4x4f();
  for (var h = job.head * params.group; h < (job.head + 1u) * params.group; h++) {
    let qs = queries_of(Q, params.qAt, job.batch, h);
    let dOs = queries_of(DO, params.dOAt, job.batch, h);
    let firstQuery = (job.batch * params.heads * params.group + h) * params.Tq;
    for (var first = begin; first < end; first += OTHERS) {
      let s = products(ks, job.row, qs, first, lane);
      var dp = mat4x4f();
      if (!OF_VALUES) { dp = products(vs, job.row, dOs, first, lane); }
      let id = vec4u(first + lane % ACROSS * 4u) + FOUR;
      let query = firstQuery + min(id, vec4u(params.Tq - 1u));
      let st = transpose(mat4x2f(stats[query.x], stats[query.y], stats[query.z], stats[query.w]));
      let m = transpose(kept_by(query, rows.x));
      workgroupBarrier();  // the rows' piece has been read
      keep_weights(mat4x4f(
        gradient_weight(s[0], dp[0], m[0], within(id, see0), st[0], st[1]),
        gradient_weight(s[1], dp[1], m[1], within(id, see1), st[0], st[1]),
        gradient_weight(s[2], dp[2], m[2], within(id, see2), st[0], st[1]),
        gradient_weight(s[3], dp[3], m[3], within(id, see3), st[0], st[1])), lane);
      var ys = qs;
      if (OF_VALUES) { ys = dOs; }
      x0 = weighted(x0, ys, first, 0u, lane);
      if (PIECES > 1u) { x1 = weighted(x1, ys, first, 1u, lane); }
      if (PIECES > 2u) { x2 = weighted(x2, ys, first, 2u, lane); x3 = weighted(x3, ys, first, 3u, lane); }
    }
  }
  let at = head_start(params.dxAt, job.batch, job.head) + j * params.dxAt.z;
  store_dx(at, rows, params.Tk, 0u, lane, x0);
  if (PIECES > 1u) { store_dx(at, rows, params.Tk, 1u, lane, x1); }
  if (PIECES > 2u) { store_dx(at, rows, params.Tk, 2u, lane, x2); store_dx(at, rows, params.Tk, 3u, lane, x3); }
}
