// Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a bijection of a 128-bit
// counter under a 64-bit key. No state: any element of any draw is computed on its own, here and in
// kernels/lib/random.wgsl alike.
//
// The one mapping of the project, the same bits in TypeScript and in WGSL:
//
//   key     = (seed mod 2^32, floor(seed / 2^32))
//   counter = (block mod 2^32, step, stream, floor(block / 2^32))        block = floor(element / 4)
//   element i is word i mod 4 of block floor(i / 4)
//
//   uniform = (word >>> 8) * 2^-24                                       in [0, 1), exact in float32
//   normal  = r cos(2 pi v) for an even element, r sin(2 pi v) for the odd one after it (Box-Muller)
//             r = sqrt(-2 ln u)    u = ((even word >>> 8) + 1) * 2^-24 in (0, 1]    v = uniform of the odd word
//
// `seed` is what a user sets; `stream` tells apart the uses of one seed (a layer's dropout, the batches, ...); `step`
// counts the times that one use draws.

import { ConfigError } from '../errors.ts';

/** Four words: 32-bit unsigned integers. */
export type Words = [number, number, number, number];

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9; // golden ratio
const WEYL_1 = 0xbb67ae85; // sqrt(3) - 1
const ROUNDS = 10;
const TWO_32 = 2 ** 32;

/** The 128-bit block that belongs to `counter` under `key`; all words are 32-bit unsigned integers. */
export function philox(counter: Readonly<Words>, key: readonly [number, number]): Words {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** floor(a * b / 2^32) of unsigned 32-bit integers, by 16-bit halves: no partial sum exceeds 32 bits. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const cross = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16);
  const middle = Math.imul(aLow, bHigh) + (cross & 0xffff);
  return (Math.imul(aHigh, bHigh) + (cross >>> 16) + (middle >>> 16)) | 0;
}

/**
 * The key of a seed: a safe integer or a bigint, 0 <= seed < 2^64.
 * @throws ConfigError for any other number.
 */
export function keyOf(seed: number | bigint): [number, number] {
  const valid =
    typeof seed === 'bigint'
      ? seed >= 0n && seed < 1n << 64n
      : Number.isSafeInteger(seed) && seed >= 0;
  if (!valid)
    throw new ConfigError(
      `seed: ${seed} is not an integer from 0 to 2^53 - 1 (or, as a bigint, 2^64 - 1)`,
    );
  const wide = BigInt(seed);
  return [Number(wide & 0xffffffffn), Number(wide >> 32n)];
}

/** Block number `block` (a safe integer) of a draw. */
export function randomBlock(
  block: number,
  stream: number,
  step: number,
  key: readonly [number, number],
): Words {
  return philox([block >>> 0, step >>> 0, stream >>> 0, Math.floor(block / TWO_32)], key);
}

/** A word as a uniform number in [0, 1): its upper 24 bits, so that float32 holds it exactly. */
export function uniformFromBits(bits: number): number {
  return (bits >>> 8) * 2 ** -24;
}

/** Box-Muller: two words give two independent standard normals, at most sqrt(48 ln 2) = 5.77 in size. */
export function normalPair(even: number, odd: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(((even >>> 8) + 1) * 2 ** -24));
  const angle = 2 * Math.PI * uniformFromBits(odd);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

/** Which draw: `seed` of the run, `stream` (u32) of the use, `step` (u32) of its repetition. */
export interface Draw {
  readonly seed: number | bigint;
  readonly stream?: number;
  readonly step?: number;
}

type FloatArray = Float32Array | Float64Array;

/** Fills `out` with uniforms in [0, 1): element i of the draw at index i. */
export function fillUniform(out: FloatArray, { seed, stream = 0, step = 0 }: Draw): void {
  const key = keyOf(seed);
  for (let i = 0; i < out.length; i += 4) {
    const words = randomBlock(i / 4, stream, step, key);
    for (let j = 0; j < 4 && i + j < out.length; j++) out[i + j] = uniformFromBits(words[j]!);
  }
}

/** Fills `out` with standard normals, computed in float64: element i of the draw at index i. */
export function fillNormal(out: FloatArray, { seed, stream = 0, step = 0 }: Draw): void {
  const key = keyOf(seed);
  for (let i = 0; i < out.length; i += 4) {
    const words = randomBlock(i / 4, stream, step, key);
    // Stores past the end of a typed array are dropped.
    [out[i]!, out[i + 1]!] = normalPair(words[0], words[1]);
    [out[i + 2]!, out[i + 3]!] = normalPair(words[2], words[3]);
  }
}

/** Random numbers one after the other, for the host. All its state is `position`. */
export interface RandomStream {
  /** Words used so far: an integer to store in a checkpoint and to set again on resume. */
  position: number;
  /** Uniform in [0, 1); while only uniforms are drawn, draw i is element i of `fillUniform`. */
  uniform(): number;
  /** Standard normal; takes two words and keeps nothing for the next call. */
  normal(): number;
  /** Uniform over 0 .. n - 1, without bias. @throws ConfigError unless 1 <= n <= 2^32. */
  integer(n: number): number;
  /** Shuffles in place (Fisher-Yates), and returns the same array. */
  shuffle<T extends { length: number; [index: number]: unknown }>(array: T): T;
}

/** The stream of words (seed, stream, step) from `position` on. */
export function randomStream(
  seed: number | bigint,
  stream = 0,
  { step = 0, position = 0 }: { step?: number; position?: number } = {},
): RandomStream {
  const key = keyOf(seed);
  let cachedBlock = -1;
  let words: Words = [0, 0, 0, 0];

  const nextWord = (): number => {
    const block = Math.floor(random.position / 4);
    if (block !== cachedBlock) {
      words = randomBlock(block, stream, step, key);
      cachedBlock = block;
    }
    return words[random.position++ % 4]!;
  };

  const random: RandomStream = {
    position,
    uniform: () => uniformFromBits(nextWord()),
    normal: () => normalPair(nextWord(), nextWord())[0],
    integer(n) {
      if (!Number.isInteger(n) || n < 1 || n > TWO_32) {
        throw new ConfigError(`integer: n is ${n}; expected an integer from 1 to 2^32`);
      }
      // Words from the last, incomplete run of n would favour the small results: draw again.
      const bound = TWO_32 - (TWO_32 % n);
      let word = nextWord();
      while (word >= bound) word = nextWord();
      return word % n;
    },
    shuffle(array) {
      for (let i = array.length - 1; i > 0; i--) {
        const j = random.integer(i + 1);
        [array[i], array[j]] = [array[j], array[i]];
      }
      return array;
    },
  };
  return random;
}
