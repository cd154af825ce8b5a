// The arithmetic ceiling: a thread runs independent chains of multiply-adds in registers, a ← a x + b, and stores
// their sum, so that nothing is left out. 2 CHAINS ITERATIONS operations per thread, 4 bytes of memory.
//   chains_12   for CPUs with 16 vector registers
//   chains_32   for those with 32, and for GPUs

const ITERATIONS: u32 = 512;

struct Params { x: f32, b: f32 }
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read_write> y: array<f32>;   // one per thread

@compute @workgroup_size(64)
fn chains_12(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let x = params.x; let b = params.b; let s = f32(lane);
  var a0 = s; var a1 = s + 1.0; var a2 = s + 2.0; var a3 = s + 3.0;
  var a4 = s + 4.0; var a5 = s + 5.0; var a6 = s + 6.0; var a7 = s + 7.0;
  var a8 = s + 8.0; var a9 = s + 9.0; var a10 = s + 10.0; var a11 = s + 11.0;
  for (var i = 0u; i < ITERATIONS; i++) {
    a0 = a0 * x + b; a1 = a1 * x + b; a2 = a2 * x + b; a3 = a3 * x + b;
    a4 = a4 * x + b; a5 = a5 * x + b; a6 = a6 * x + b; a7 = a7 * x + b;
    a8 = a8 * x + b; a9 = a9 * x + b; a10 = a10 * x + b; a11 = a11 * x + b;
  }
  y[group.x * 64u + lane] =
    ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7)) + ((a8 + a9) + (a10 + a11));
}

@compute @workgroup_size(64)
fn chains_32(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let x = params.x; let b = params.b; let s = f32(lane);
  var a0 = s; var a1 = s + 1.0; var a2 = s + 2.0; var a3 = s + 3.0;
  var a4 = s + 4.0; var a5 = s + 5.0; var a6 = s + 6.0; var a7 = s + 7.0;
  var a8 = s + 8.0; var a9 = s + 9.0; var a10 = s + 10.0; var a11 = s + 11.0;
  var a12 = s + 12.0; var a13 = s + 13.0; var a14 = s + 14.0; var a15 = s + 15.0;
  var b0 = s; var b1 = s - 1.0; var b2 = s - 2.0; var b3 = s - 3.0;
  var b4 = s - 4.0; var b5 = s - 5.0; var b6 = s - 6.0; var b7 = s - 7.0;
  var b8 = s - 8.0; var b9 = s - 9.0; var b10 = s - 10.0; var b11 = s - 11.0;
  var b12 = s - 12.0; var b13 = s - 13.0; var b14 = s - 14.0; var b15 = s - 15.0;
  for (var i = 0u; i < ITERATIONS; i++) {
    a0 = a0 * x + b; a1 = a1 * x + b; a2 = a2 * x + b; a3 = a3 * x + b;
    a4 = a4 * x + b; a5 = a5 * x + b; a6 = a6 * x + b; a7 = a7 * x + b;
    a8 = a8 * x + b; a9 = a9 * x + b; a10 = a10 * x + b; a11 = a11 * x + b;
    a12 = a12 * x + b; a13 = a13 * x + b; a14 = a14 * x + b; a15 = a15 * x + b;
    b0 = b0 * x + b; b1 = b1 * x + b; b2 = b2 * x + b; b3 = b3 * x + b;
    b4 = b4 * x + b; b5 = b5 * x + b; b6 = b6 * x + b; b7 = b7 * x + b;
    b8 = b8 * x + b; b9 = b9 * x + b; b10 = b10 * x + b; b11 = b11 * x + b;
    b12 = b12 * x + b; b13 = b13 * x + b; b14 = b14 * x + b; b15 = b15 * x + b;
  }
  y[group.x * 64u + lane] =
    ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7))
    + ((a8 + a9) + (a10 + a11)) + ((a12 + a13) + (a14 + a15))
    + ((b0 + b1) + (b2 + b3)) + ((b4 + b5) + (b6 + b7))
    + ((b8 + b9) + (b10 + b11)) + ((b12 + b13) + (b14 + b15));
}
