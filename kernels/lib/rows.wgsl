// Rows of a dense tensor (outer, cols, inner), each shared by the lanes of a workgroup or owned by one thread; needs
// reduce.wgsl and math.wgsl beside it.
//
// A thread walks its elements four at a time, which gives the processor independent work, and then the up to three
// that are left. Software adapters run a workgroup's lanes one SIMD group after the other, and each barrier between
// them costs a task switch: there a thread per row is two to three times as fast (softmax of 4096 x 512, lavapipe).

const ROW_PER_THREAD: bool = false;

/// From one of a thread's elements to its next, in a row whose elements are adjacent.
const STEP: u32 = select(LANES, 1u, ROW_PER_THREAD);

/// What a thread owns of a row: the elements first, first + step, … below end; up to `fours` in whole groups of four.
struct Part { first: u32, step: u32, fours: u32, end: u32 }

/// The row that a thread works on.
fn row_of(workgroup: u32, lane: u32) -> u32 {
  return select(workgroup, workgroup * LANES + lane, ROW_PER_THREAD);
}

/// Its part of a row, in elements of the tensor; nothing of a row that does not exist, so that all reach the barriers.
fn part_of_row(row: u32, rows: u32, cols: u32, inner: u32, lane: u32) -> Part {
  let start = row / inner * cols * inner + row % inner;
  let first = select(lane, 0u, ROW_PER_THREAD);
  let end = select(0u, cols, row < rows);
  let count = (max(end, first) - first + STEP - 1u) / STEP;
  let fours = first + count / 4u * 4u * STEP;
  return Part(start + first * inner, STEP * inner, start + fours * inner, start + end * inner);
}

/// Σ over the threads that share a row.
fn row_sum(value: f32, lane: u32) -> f32 {
  if (ROW_PER_THREAD) { return value; }
  return workgroup_sum(value, lane);
}

/// The largest value over the threads that share a row.
fn row_max(value: f32, lane: u32) -> f32 {
  if (ROW_PER_THREAD) { return value; }
  return workgroup_max(value, lane);
}

/// Σ of the components.
fn sum_of_four(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

/// The largest component.
fn max_of_four(v: vec4f) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}
