// The only tree reductions of the project: one value from all lanes of a workgroup.
//
// A kernel that reduces declares @workgroup_size(LANES), calls these from uniform control flow, and gets the
// result on every lane. The order is fixed by LANES alone: the same bits on every run. Of one lane the value is its own,
// without barriers: the workgroup may then have any size.

const LANES: u32 = 64;  // threads of a workgroup that reduces; a power of two

var<workgroup> reduce_scratch: array<f32, LANES>;
var<workgroup> reduce_fours: array<vec4f, LANES>;
var<workgroup> reduce_indices: array<u32, LANES>;

/// Σ over the lanes.
fn workgroup_sum(value: f32, lane: u32) -> f32 {
  if (LANES == 1u) { return value; }
  reduce_scratch[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { reduce_scratch[lane] += reduce_scratch[lane + half]; }
    workgroupBarrier();
  }
  let total = reduce_scratch[0];
  workgroupBarrier();  // before the next call overwrites it
  return total;
}

/// Σ over the lanes, of four values at once.
fn workgroup_sum_of_fours(values: vec4f, lane: u32) -> vec4f {
  if (LANES == 1u) { return values; }
  reduce_fours[lane] = values;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { reduce_fours[lane] += reduce_fours[lane + half]; }
    workgroupBarrier();
  }
  let total = reduce_fours[0];
  workgroupBarrier();
  return total;
}

/// The largest value over the lanes.
fn workgroup_max(value: f32, lane: u32) -> f32 {
  if (LANES == 1u) { return value; }
  reduce_scratch[lane] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { reduce_scratch[lane] = max(reduce_scratch[lane], reduce_scratch[lane + half]); }
    workgroupBarrier();
  }
  let top = reduce_scratch[0];
  workgroupBarrier();
  return top;
}

/// The index that belongs to the largest value; ties go to the lowest index.
fn workgroup_argmax(value: f32, index: u32, lane: u32) -> u32 {
  if (LANES == 1u) { return index; }
  reduce_scratch[lane] = value;
  reduce_indices[lane] = index;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      let other = reduce_scratch[lane + half];
      let otherIndex = reduce_indices[lane + half];
      let mine = reduce_scratch[lane];
      if (other > mine || (other == mine && otherIndex < reduce_indices[lane])) {
        reduce_scratch[lane] = other;
        reduce_indices[lane] = otherIndex;
      }
    }
    workgroupBarrier();
  }
  let index0 = reduce_indices[0];
  workgroupBarrier();
  return index0;
}
