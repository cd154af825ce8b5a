// Seeded inputs for the cases. A generator of its own: the package's Philox is among the things under test.

import { type Input, sizeOf } from './array.ts';

/** Arrays whose values are exact in their element type. */
export interface Random {
  normal(shape: readonly number[], scale?: number, mean?: number): Input;
  uniform(shape: readonly number[], low: number, high: number): Input;
  /** i32 in 0 … below - 1 */
  integers(shape: readonly number[], below: number): Input;
  /** 0 or 1; at least one 1 where there is any element. */
  mask(shape: readonly number[], keep: number, dtype: 'f32' | 'i32' | 'u32'): Input;
}

/** FNV-1a: each case has its own numbers, which do not move when other cases come or go. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Mulberry32: uniform numbers in [0, 1) with 32 random bits. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomFor(seed: string): Random {
  const next = mulberry32(hash(seed));
  const fill = (shape: readonly number[], dtype: Input['dtype'], draw: () => number): Input => ({
    shape,
    dtype,
    data: new Float64Array(sizeOf(shape)).map(draw),
  });
  // Box–Muller; 1 - u keeps the logarithm's argument above 0
  const gauss = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    normal: (shape, scale = 1, mean = 0) =>
      fill(shape, 'f32', () => Math.fround(mean + scale * gauss())),
    uniform: (shape, low, high) =>
      fill(shape, 'f32', () => Math.fround(low + (high - low) * next())),
    integers: (shape, below) => fill(shape, 'i32', () => Math.floor(below * next())),
    mask(shape, keep, dtype) {
      const mask = fill(shape, dtype, () => (next() < keep ? 1 : 0));
      if (mask.data.length > 0) mask.data[Math.floor(mask.data.length * next())] = 1;
      return mask;
    },
  };
}

/** Given values as an f32 tensor; `shape` defaults to one axis. */
export function f32(values: readonly number[], shape: readonly number[] = [values.length]): Input {
  return { shape, dtype: 'f32', data: Float64Array.from(values, Math.fround) };
}

/** Given values as an i32 tensor. */
export function i32(values: readonly number[], shape: readonly number[] = [values.length]): Input {
  return { shape, dtype: 'i32', data: Float64Array.from(values) };
}
