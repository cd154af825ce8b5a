// What can be said of kernels/lib without a GPU.

import { describe, expect, it } from 'vitest';
import elements from '../kernels/lib/elements.wgsl';
import math from '../kernels/lib/math.wgsl';
import matrix from '../kernels/lib/matrix.wgsl';
import packed from '../kernels/lib/packed.wgsl';
import random from '../kernels/lib/random.wgsl';
import reduce from '../kernels/lib/reduce.wgsl';
import rows from '../kernels/lib/rows.wgsl';
import { stripComments } from '../src/gpu/wgsl.ts';

const LIBRARIES = { elements, math, matrix, packed, random, reduce, rows };

/** The value of `const name: f32 = …;` as a float64. */
function constant(text: string, name: string): number {
  const literal = new RegExp(`const ${name}: f32 = ([-+.e\\d]+)f;`).exec(text)?.[1];
  if (literal === undefined) throw new Error(`no constant ${name}`);
  return Number(literal);
}

describe('kernels/lib', () => {
  it.each(Object.entries(LIBRARIES))(
    '%s: no entry point and no binding, so that any kernel can include it',
    (_, text) => {
      expect(stripComments(text)).not.toMatch(/@compute|@group|@binding/);
    },
  );

  it.each(Object.entries(LIBRARIES))(
    '%s: each function is snake_case and has a comment',
    (_, text) => {
      const lines = text.split('\n');
      const functions = lines.flatMap((line, i) =>
        line.startsWith('fn ') ? [{ line, before: lines[i - 1] }] : [],
      );
      expect(functions.length).toBeGreaterThan(0);
      for (const { line, before } of functions) {
        expect(line).toMatch(/^fn [a-z0-9_]+\(/);
        expect(before, line).toMatch(/^\/\/\/ \S/);
      }
    },
  );
});

describe('constants of math.wgsl', () => {
  it('LOWEST and LARGEST are exactly the ends of float32', () => {
    const largest = (2 - 2 ** -23) * 2 ** 127;
    expect(constant(math, 'LOWEST')).toBe(-largest);
    expect(constant(math, 'LARGEST')).toBe(largest);
    expect(constant(math, 'SMALLEST_NORMAL')).toBe(2 ** -126);
  });

  it('LN2_HIGH has 15 bits, and LN2_LOW is the rest of ln 2', () => {
    const high = constant(math, 'LN2_HIGH');
    expect(Number.isInteger(high * 2 ** 15)).toBe(true);
    expect(Math.abs(high + constant(math, 'LN2_LOW') - Math.LN2)).toBeLessThan(2 ** -44);
  });
});
