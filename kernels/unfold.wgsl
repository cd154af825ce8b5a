// Patches of images as columns, and the transpose.
//   unfold   columns[b, cij, pq] = x[b, c, p stride - padding + i, q stride - padding + j], 0 outside the image;
//            where rows = C kh kw + 1, the last row is `constant`
//   fold     x[b, c, h, w] = Σ { columns[b, cij, pq] : that is where it is read }
// x (B, C, H, W)   columns (B, rows, P Q)   c < C, i < kh, j < kw, p < P, q < Q
// A thread takes one pixel of the columns, or of x, and loops over the window alone: neighbours read and write
// neighbouring memory, and an index is divided once per window.

alias Element = f32;

struct Params {
  size: u32,        // unfold: B C P Q, fold: B C H W
  C: u32,
  rows: u32,
  image: vec2u,     // H, W
  pixels: vec2u,    // P, Q
  window: vec2u,    // kh, kw
  stride: vec2u,
  padding: vec2u,
  constant: f32,
}
@group(1) @binding(0) var<uniform> params: Params;

@group(0) @binding(0) var<storage, read> x: array<Element>;               // unfold
@group(0) @binding(1) var<storage, read_write> columns: array<Element>;
@group(0) @binding(0) var<storage, read> summands: array<Element>;        // fold: columns
@group(0) @binding(1) var<storage, read_write> sums: array<Element>;      // x

@compute @workgroup_size(SPAN_THREADS)
fn unfold(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var n = span.first; n < span.end; n += SPAN_THREADS) { copy_window(n); }
}

/// What pixel n of (B, C, P, Q) sees.
fn copy_window(n: u32) {
  let area = params.pixels.x * params.pixels.y;
  let pixel = n % area;
  let plane = n / area;
  let b = plane / params.C;
  let c = plane % params.C;
  let corner = vec2u(pixel / params.pixels.y, pixel % params.pixels.y) * params.stride - params.padding;
  let image = plane * params.image.x * params.image.y;
  var to = (b * params.rows + c * params.window.x * params.window.y) * area + pixel;
  for (var i = 0u; i < params.window.x; i++) {
    for (var j = 0u; j < params.window.y; j++) {
      let at = corner + vec2u(i, j);   // what is below 0 wraps around, beyond the image
      var value = Element(0);
      if (all(at < params.image)) { value = x[image + at.x * params.image.y + at.y]; }
      columns[to] = value;
      to += area;
    }
  }
  if (to < (b + 1u) * params.rows * area && c + 1u == params.C) { columns[to] = Element(params.constant); }
}

@compute @workgroup_size(SPAN_THREADS)
fn fold(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = span_of(group, groups, lane, params.size);
  for (var n = span.first; n < span.end; n += SPAN_THREADS) { sums[n] = Element(sum_of_windows(n)); }
}

/// Over the windows that see element n of (B, C, H, W), row by row.
fn sum_of_windows(n: u32) -> f32 {
  let within = n % (params.image.x * params.image.y);
  let plane = n / (params.image.x * params.image.y);
  let place = vec2u(within / params.image.y, within % params.image.y) + params.padding;
  let area = params.pixels.x * params.pixels.y;
  let row = plane / params.C * params.rows + plane % params.C * params.window.x * params.window.y;
  let last = min(place / params.stride, params.pixels - 1u);
  let first = (max(place + 1u, params.window) - params.window + params.stride - 1u) / params.stride;
  var sum = 0f;
  for (var p = first.x; p <= last.x; p++) {
    for (var q = first.y; q <= last.y; q++) {
      let at = place - vec2u(p, q) * params.stride;   // in the window
      sum += f32(summands[(row + at.x * params.window.y + at.y) * area + p * params.pixels.y + q]);
    }
  }
  return sum;
}
