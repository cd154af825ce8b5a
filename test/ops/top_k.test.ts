import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.ts';
import { argmax, topK } from '../../src/ops/top_k.ts';
import { backward } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';
import { randomIds } from './random_ids.ts';

describe('topK', () => {
  // few distinct values: most comparisons are ties
  it.each([
    [20, 20],
    [33, 7],
    [1000, 40],
    [300, 300],
  ])('of %i elements gives the %i largest in descending order, ties by index', async (cols, k) => {
    const rows = 3;
    const x = Float32Array.from(randomIds(rows * cols, 25));
    const { values, indices } = topK(device.tensor(x, { shape: [rows, cols] }), { k });
    const order = Array.from({ length: rows }, (_, row) => {
      const line = x.subarray(row * cols, (row + 1) * cols);
      return [...line.keys()].sort((a, b) => line[b]! - line[a]! || a - b).slice(0, k);
    });
    expect([...(await indices.data())]).toEqual(order.flat());
    const want = order.flatMap((line, row) => line.map((c) => x[row * cols + c]!));
    expect([...(await values.data())]).toEqual(want);
  });

  it('passes the gradient to the elements it took', async () => {
    const x = device.tensor([3, 1, 4, 1, 5]).requireGrad();
    backward(topK(x, { k: 2 }).values, { dy: device.tensor([10, 20]) });
    expect([...(await x.grad!.data())]).toEqual([0, 0, 20, 0, 10]);
  });

  it('counts masked elements as the lowest', async () => {
    const masked = Number.NEGATIVE_INFINITY;
    const { indices } = topK(device.tensor([masked, 2, masked, -1e38]), { k: 4 });
    expect([...(await indices.data())]).toEqual([1, 3, 0, 2]);
  });

  it('refuses more elements than there are', () => {
    expect(() => topK(device.zeros([3, 5]), { k: 6 })).toThrow(ShapeError);
  });
});

describe('argmax', () => {
  it('takes the lowest index among equals, in every layout of rows', async () => {
    for (const shape of [
      [70, 5],
      [2, 300],
      [300, 2],
      [3, 100, 7],
      [7, 100, 300],
    ]) {
      const x = Float32Array.from(
        randomIds(
          shape.reduce((a, b) => a * b),
          3,
        ),
      );
      const [cols, inner] = [shape[1]!, shape[2] ?? 1];
      const got = await argmax(device.tensor(x, { shape }), { axis: 1 }).data();
      const want = Array.from(got, (_, row) => {
        const start = Math.floor(row / inner) * cols * inner + (row % inner);
        const line = Array.from({ length: cols }, (_, c) => x[start + c * inner]!);
        return line.indexOf(Math.max(...line));
      });
      expect([...got]).toEqual(want);
    }
  });

  it('of a row that is masked everywhere is its first element', async () => {
    const masked = Array(100).fill(Number.NEGATIVE_INFINITY);
    expect(await argmax(device.tensor(masked)).item()).toBe(0);
  });
});
