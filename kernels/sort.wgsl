// Stable sort of positions by a small key: pairs (key, position), keys ascending, equal keys in the order of positions.
// A key out of [0, limit) becomes `limit`: it comes last.
//
//   rank        O(T²) for few keys: a pair's place is the number of pairs in front of it
//   histogram   radix sort, 8 bits a pass: how often each digit occurs in each block of BLOCK pairs
//   scan        exclusive prefix sums over (digit, block): where a block's first pair with that digit goes
//   scatter     each pair to that place plus its rank among the equal digits of its block
//   in_group    the whole radix sort in one workgroup of few threads, each of which takes neighbouring pairs in their
//               order and counts for itself; for CPU adapters, where launches and barriers cost more than that
// The passes follow Satish, Harris & Garland 2009. Integers only, so the order of the atomics leaves no trace.
// In rank, histogram and scatter a thread owns a pair; in scan and in_group it owns a run of counters.

alias Key = i32;
const BLOCK: u32 = 256u;    // pairs, and threads, of a workgroup
const DIGITS: u32 = 256u;   // values of the 8 bits of a pass
const RUNS: u32 = 8u;       // threads of in_group

struct Params { size: u32, limit: u32, shift: u32, blocks: u32 }
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> keys: array<Key>;
@group(0) @binding(1) var<storage, read_write> ranked: array<vec2u>;    // rank
@group(0) @binding(1) var<storage, read> pairs: array<vec2u>;           // histogram, scatter: of the pass before
@group(0) @binding(2) var<storage, read_write> counts: array<u32>;      // histogram: (DIGITS, blocks)
@group(0) @binding(2) var<storage, read> places: array<u32>;            // scatter: the scanned counts
@group(0) @binding(3) var<storage, read_write> sorted: array<vec2u>;
@group(0) @binding(0) var<storage, read_write> scanned: array<u32>;     // scan, in place
@group(0) @binding(1) var<storage, read_write> odd: array<vec2u>;       // in_group: sorted by 1, 3, … digits
@group(0) @binding(2) var<storage, read_write> even: array<vec2u>;      // by 2, 4, …

var<workgroup> digit_counts: array<atomic<u32>, DIGITS>;
var<workgroup> block_digits: array<u32, BLOCK>;
var<workgroup> run_sums: array<u32, BLOCK>;

fn key_at(i: u32) -> u32 {
  return min(u32(keys[i]), params.limit);   // a negative key is a large one
}

/// The first pass makes the pairs; later ones read them.
fn pair_at(i: u32) -> vec2u {
  if (params.shift == 0u) { return vec2u(key_at(i), i); }
  return pairs[i];
}

fn digit_of(pair: vec2u) -> u32 {
  return (pair.x >> params.shift) % DIGITS;
}

@compute @workgroup_size(64)
fn rank(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
  if (i >= params.size) { return; }
  let key = key_at(i);
  var place = 0u;
  for (var j = 0u; j < params.size; j++) {
    let other = key_at(j);
    place += select(0u, 1u, other < key || (other == key && j < i));
  }
  ranked[place] = vec2u(key, i);
}

@compute @workgroup_size(BLOCK)
fn histogram(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = group.x + group.y * groups.x;
  let i = block * BLOCK + lane;
  atomicStore(&digit_counts[lane], 0u);
  workgroupBarrier();
  if (i < params.size) { atomicAdd(&digit_counts[digit_of(pair_at(i))], 1u); }
  workgroupBarrier();
  if (block < params.blocks) { counts[lane * params.blocks + block] = atomicLoad(&digit_counts[lane]); }
}

@compute @workgroup_size(BLOCK)
fn scan(@builtin(local_invocation_index) lane: u32) {
  let first = lane * params.blocks;   // as many runs as digits
  let end = first + params.blocks;
  var sum = 0u;
  for (var i = first; i < end; i++) { sum += scanned[i]; }
  run_sums[lane] = sum;
  workgroupBarrier();
  var before = 0u;
  for (var run = 0u; run < lane; run++) { before += run_sums[run]; }
  for (var i = first; i < end; i++) {
    let count = scanned[i];
    scanned[i] = before;
    before += count;
  }
}

@compute @workgroup_size(BLOCK)
fn scatter(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = group.x + group.y * groups.x;
  let i = block * BLOCK + lane;
  let pair = pair_at(min(i, params.size - 1u));
  let digit = digit_of(pair);
  block_digits[lane] = digit;
  workgroupBarrier();
  if (i >= params.size) { return; }
  var equal = vec4u(0);   // of the digits in front, four at a time
  for (var j = 0u; j < lane; j += 4u) {
    let digits = vec4u(block_digits[j], block_digits[j + 1u], block_digits[j + 2u], block_digits[j + 3u]);
    let in_front = vec4u(j) + vec4u(0, 1, 2, 3) < vec4u(lane);
    equal += select(vec4u(0), vec4u(1), (digits == vec4u(digit)) & in_front);
  }
  sorted[places[digit * params.blocks + block] + equal.x + equal.y + equal.z + equal.w] = pair;
}

var<workgroup> run_counts: array<u32, DIGITS * RUNS>;   // (DIGITS, RUNS), then where a run's next such pair goes
var<workgroup> share_sums: array<u32, RUNS>;

@compute @workgroup_size(RUNS)
fn in_group(@builtin(local_invocation_index) lane: u32) {
  let length = (params.size + RUNS - 1u) / RUNS;
  let begin = min(lane * length, params.size);
  let end = min(begin + length, params.size);
  let bits = 32u - countLeadingZeros(params.limit);
  for (var shift = 0u; shift < bits; shift += 8u) {
    for (var digit = 0u; digit < DIGITS; digit++) { run_counts[digit * RUNS + lane] = 0u; }
    for (var i = begin; i < end; i++) { run_counts[counter_of(pair_before(i, shift), shift, lane)] += 1u; }
    workgroupBarrier();
    scan_runs(lane);
    for (var i = begin; i < end; i++) {
      let pair = pair_before(i, shift);
      let counter = counter_of(pair, shift, lane);
      let place = run_counts[counter];
      run_counts[counter] = place + 1u;
      if (shift % 16u == 0u) { odd[place] = pair; } else { even[place] = pair; }
    }
    storageBarrier();
    workgroupBarrier();
  }
}

/// A pair as the pass before the one of `shift` left it.
fn pair_before(i: u32, shift: u32) -> vec2u {
  if (shift == 0u) { return vec2u(key_at(i), i); }
  if (shift % 16u == 0u) { return even[i]; }
  return odd[i];
}

fn counter_of(pair: vec2u, shift: u32, lane: u32) -> u32 {
  return (pair.x >> shift) % DIGITS * RUNS + lane;
}

/// run_counts become exclusive prefix sums; a thread takes the counters of neighbouring digits.
fn scan_runs(lane: u32) {
  let begin = lane * DIGITS;
  var sum = 0u;
  for (var i = begin; i < begin + DIGITS; i++) { sum += run_counts[i]; }
  share_sums[lane] = sum;
  workgroupBarrier();
  var before = 0u;
  for (var share = 0u; share < lane; share++) { before += share_sums[share]; }
  for (var i = begin; i < begin + DIGITS; i++) {
    let count = run_counts[i];
    run_counts[i] = before;
    before += count;
  }
  workgroupBarrier();
}
