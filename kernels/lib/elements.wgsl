// Elements that stand for themselves: which of them a thread owns.
//
// A workgroup owns SPAN_THREADS * SPAN_PER_THREAD neighbours, and its threads walk them side by side. GPUs hide the wait
// for memory behind threads; on CPUs each workgroup costs about as much as 100 elements, so that few threads take many.

const SPAN_THREADS: u32 = 64;     // of a workgroup; also from one of a thread's elements to its next
const SPAN_PER_THREAD: u32 = 1;

/// What a thread owns: first, first + SPAN_THREADS, … below end.
struct Span { first: u32, end: u32 }

/// The thread's share of `size` elements.
fn span_of(group: vec3u, groups: vec3u, lane: u32, size: u32) -> Span {
  let begin = (group.x + group.y * groups.x) * (SPAN_THREADS * SPAN_PER_THREAD);
  return Span(begin + lane, min(begin + SPAN_THREADS * SPAN_PER_THREAD, size));
}
