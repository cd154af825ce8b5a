// Rows of a dense tensor (outer, cols, inner), each shared by the lanes of a workgroup or owned by one thread; needs
// reduce.wgsl and math.wgsl beside it.
//
// A row is read in vectors of four where its elements are adjacent and their number allows it, else element by element:
// `alias Element` of the kernel is what a binding holds, a Floats the same in f32. Functions below that mix the
// components of a Floats take it as a vec4f, which a single f32 fills.
//
// Software adapters run a workgroup's lanes one SIMD group after the other, and each barrier between them costs a task
// switch: there a thread per row is two to three times as fast (softmax of 4096 x 512, lavapipe). A load costs them
// more than an exponential, and a vector's load less than half of its elements' four.

alias Floats = f32;           // or vec4f
const FLOATS: u32 = 1u;       // components of a Floats
const PLACES: Floats = 0f;    // the place of each; vec4f(0f, 1f, 2f, 3f)
const ROW_PER_THREAD: bool = false;

/// From one of a thread's vectors to its next, in a row whose elements are adjacent.
const STEP: u32 = select(LANES, 1u, ROW_PER_THREAD);

/// What a thread owns of a row: the vectors first, first + step, … below end; up to `fours` in whole groups of four.
struct Part { first: u32, step: u32, fours: u32, end: u32 }

/// The row that a thread works on.
fn row_of(workgroup: u32, lane: u32) -> u32 {
  return select(workgroup, workgroup * LANES + lane, ROW_PER_THREAD);
}

/// Its part of a row, in vectors of the tensor; nothing of a row that does not exist, so that all reach the barriers.
fn part_of_row(row: u32, rows: u32, cols: u32, inner: u32, lane: u32) -> Part {
  let vectors = cols / FLOATS;
  let start = row / inner * vectors * inner + row % inner;
  let first = select(lane, 0u, ROW_PER_THREAD);
  let end = select(0u, vectors, row < rows);
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

/// Σ of the components of a Floats.
fn sum_of(v: vec4f) -> f32 {
  return select(v.x, sum_of_four(v), FLOATS == 4u);
}

/// Σ of the components.
fn sum_of_four(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

/// The largest component.
fn max_of_four(v: vec4f) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

/// e^x of x <= 0, where the absolute error counts: weights beside a largest one of 1. WGSL's exp may be off by
/// 3 + 2|x| ULP, which e^x outweighs: 2.1e-7 at most, at a third of exp_safe's work. Exactly 0 below -87.336, for
/// -infinity too.
fn exp_nonpositive(x: Floats) -> Floats {
  return select(exp(x), Floats(0), x < Floats(-87.33654f));
}

/// The same of four numbers, whatever Floats are.
fn exp_nonpositive_four(x: vec4f) -> vec4f {
  return select(exp(x), vec4f(0), x < vec4f(-87.33654f));
}

/// The largest of the numbers x so far, and Σ exp(x - top); of each component apart (Milakov & Gimelshein 2018).
struct Exps { top: Floats, sum: Floats }

/// Of no numbers.
fn no_exps() -> Exps {
  return Exps(Floats(LOWEST), Floats(0));
}

/// With one more.
fn add_exp(e: Exps, x: Floats) -> Exps {
  let top = max(e.top, x);
  return Exps(top, e.sum * exp_nonpositive(e.top - top) + exp_nonpositive(x - top));
}

/// With four more, for which what was summed is scaled only once.
fn add_four_exps(e: Exps, a: Floats, b: Floats, c: Floats, d: Floats) -> Exps {
  let top = max(e.top, max(max(a, b), max(c, d)));
  let ab = exp_nonpositive(a - top) + exp_nonpositive(b - top);
  let cd = exp_nonpositive(c - top) + exp_nonpositive(d - top);
  return Exps(top, e.sum * exp_nonpositive(e.top - top) + (ab + cd));
}

/// The row's largest number, and Σ exp(x - the largest), of what its threads have found.
fn row_exps(e: Exps, lane: u32) -> vec2f {
  let top = row_max(max_of_four(vec4f(e.top)), lane);
  return vec2f(top, row_sum(sum_of(vec4f(e.sum * exp_nonpositive(e.top - top))), lane));
}

/// How many numbers x so far, their mean, and Σ (x - mean)²; of each component apart (Welford 1962): a large mean costs
/// no digits.
struct Moments { count: f32, mean: Floats, squares: Floats }

/// With one more.
fn add_moment(m: Moments, x: Floats) -> Moments {
  let count = m.count + 1f;
  let above = x - m.mean;
  let mean = m.mean + above * (1f / count);
  return Moments(count, mean, m.squares + above * (x - mean));
}

/// The row's mean and variance over n numbers, of what its threads have found.
fn row_moments(m: Moments, n: u32, lane: u32) -> vec2f {
  let mean = row_sum(sum_of(vec4f(m.count * m.mean)), lane) / f32(n);
  let off = m.mean - mean;
  return vec2f(mean, row_sum(sum_of(vec4f(m.squares + m.count * off * off)), lane) / f32(n));
}
