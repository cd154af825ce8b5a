// Attention of few queries to many keys, as in generation: a workgroup owns one query, so that all of its threads work.
//   o = softmax(scale q kᵀ) v over the keys that the query sees; lse = log Σ exp(scale q kᵀ); none seen: zeros
//   q, o (B, H, Tq, D)     k, v (B, Hkv, Tk, D)     D <= 4 LANES
//
// KEYS keys at a time: a thread computes the weights of every LANES-th, then one vec4f column of o; the softmax is online.
// Parameters as in attention.wgsl, which has the backward.

const KEYS = 128u;

struct Params {
  queries: u32,     // B H Tq
  heads: u32,
  group: u32,       // H / Hkv
  Tq: u32, Tk: u32,
  D4: u32,
  scale: f32,
  causal: u32,
  maskAt: i32,
  lengthsAt: i32,
  qAt: vec4u, kAt: vec4u, vAt: vec4u, oAt: vec4u,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> keys: array<i32>;
@group(0) @binding(4) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;

var<workgroup> weights: array<f32, KEYS>;

/// How many keys of a sequence there are.
fn length_of(batch: u32) -> i32 {
  if (params.lengthsAt < 0) { return i32(params.Tk); }
  return keys[u32(params.lengthsAt) + batch];
}

fn hidden(batch: u32, j: u32) -> bool {
  return params.maskAt >= 0 && keys[u32(max(0, params.maskAt)) + batch * params.Tk + j] == 0;
}

@compute @workgroup_size(LANES)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let query = group.x + group.y * groups.x;
  if (query >= params.queries) { return; }
  let i = query % params.Tq;
  let head = query / params.Tq % params.heads;
  let batch = query / params.Tq / params.heads;
  let qRow = head_start(params.qAt, batch, head) + i * params.qAt.z;
  let kHead = head_start(params.kAt, batch, head / params.group);
  let vColumn = head_start(params.vAt, batch, head / params.group) + min(lane, params.D4 - 1u);
  let end = keys_end(i, params.Tq, params.Tk, params.causal, length_of(batch));
  var x = vec4f();
  var top = LOWEST;
  var total = 0f;
  for (var first = 0u; first < end; first += KEYS) {
    let count = min(KEYS, end - first);
    let before = top;
    for (var n = lane; n < count; n += LANES) {
      let j = first + n;
      var s = LOWEST;
      if (!hidden(batch, j)) {
        let kRow = kHead + j * params.kAt.z;
        var product = 0f;
        for (var d = 0u; d < params.D4; d++) { product += dot(q[qRow + d], k[kRow + d]); }
        s = product * params.scale;
      }
      weights[n] = s;
      top = max(top, s);
    }
    top = workgroup_max(top, lane);
    let rescale = exp(max(before - top, EXP_MIN));
    var sum = 0f;
    for (var n = lane; n < count; n += LANES) {
      let s = weights[n];
      let p = select(exp(clamp(s - top, EXP_MIN, 0f)), 0f, s == LOWEST);
      weights[n] = p;
      sum += p;
    }
    total = total * rescale + workgroup_sum(sum, lane);  // its barriers show `weights` to all threads
    x *= rescale;
    for (var n = 0u; n < count; n++) { x += weights[n] * v[vColumn + (first + n) * params.vAt.z]; }
    workgroupBarrier();  // before the next keys overwrite `weights`
  }
  let oRow = head_start(params.oAt, batch, head) + i * params.oAt.z;
  if (lane < params.D4) { o[oRow + lane] = select(vec4f(), x / total, total > 0f); }
  if (lane == 0u) { lse[query] = select(0f, top + log_safe(total), total > 0f); }
}
