import { describe, expect, it } from 'vitest';
import { logSoftmax, softmax } from '../../src/ops/softmax.ts';
import { grad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';

const LOWEST = -3.4028234663852886e38;
const INFINITY = Number.POSITIVE_INFINITY;

describe('softmax', () => {
  it.each([1, 2, 32, 33, 63, 64, 65, 257, 5000, 100_000])('rows of %i sum to one', async (cols) => {
    const y = await softmax(device.randn([3, cols], { seed: cols })).data();
    for (let row = 0; row < 3; row++) {
      const line = [...y.slice(row * cols, (row + 1) * cols)];
      expect(line.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    }
  });

  it('is finite for logits far apart, and exact where one dominates', async () => {
    const x = device.tensor([
      [1e4, 0, -1e4],
      [LOWEST, 0, 0],
      [-INFINITY, 5, -INFINITY],
      [3e38, -3e38, 0],
    ]);
    expect([...(await softmax(x).data())]).toEqual([1, 0, 0, 0, 0.5, 0.5, 0, 1, 0, 1, 0, 0]);
    const [first] = await logSoftmax(device.tensor([1e4, 9999, -1e4])).data();
    expect(first).toBeCloseTo(-Math.log1p(Math.exp(-1)), 3);
  });

  // 3 columns: a thread takes the row; 100: a workgroup
  it.each([3, 100])(
    'of a row of %i masked everywhere is 0, and so is its gradient',
    async (cols) => {
      for (const masked of [LOWEST, -INFINITY]) {
        const x = device.full([2, cols], masked).requireGrad();
        const y = softmax(x);
        const [dx] = grad(y, [x], { dy: device.randn([2, cols], { seed: 1 }) });
        for (const t of [y, dx!]) expect((await t.data()).every((value) => value === 0)).toBe(true);
      }
    },
  );

  it('leaves masked elements of the log-softmax as they are', async () => {
    const x = device.tensor([LOWEST, 0, -INFINITY]);
    expect([...(await logSoftmax(x).data())]).toEqual([Math.fround(LOWEST), 0, -INFINITY]);
  });

  it('gives the same along every axis as along the last one', async () => {
    for (const [outer, cols, inner] of [
      [4, 5, 6],
      [2, 100, 3],
      [3, 70, 80],
      [1, 300, 2],
    ]) {
      const shape = [outer!, cols!, inner!];
      const x = device.randn(shape, { seed: 2 });
      const y = await softmax(x, 1).data();
      const values = await x.data();
      const place = (o: number, c: number, n: number) => (o * cols! + c) * inner! + n;
      for (const [o, n] of [
        [0, 0],
        [outer! - 1, inner! - 1],
      ] as const) {
        const line = Array.from({ length: cols! }, (_, c) => values[place(o, c, n)]!);
        const want = await softmax(device.tensor(line)).data();
        for (const [c, value] of want.entries()) expect(y[place(o, c, n)]).toBeCloseTo(value, 6);
      }
    }
  });

  it('folds more rows than one dimension takes', async () => {
    const rows = 66_000;
    const x = device.tensor(Float32Array.from({ length: rows * 33 }, (_, i) => i % 33));
    const y = await softmax(device.tensor(await x.data(), { shape: [rows, 33] })).data();
    for (let i = 33; i < y.length; i++) if (y[i] !== y[i - 33]) expect.fail(`element ${i}`);
    expect(y[32]).toBeGreaterThan(0.6);
  });

  for (const [name, op] of Object.entries({ softmax, logSoftmax })) {
    it(`${name}: the composed gradient is the fused one, and has a gradient itself`, async () => {
      for (const axis of [0, 1]) {
        const x = device.randn([40, 7], { seed: 3 }).requireGrad();
        const dy = device.randn([40, 7], { seed: 4 });
        const [fused] = grad(op(x, axis), [x], { dy });
        const [composed] = grad(op(x, axis), [x], { dy, createGraph: true });
        const want = await fused!.data();
        for (const [i, v] of (await composed!.data()).entries()) expect(v).toBeCloseTo(want[i]!, 5);
        const [second] = grad(composed!, [x], { dy });
        expect((await second!.data()).some((value) => Math.abs(value) > 1e-3)).toBe(true);
      }
    });
  }
});

describe('identities of the lectures', () => {
  it('B3 softmax(z + c) = softmax(z) for c = ±1e4', async () => {
    // Multiples of 1/64, so that z + c is exact in f32.
    const z = Float64Array.from({ length: 33 }, (_, i) => Math.round(200 * Math.sin(i)) / 64);
    const plain = await softmax(device.tensor(z)).data();
    for (const c of [1e4, -1e4]) {
      const shifted = await softmax(device.tensor(z.map((value) => value + c))).data();
      for (let i = 0; i < z.length; i++)
        expect(Math.abs(shifted[i]! - plain[i]!)).toBeLessThan(1e-6);
    }
    const far = [...(await softmax(device.tensor([1e4, 0, -1e4])).data())];
    const logFar = [...(await logSoftmax(device.tensor([1e4, 0, -1e4])).data())];
    expect(far).toEqual([1, 0, 0]);
    expect(logFar).toEqual([0, -1e4, -2e4]);
  });

  it('B4 the gradient of ln softmax_j is e_j - softmax, the arrows average to 0 and have no common part', async () => {
    const z = device.tensor([0.3, -1.2, 2.1]).requireGrad();
    const p = await softmax(z).data();
    const mean = [0, 0, 0];
    for (let j = 0; j < 3; j++) {
      const dy = device.tensor([0, 1, 2].map((i) => (i === j ? 1 : 0)));
      const [gradient] = grad(logSoftmax(z), [z], { dy });
      const arrow = [...(await gradient!.data())];
      for (let i = 0; i < 3; i++) {
        expect(Math.abs(arrow[i]! - ((i === j ? 1 : 0) - p[i]!))).toBeLessThan(1e-6);
        mean[i]! += p[j]! * arrow[i]!;
      }
      expect(Math.abs(arrow.reduce((a, b) => a + b, 0))).toBeLessThan(1e-6);
    }
    for (const component of mean) expect(Math.abs(component)).toBeLessThan(1e-6);
  });
});
