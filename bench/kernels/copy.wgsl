// The bandwidth ceiling: y ← x, whose length is a multiple of THREADS * PER_THREAD vectors of 16 bytes.

const THREADS: u32 = 64;     // of a workgroup; neighbours copy neighbouring vectors
const PER_THREAD: u32 = 1;   // vectors; a workgroup's lie together

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(THREADS)
fn copy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.x + group.y * groups.x) * THREADS * PER_THREAD + lane;
  if (first >= arrayLength(&y)) { return; }
  for (var i = 0u; i < PER_THREAD; i++) {
    let at = first + i * THREADS;
    y[at] = x[at];
  }
}
