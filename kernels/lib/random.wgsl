// Philox 4x32-10, the same mapping of elements to words as src/tensor/philox.ts (which defines it):
//
//   counter = (floor(element / 4), step, stream, 0)      key = the seed's low and high word
//   element i is word i mod 4 of its block; normals come in pairs of words
//
// Needs math.wgsl in front of it. Bits and uniforms are identical on every adapter; normals differ from the float64
// value by at most 2.4e-7 * max(1, |z|) (lavapipe, SwiftShader).

/// The upper 32 bits of a * b, by 16-bit halves: no partial sum exceeds 32 bits.
fn multiply_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let cross = a_high * b_low + ((a_low * b_low) >> 16u);
  let middle = a_low * b_high + (cross & 0xffffu);
  return a_high * b_high + (cross >> 16u) + (middle >> 16u);
}

/// The block of four words that belongs to a counter under a key.
fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let high0 = multiply_high(0xd2511f53u, c.x);
    let high1 = multiply_high(0xcd9e8d57u, c.z);
    c = vec4u(high1 ^ c.y ^ k.x, 0xcd9e8d57u * c.z, high0 ^ c.w ^ k.y, 0xd2511f53u * c.x);
    k += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

/// The word of an element.
fn random_bits(element: u32, stream: u32, step: u32, key: vec2u) -> u32 {
  return philox(vec4u(element / 4u, step, stream, 0u), key)[element % 4u];
}

/// A word as a uniform in [0, 1): exact.
fn uniform_from_bits(bits: u32) -> f32 {
  return f32(bits >> 8u) * 0x1p-24f;
}

/// The uniform in [0, 1) of an element.
fn random_uniform(element: u32, stream: u32, step: u32, key: vec2u) -> f32 {
  return uniform_from_bits(random_bits(element, stream, step, key));
}

/// Box-Muller: two words give two independent standard normals.
fn normal_pair(even: u32, odd: u32) -> vec2f {
  // r = sqrt(-2 ln u), u in (0, 1];  (r cos 2 pi v, r sin 2 pi v)
  let u = f32((even >> 8u) + 1u) * 0x1p-24f;
  let radius = sqrt_precise(-2.0 * log_precise(u));
  return radius * sincos_turns(uniform_from_bits(odd)).yx;
}

/// The standard normal of an element.
fn random_normal(element: u32, stream: u32, step: u32, key: vec2u) -> f32 {
  let words = philox(vec4u(element / 4u, step, stream, 0u), key);
  let words_of_pair = select(words.xy, words.zw, (element & 2u) != 0u);
  return normal_pair(words_of_pair.x, words_of_pair.y)[element % 2u];
}
