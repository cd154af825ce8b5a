// Seeded inputs. Philox, as the package draws them, so that every machine and peer gets the same values.

import { fillNormal, fillUniform, randomStream } from '../src/tensor/philox.ts';
import { sizeOf } from '../src/tensor/shape.ts';
import type { Fits, HostArray } from './item.ts';

const SEED = 20;

/** Arrays for one item: the n-th call takes the n-th stream. */
export interface Draws {
  normal(shape: readonly number[], scale?: number): HostArray;
  uniform(shape: readonly number[], low: number, high: number): HostArray;
  /** i32 in 0 … below - 1. */
  integers(shape: readonly number[], below: number): HostArray;
  /** 1 with the given probability, else 0. */
  flags(shape: readonly number[], probability: number): HostArray;
}

/** @param fits of each array's shape, before it is made; throws where it is too large */
export function draws(fits: Fits = () => {}): Draws {
  let stream = 0;
  const floats = (shape: readonly number[], fill: typeof fillNormal): HostArray => {
    fits(shape);
    const data = new Float32Array(sizeOf(shape));
    fill(data, { seed: SEED, stream: stream++ });
    return { shape, dtype: 'f32', data };
  };
  const mapped = (x: HostArray, f: (value: number) => number): HostArray => ({
    ...x,
    data: (x.data as Float32Array).map(f),
  });
  return {
    normal: (shape, scale = 1) => mapped(floats(shape, fillNormal), (v) => scale * v),
    uniform: (shape, low, high) =>
      mapped(floats(shape, fillUniform), (v) => low + (high - low) * v),
    integers(shape, below) {
      fits(shape);
      const random = randomStream(SEED, stream++);
      const data = Int32Array.from({ length: sizeOf(shape) }, () => random.integer(below));
      return { shape, dtype: 'i32', data };
    },
    flags: (shape, probability) =>
      mapped(floats(shape, fillUniform), (v) => (v < probability ? 1 : 0)),
  };
}
