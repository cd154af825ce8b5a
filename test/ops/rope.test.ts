// Rotary positions: the lecture's values and identities, both layouts, and every position that an i32 holds.

import { describe, expect, it } from 'vitest';
import { mul } from '../../src/ops/binary.ts';
import { type RopeOptions, rope, ropeSimilarity } from '../../src/ops/rope.ts';
import { permute } from '../../src/ops/view.ts';
import { grad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

const vector = (values: readonly number[]) => device.tensor(values, { shape: [1, values.length] });

/** q turned to position m, as numbers. */
async function turned(q: readonly number[], m: number, options: RopeOptions = {}) {
  return rope(vector(q), { ...options, offset: m }).data();
}

const D = 16;
const q = Array.from({ length: D }, (_, i) => Math.sin(3 * i + 1));
const k = Array.from({ length: D }, (_, i) => Math.cos(5 * i + 2));

describe.each([false, true])('interleaved %s', (interleaved) => {
  it('E8 ⟨R_5 q, R_9 k⟩ = ⟨q, R_4 k⟩ = ⟨R_105 q, R_109 k⟩', async () => {
    const at = (m: number, n: number) =>
      Promise.all([turned(q, m, { interleaved }), turned(k, n, { interleaved })]);
    const relative = dot(...(await at(0, 4)));
    expect(dot(...(await at(5, 9)))).toBeCloseTo(relative, 4);
    expect(dot(...(await at(105, 109)))).toBeCloseTo(relative, 4);
    expect(Math.abs(dot(...(await at(5, 10))) - relative)).toBeGreaterThan(1e-2);
  });

  it('E8 a rotation keeps the norm', async () => {
    const y = await turned(q, 1234, { interleaved });
    expect(dot(y, y)).toBeCloseTo(dot(q, q), 5);
  });

  it.each([0, 255, 256, 65_535, 65_536, 16_777_215, 2 ** 31 - 1, -1, -256, -(2 ** 31)])(
    'position %i is good to 1e-6',
    async (m) => {
      const y = await turned(q, m, { interleaved });
      for (let i = 0; i < D / 2; i++) {
        const [a, b] = interleaved ? [2 * i, 2 * i + 1] : [i, i + D / 2];
        const angle = m * 10000 ** (-i / (D / 2));
        const [u, v] = [Math.fround(q[a]!), Math.fround(q[b]!)];
        expect(Math.abs(y[a]! - (u * Math.cos(angle) - v * Math.sin(angle)))).toBeLessThan(1e-6);
        expect(Math.abs(y[b]! - (u * Math.sin(angle) + v * Math.cos(angle)))).toBeLessThan(1e-6);
      }
    },
  );
});

it('E8 d = 4, x = (1, 0, 1, 0), m = 3 in the layout of the paper', async () => {
  const y = await turned([1, 0, 1, 0], 3, { interleaved: true });
  const want = [-0.989992, 0.14112, 0.99955, 0.029996];
  for (const [i, value] of want.entries()) expect(y[i]).toBeCloseTo(value, 6);
});

it('E8 half-split pairs are the interleaved ones in another order', async () => {
  const y = await turned([1, 1, 0, 0], 3);
  const want = [-0.989992, 0.99955, 0.14112, 0.029996];
  for (const [i, value] of want.entries()) expect(y[i]).toBeCloseTo(value, 6);
});

it('L4 q · k = xₘᵀ Wqᵀ R₍ₙ₋ₘ₎ Wk xₙ: as printed, without the transpose and with xₙ twice, it does not hold', async () => {
  const [x, y] = [q.slice(0, 4), k.slice(0, 4)];
  const matrix = (seed: number) =>
    [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => Math.sin(seed + 5 * i + 3 * j)));
  const [Wq, Wk] = [matrix(1), matrix(2)];
  const times = (W: number[][], v: ArrayLike<number>) => W.map((row) => dot(row, v));
  const transposed = (W: number[][]) => W.map((_, i) => W.map((row) => row[i]!));
  const rotated = async (v: number[], m: number) => [
    ...(await turned(v, m, { interleaved: true })),
  ];
  const [m, n] = [5, 9];
  const product = dot(await rotated(times(Wq, x), m), await rotated(times(Wk, y), n));
  const key = await rotated(times(Wk, y), n - m);
  expect(dot(x, times(transposed(Wq), key))).toBeCloseTo(product, 5);
  expect(Math.abs(dot(x, times(Wq, key)) - product)).toBeGreaterThan(0.01);
  expect(Math.abs(dot(y, times(transposed(Wq), key)) - product)).toBeGreaterThan(0.01);
});

it('E9 frequencies are 1, 0.1, 0.01, 0.001 for d = 8, not those of a closed interval', async () => {
  const y = await turned([1, 1, 1, 1, 0, 0, 0, 0], 1);
  for (const [i, frequency] of [1, 0.1, 0.01, 0.001].entries()) {
    expect(y[4 + i]).toBeCloseTo(Math.sin(frequency), 6);
  }
});

describe('E10 nearer positions have the larger product, but not always', () => {
  // The lecture's claim in numbers: mean_i cos(Δ θ_i) for d = 64.
  const LECTURE: readonly (readonly [number, number])[] = [
    [0, 1],
    [1, 0.966],
    [2, 0.884],
    [4, 0.748],
    [8, 0.7],
    [16, 0.605],
    [32, 0.611],
    [64, 0.435],
    [128, 0.284],
  ];

  it.each(LECTURE)('distance %i: %f', async (distance, want) => {
    expect(ropeSimilarity(distance, 64)).toBeCloseTo(want, 3);
    const ones = new Array(64).fill(1);
    const product = dot(await turned(ones, 40), await turned(ones, 40 + distance));
    expect(product / 64).toBeCloseTo(ropeSimilarity(distance, 64), 5);
  });

  it('decays from 1, and rises again between', () => {
    const curve = Array.from({ length: 1025 }, (_, distance) => ropeSimilarity(distance, 64));
    expect(curve[0]).toBe(1);
    expect(Math.max(...curve.slice(1))).toBe(curve[1]);
    const meanOf = (from: number, to: number) =>
      curve.slice(from, to).reduce((a, b) => a + b) / (to - from);
    const octaves = [1, 4, 16, 64, 256].map((from) => meanOf(from, 4 * from));
    for (let i = 1; i < octaves.length; i++) expect(octaves[i]).toBeLessThan(octaves[i - 1]!);
    expect(ropeSimilarity(32, 64)).toBeGreaterThan(ropeSimilarity(16, 64));
    expect(curve.slice(1).some((value, i) => value > curve[i]!)).toBe(true);
  });
});

it('positions on the device give the bits of offsets', async () => {
  const x = device.randn([2, 3, 5, 8], { seed: 4 });
  const positions = device.tensor(Int32Array.of(40, 41, 42, 43, 44, 7, 8, 9, 10, 11), {
    shape: [2, 5],
    dtype: 'i32',
  });
  const y = await rope(x, { positions }).data();
  const [first, second] = await Promise.all([40, 7].map((offset) => rope(x, { offset }).data()));
  const half = y.length / 2;
  expect(y.slice(0, half)).toEqual(first!.slice(0, half));
  expect(y.slice(half)).toEqual(second!.slice(half));
});

it('reads a permuted view, and answers in its memory order', async () => {
  const packed = device.randn([2, 5, 3, 8], { seed: 5 });
  const view = permute(packed, [0, 2, 1, 3]);
  const y = rope(view, { offset: 2 });
  expect(permute(y, [0, 2, 1, 3]).isDense).toBe(true);
  expect(await y.data()).toEqual(await rope(device.copy(view), { offset: 2 }).data());
});

it('the gradient turns back, and its gradient turns again', async () => {
  const x = device.randn([3, 8], { seed: 6 }).requireGrad();
  const dy = device.randn([3, 8], { seed: 7 }).requireGrad();
  const y = rope(x, { offset: 9 });
  const [dx] = grad(y, [x], { dy, createGraph: true });
  // ⟨dx, dx⟩ = ⟨dy, dy⟩, and d⟨dx, w⟩/d dy = R w
  const w = device.randn([3, 8], { seed: 8 });
  const [ddy] = grad(mul(dx!, w), [dy], { dy: device.ones([3, 8]) });
  const want = await rope(w, { offset: 9 }).data();
  const got = await ddy!.data();
  for (const [i, value] of got.entries()) expect(value).toBeCloseTo(want[i]!, 6);
  expect(dot(await dx!.data(), await dx!.data())).toBeCloseTo(
    dot(await dy.data(), await dy.data()),
    4,
  );
});
