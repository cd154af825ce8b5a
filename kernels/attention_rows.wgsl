// Scaled dot-product attention as in attention.wgsl, which has the formulas and Δ, for short rows and few of them.
//
// A thread owns eight columns of one row in x_r += Σ_c w(r, c) y_c, and takes the other side one by one; threads of the
// same row compute its weights each for themselves. It is the least code: SwiftShader compiles the four kernels of a
// training step in 0.26 s, those of attention_subgroups.wgsl in 2.3 s (3.0 s with dropout), where a tiny model's whole
// training takes a second.

const THREADS: u32 = 8;        // of a workgroup, which owns as many rows of one head
const MASKED: bool = false;    // `keys` has a mask
const PACKED: bool = false;    // `keys` has the documents' bounds
const DROPOUT: bool = false;
const OF_VALUES: bool = false; // dkv computes dv, else dk

const COLUMNS4 = 2u;           // vec4f columns per thread; past the end it computes and stores the last one again
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

/// M of one query and key.
fn kept(query: u32, j: u32) -> f32 {
  if (!DROPOUT) { return 1f; }
  let seed = vec2u(state[0], state[1]);
  return kept_keys(query, j / 4u * 4u, params.stream, params.p, seed, state[2])[j % 4u];
}

fn store_dx(job: Job, row: u32, x: mat2x4f) {
  let at = head_start(params.dxAt, job.batch, job.head) + row * params.dxAt.z + columns_at(job.column, params.D4).xy;
  let factor = select(params.scale, 1f, OF_VALUES);
  dx[at.x] = x[0] * factor; dx[at.y] = x[1] * factor;
}

fn score(qRow: u32, kRow: u32) -> f32 {
  var product = 0f;
  for (var d = 0u; d < params.D4; d++) { product += dot(q[qRow + d], k[kRow + d]); }
  return product * params.scale;
}

/// An entry of dS; of M ∘ P for dv.
fn gradient_weight(query: u32, j: u32, qRow: u32, kRow: u32, dORow: u32, vRow: u32) -> f32 {
  let known = stats[query];
  let p = exp(clamp(score(qRow, kRow) - known.x, EXP_MIN, 0f));
  if (OF_VALUES) { return p * kept(query, j); }
  var dp = 0f;
  for (var d = 0u; d < params.D4; d++) { dp += dot(dO[dORow + d], v[vRow + d]); }
  return p * (kept(query, j) * dp - known.y);
}

@compute @workgroup_size(THREADS)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= params.jobs) { return; }
  let job = job_of(index, params.heads, params.tiles, THREADS, params.chunks, COLUMNS4);
  let i = job.row + lane;
  if (i >= params.Tq) { return; }
  let query = (job.batch * params.heads + job.head) * params.Tq + i;
  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;
  let kHead = head_start(params.kAt, job.batch, job.head / params.group);
  let vHead = head_start(params.vAt, job.batch, job.head / params.group);
  let columns = columns_at(job.column, params.D4).xy;
  let see = keys_seen(job.batch, i, length_of(job.batch));
  var x = mat2x4f(); var top = LOWEST; var total = 0f;
  for (var j = see.x; j < see.y; j++) {
    if (MASKED && hidden(job.batch, j)) { continue; }
    let s = score(qRow, kHead + j * params.kAt.z);
    let before = top;
    top = max(top, s);
    let rescale = exp(max(before - top, EXP_MIN));
    let p = exp(max(s - top, EXP_MIN));
    total = total * rescale + p;
    let at = vHead + j * params.vAt.z + columns;
    x = x * rescale + p * kept(query, j) * mat2x4f(v[at.x], v[at.y]);
  }
  let at = head_start(params.oAt, job.batch, job.head) + i * params.oAt.z + columns;
  let factor = select(0f, 1f / total, total > 0f);
  o[at.x] = x[0] * factor; o[at.y] = x[1] * factor;
  if (job.column == 0u) { lse[query] = select(0f, top + log_safe(total), total > 0f); }
}

@compute @workgroup_size(THREADS)
fn dq(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= params.jobs) { return; }
  let job = job_of(index, params.heads, params.tiles, THREADS, params.chunks, COLUMNS4);
  let i = job.row + lane;
  if (i >= params.Tq) { return; }
  let query = (job.batch * params.heads + job.head) * params.Tq + i;
  let qRow = head_start(params.qAt, job.batch, job.head) + i * params.qAt.z;
  let dORow = head_start(params.dOAt, job.batch, job.head) + i * params.dOAt.z;
  let kHead = head_start(params.kAt, job.batch, job.head / params.group);
  let vHead = head_start(params.vAt, job.batch, job.head / params.group);
  let columns = columns_at(job.column, params.D4).xy;
  let see = keys_seen(job.batch, i, length_of(job.batch));
  var x = mat2x4f();
  for (var j = see.x; j < see.y; j++) {
    if (MASKED && hidden(job.batch, j)) { continue; }
    let kRow = kHead + j * params.kAt.z;
    let at = kRow + columns;
    x += gradient_weight(query, j, qRow, kRow, dORow, vHead + j * params.vAt.z) * mat2x4f(k[at.x], k[at.y]);
  }
  store_dx(job, i, x);
}

@compute @workgroup_size(THREADS)
fn dkv(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= params.jobs) { return; }
  let job = job_of(index, params.heads, params.tiles, THREADS, params.chunks, COLUMNS4);
  let j = job.row + lane;
  if (j >= params.Tk) { return; }
  let kRow = head_start(params.kAt, job.batch, job.head) + j * params.kAt.z;
  let vRow = head_start(params.vAt, job.batch, job.head) + j * params.vAt.z;
  let columns = columns_at(job.column, params.D4).xy;
  let seen = queries_of_key(job.batch, j, length_of(job.batch));
  var x = mat2x4f();
  for (var h = job.head * params.group; h < (job.head + 1u) * params.group; h++) {
    let qHead = head_start(params.qAt, job.batch, h);
    let dOHead = head_start(params.dOAt, job.batch, h);
    let firstQuery = (job.batch * params.heads * params.group + h) * params.Tq;
    for (var i = seen.x; i < seen.y; i++) {
      let qRow = qHead + i * params.qAt.z;
      let dORow = dOHead + i * params.dOAt.z;
      let w = gradient_weight(firstQuery + i, j, qRow, kRow, dORow, vRow);
      if (OF_VALUES) { let at = dORow + columns; x += w * mat2x4f(dO[at.x], dO[at.y]); }
      else { let at = qRow + columns; x += w * mat2x4f(q[at.x], q[at.y]); }
    }
  }
  store_dx(job, j, x);
}
