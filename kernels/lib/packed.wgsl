// Elements of frozen weights that are kept in u32 words.

const WEIGHT: u32 = WEIGHT_F32;
const WEIGHT_F32 = 0u;
const WEIGHT_F16 = 1u;    // two to a word, the first in the lower half
const WEIGHT_BF16 = 2u;
const WEIGHT_INT8 = 3u;   // four to a word, the first the lowest; four more words end a row, the first its scale's bits

/// Four halves.
fn unpacked_halves(words: vec2u) -> vec4f {
  if (WEIGHT == WEIGHT_BF16) { return bitcast<vec4f>((words.xxyy << vec4u(16u, 0u, 16u, 0u)) & vec4u(0xffff0000u)); }
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}

const BYTE_UNIT: f32 = 0x1p-24f;

/// Four signed bytes over BYTE_UNIT. A shift is a product here: the one of SwiftShader goes lane by lane.
fn unpacked_bytes(word: u32) -> vec4f {
  return vec4f(vec4i((word * vec4u(0x1000000u, 0x10000u, 0x100u, 1u)) & vec4u(0xff000000u)));
}

/// The scale of a row of bytes, over what its bytes are taken by.
fn byte_scale(tail: vec4u) -> f32 {
  return BYTE_UNIT * bitcast<f32>(tail.x);
}
