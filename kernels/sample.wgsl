// One token for each row of logits z (rows, cols), drawn from softmax(z / temperature) after the usual cuts, in this
// order: forbidden tokens, repetition penalty (Keskar et al. 2019), temperature, the k likeliest (Fan et al. 2018), the
// fewest that hold a share p of those (Holtzman et al. 2020), and what is at least minP as likely as the likeliest.
// All cuts keep a head of the tokens in the order (z descending, index ascending), so that one is described by its end.
// It is found bit by bit: first z of the last token kept, as an integer in the same order, then its index; a pass over
// the row for each bit, no sorting, and exact also among equals.
//
// LANES threads own a row: a whole workgroup, or one thread of it where rows are short. They also keep the row's account for
// the next step: the token fed back, how many there are, which occurred, and whether the row has ended.

const MASKED: bool = false;      // `allowed` is bound; else a stand-in
const ROWS: u32 = 1;             // of a workgroup; LANES is 1 where it is more

struct Params {
  rows: u32, cols: u32,
  capacity: u32,        // tokens of a row of `drawn`
  temperature: f32,     // 0: the likeliest token
  topK: u32,            // cols: no cut
  topP: f32,            // 1: no cut
  minP: f32,            // 0: no cut
  penalty: f32,         // 1: none
  ends: vec4i,          // tokens that end a row; -1: none
  allowedRows: u32,     // 1: all rows share one list
  fault: u32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> allowed: array<u32>;            // (allowedRows, cols), 0: forbidden
@group(0) @binding(2) var<storage, read_write> next: array<i32>;         // (rows): the token drawn
@group(0) @binding(3) var<storage, read_write> lengths: array<i32>;      // (rows): tokens so far, counted up
@group(0) @binding(4) var<storage, read_write> account: array<vec4u>;    // (rows): seed, seed, drawn so far, ended
@group(0) @binding(5) var<storage, read_write> drawn: array<vec2u>;      // (rows, capacity): token, bits of ln p
@group(0) @binding(6) var<storage, read_write> seen: array<u32>;         // (rows, cols), 1: occurred
@group(0) @binding(7) var<storage, read_write> fault: array<u32>;

const STREAM = 0x64726177u;   // 'draw': keeps the numbers of a seed apart from those of other uses
const NO_COUNT = 0x1p+31f;
const NO_WEIGHT = 0x1p+127f;

/// The head of a row's order: keys above `key`, and equal ones up to `index`.
struct Head { key: u32, index: u32 }
const ALL = Head(0u, 0xffffffffu);

/// What stands at column c, after mask and penalty; LOWEST where forbidden.
fn score(row: u32, c: u32) -> f32 {
  if (MASKED && allowed[row % params.allowedRows * params.cols + c] == 0u) { return LOWEST; }
  let z = max(logits[row * params.cols + c], LOWEST);
  if (params.penalty == 1f || seen[row * params.cols + c] == 0u) { return z; }
  return select(z * params.penalty, z / params.penalty, z > 0f);
}

/// An integer in the order of z.
fn key_of(z: f32) -> u32 {
  let bits = bitcast<u32>(select(z, 0f, z == 0f));   // -0 is 0
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn is_kept(z: f32, c: u32, head: Head) -> bool {
  let key = key_of(z);
  return key > head.key || (key == head.key && c <= head.index);
}

/// exp((z - top) / temperature): how likely, relative to the likeliest.
fn weight_of(z: f32, top: f32) -> f32 {
  let temperature = select(params.temperature, 1f, params.temperature == 0f);
  return select(exp_safe((z - top) / temperature), 0f, z <= LOWEST);
}

/// How many tokens are in the head, and their weight.
fn mass(row: u32, top: f32, head: Head, lane: u32) -> vec2f {
  var sum = vec2f();
  for (var c = lane; c < params.cols; c += LANES) {
    let z = score(row, c);
    if (is_kept(z, c, head)) { sum += vec2f(1f, weight_of(z, top)); }
  }
  return workgroup_sum_of_fours(vec4f(sum, 0f, 0f), lane).xy;
}

/// The shortest head with `need.x` tokens, or with the weight `need.y`: the 32 bits of its last key, then those of its
/// last index (the tokens of this key before it do not suffice). One loop for both: the adapters' compilers copy `mass`
/// to each place that calls it.
fn shortest_head(row: u32, top: f32, need: vec2f, lane: u32) -> Head {
  let bits = 64u - countLeadingZeros(params.cols);
  var key = 0u;
  var index = 0u;
  for (var i = 0u; i < bits; i++) {
    let isKey = i < 32u;
    let bit = 1u << (select(bits, 32u, isKey) - 1u - i);
    let higher = key | select(0u, bit, isKey);
    let later = index | select(bit, 0u, isKey);
    let found = mass(row, top, Head(higher, later - 1u), lane);   // all indices, while later is 0
    let enough = any(found >= need);
    key = select(key, higher, enough);
    index = select(later, index, enough);
  }
  return Head(key, index);
}

var<workgroup> lane_weights: array<f32, LANES>;
var<workgroup> choice: u32;

/// A token of the head by its weight: the lanes' tokens one lane after the other, up to the share `u` of the whole.
fn draw(row: u32, top: f32, head: Head, u: f32, likeliest: u32, lane: u32) -> u32 {
  var own = 0f;
  for (var c = lane; c < params.cols; c += LANES) { own += head_weight(row, c, top, head); }
  if (LANES == 1u) { return token_at(row, top, head, 0f, u * own, likeliest, lane); }
  lane_weights[lane] = own;
  if (lane == 0u) { choice = likeliest; }
  workgroupBarrier();
  var before = 0f;
  var whole = 0f;
  var last = 0u;
  for (var other = 0u; other < LANES; other++) { whole += lane_weights[other]; }
  let target_weight = u * whole;
  var passed = 0f;
  for (var other = 0u; other < LANES; other++) {
    if (lane_weights[other] > 0f && passed <= target_weight) { last = other; before = passed; }
    passed += lane_weights[other];
  }
  if (lane == last) { choice = token_at(row, top, head, before, target_weight, likeliest, lane); }
  workgroupBarrier();
  return choice;
}

/// The lane's token at which the weight `before` it, counted up, passes the target.
fn token_at(row: u32, top: f32, head: Head, before: f32, target_weight: f32, likeliest: u32, lane: u32) -> u32 {
  var found = likeliest;
  var passed = before;
  for (var c = lane; c < params.cols && passed <= target_weight; c += LANES) {
    let weight = head_weight(row, c, top, head);
    passed += weight;
    if (weight > 0f) { found = c; }
  }
  return found;
}

fn head_weight(row: u32, c: u32, top: f32, head: Head) -> f32 {
  let z = score(row, c);
  let weight = weight_of(z, top);
  return select(0f, weight, is_kept(z, c, head) && weight >= params.minP);
}

@compute @workgroup_size(LANES * ROWS)
fn sample(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let lane = thread % LANES;
  let index = (group.x + group.y * groups.x) * ROWS + thread / LANES;
  let row = min(index, params.rows - 1u);   // no early return: barriers follow
  var best = LOWEST;
  var at = 0xffffffffu;
  for (var c = lane; c < params.cols; c += LANES) {
    let z = score(row, c);
    if (z > best) { best = z; at = c; }
  }
  let top = workgroup_max(best, lane);
  let likeliest = min(workgroup_argmax(best, at, lane), params.cols - 1u);

  // Of the model itself at this temperature, before any cut.
  var peak = LOWEST;
  for (var c = lane; c < params.cols; c += LANES) { peak = max(peak, logits[row * params.cols + c]); }
  peak = workgroup_max(peak, lane);
  var total = 0f;
  for (var c = lane; c < params.cols; c += LANES) { total += weight_of(logits[row * params.cols + c], peak); }
  total = workgroup_sum(total, lane);

  // The k likeliest, then the share p of them.
  var head = ALL;
  for (var cut = 0u; cut < 2u; cut++) {
    if (select(params.topK >= params.cols, params.topP >= 1f, cut == 1u)) { continue; }
    var need = vec2f(f32(params.topK), NO_WEIGHT);
    if (cut == 1u) { need = vec2f(NO_COUNT, params.topP * mass(row, top, head, lane).y); }
    head = shortest_head(row, top, need, lane);
  }
  let state = account[row];
  let u = random_uniform(0u, STREAM, state.z, state.xy);
  var token = likeliest;
  if (params.temperature > 0f) { token = draw(row, top, head, u, likeliest, lane); }

  if (index >= params.rows || lane != 0u) { return; }
  let temperature = select(params.temperature, 1f, params.temperature == 0f);
  let logProb = (logits[row * params.cols + token] - peak) / temperature - log_safe(total);
  let ended = state.w != 0u;
  if (ended) { token = u32(max(params.ends.x, 0)); }
  if (state.z < params.capacity) {
    drawn[row * params.capacity + state.z] = vec2u(token, bitcast<u32>(select(logProb, 0f, ended)));
  }
  next[row] = i32(token);
  lengths[row] += 1;
  seen[row * params.cols + token] = 1u;
  account[row] = vec4u(state.xy, state.z + 1u, u32(ended || any(vec4i(i32(token)) == params.ends)));
  if (top <= LOWEST && fault[0] == 0u) { fault[0] = params.fault; }
}
