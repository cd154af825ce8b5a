// What the attention kernels share: which rows a workgroup owns, which keys a query sees, weights, dropout.

const FOUR = vec4u(0u, 1u, 2u, 3u);
const EXP_MIN = -87f;          // e^-87 is the last power that is not subnormal

/// What a workgroup owns: rows of one head from `row` on, and columns, counted in vec4f, from `column` on.
struct Job { batch: u32, head: u32, row: u32, column: u32 }

/// `heads` per batch, `tiles` of `rows` per head, `chunks` of `columns` per tile.
fn job_of(index: u32, heads: u32, tiles: u32, rows: u32, chunks: u32, columns: u32) -> Job {
  let head = index / (chunks * tiles);
  let tile = index / chunks % tiles;
  return Job(head / heads, head % heads, tile * rows, index % chunks * columns);
}

/// Where a head begins; `at`: strides along batch, head and time, and the start.
fn head_start(at: vec4u, batch: u32, head: u32) -> u32 {
  return at.w + batch * at.x + head * at.y;
}

/// Query i sees no key from this index on, of Tk keys, `length` of which are there: causal is aligned to the last key.
fn keys_end(i: u32, Tq: u32, Tk: u32, causal: u32, length: i32) -> u32 {
  let end = select(i32(Tk), i32(i + 1u + Tk) - i32(Tq), causal != 0u);
  return u32(max(0, min(end, length)));
}

/// The first query that sees key j: the inverse of `keys_end`.
fn queries_start(j: u32, Tq: u32, Tk: u32, causal: u32) -> u32 {
  return select(0u, u32(max(0, i32(j + Tq) - i32(Tk))), causal != 0u);
}

/// Which of four indices lie in a range, from .x up to but without .y.
fn within(t: vec4u, range: vec2u) -> vec4<bool> {
  return (t >= vec4u(range.x)) & (t < vec4u(range.y));
}

/// exp(s - top) where seen, else 0.
fn score_weight(s: vec4f, seen: vec4<bool>, top: vec4f) -> vec4f {
  return select(vec4f(), exp(clamp(s - top, vec4f(EXP_MIN), vec4f())), seen);
}

/// 0 or 1 / (1 - p) for one query and keys j to j + 3, j a multiple of 4: a Philox block per query and four keys.
fn kept_keys(query: u32, j: u32, stream: u32, p: f32, seed: vec2u, step: u32) -> vec4f {
  let words = philox(vec4u(j / 4u, step, stream, query + 1u), seed);
  let u = vec4f(words >> vec4u(8u)) * 0x1p-24f;
  return select(vec4f(1f / (1f - p)), vec4f(), u < vec4f(p));
}

/// Indices of four vec4f columns; those past the end repeat the last one.
fn columns_at(column: u32, D4: u32) -> vec4u {
  return min(vec4u(column) + FOUR, vec4u(D4 - 1u));
}
