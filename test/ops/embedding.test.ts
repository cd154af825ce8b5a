import { describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import { Device } from '../../src/ops/device.ts';
import { embedding, oneHot, scatterRows } from '../../src/ops/embedding.ts';
import { segmentSum } from '../../src/ops/segment_sum.ts';
import { sortedPairs } from '../../src/ops/sort.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { randomIds } from './random_ids.ts';

/** Σ of the rows of dy that belong to each id, in float64. */
function sumsById(dy: ArrayLike<number>, ids: Int32Array, V: number, D: number): Float64Array {
  const sums = new Float64Array(V * D);
  for (const [t, id] of ids.entries()) {
    for (let d = 0; d < D; d++) sums[id * D + d]! += dy[t * D + d]!;
  }
  return sums;
}

function largestDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < want.length; i++) most = Math.max(most, Math.abs(got[i]! - want[i]!));
  return most;
}

describe('sortedPairs', () => {
  // below and above the size up to which all are compared with all; one, two and three radix passes
  it.each([
    [1, 1],
    [65, 9],
    [1024, 300],
    [1025, 65],
    [3000, 256],
    [70_000, 50_257],
    [5000, 1 << 20],
  ])('sorts %i keys below %i, equal ones in their order', async (T, limit) => {
    const keys = randomIds(T, limit);
    keys[0] = -1;
    keys[T - 1] = limit + 3;
    const pairs = await sortedPairs(device.tensor(keys, { dtype: 'i32' }), limit).data();
    const bounded = [...keys].map((key) => (key < 0 ? limit : Math.min(key, limit)));
    const order = bounded.map((_, t) => t).sort((a, b) => bounded[a]! - bounded[b]! || a - b);
    const got = [...pairs];
    expect(got.filter((_, i) => i % 2 === 1)).toEqual(order);
    expect(got.filter((_, i) => i % 2 === 0)).toEqual(order.map((t) => bounded[t]!));
  });
});

describe('embedding', () => {
  it.each([
    [300, 50, 33],
    [4000, 70, 16],
    [9000, 4000, 3],
  ])('the gradient of %i ids into %i rows of %i sums by id', async (T, V, D) => {
    const ids = randomIds(T, V);
    const weight = device.randn([V, D], { seed: 1 }).requireGrad();
    const dy = device.randn([T, D], { seed: 2 });
    const y = embedding(weight, device.tensor(ids, { dtype: 'i32' }));
    const [dweight] = grad(y, [weight], { dy });
    const want = sumsById(await dy.data(), ids, V, D);
    expect(largestDifference(await dweight!.data(), want)).toBeLessThan(1e-4);
  });

  it('gives the same bits twice', async () => {
    const [T, V, D] = [5000, 17, 8];
    const ids = device.tensor(randomIds(T, V), { dtype: 'i32' });
    const dy = device.randn([T, D], { seed: 3 });
    const first = await scatterRows(dy, ids, V).data();
    const second = await scatterRows(dy, ids, V).data();
    expect(second).toEqual(first);
  });

  it('is linear: the gradient of its gradient is itself', async () => {
    const [T, V, D] = [40, 9, 5];
    const ids = device.tensor(randomIds(T, V), { dtype: 'i32' });
    const weight = device.randn([V, D], { seed: 4 }).requireGrad();
    const dy = device.randn([T, D], { seed: 5 }).requireGrad();
    const [dweight] = grad(embedding(weight, ids), [weight], { dy, createGraph: true });
    const direction = device.randn([V, D], { seed: 6 });
    const [ddy] = grad(dweight!, [dy], { dy: direction });
    expect(await ddy!.data()).toEqual(await embedding(direction, ids).data());
  });

  it('folds more workgroups than one dimension takes', async () => {
    const [T, D] = [70_000, 64];
    const weight = device.tensor(
      Float32Array.from({ length: 3 * D }, (_, i) => i),
      { shape: [3, D] },
    );
    const ids = Int32Array.from({ length: T }, (_, t) => t % 3);
    const y = await embedding(weight, device.tensor(ids, { dtype: 'i32' })).data();
    expect(y.every((value, i) => value === (Math.floor(i / D) % 3) * D + (i % D))).toBe(true);
  });

  it('reads and differentiates a table over the binding limit in blocks of rows', async () => {
    const small = await Device.open({ limits: { maxStorageBufferBindingSize: 4096 } });
    const [T, V, D] = [30, 500, 10]; // 20,000 bytes of weight
    const ids = randomIds(T, V);
    ids.set([0, V - 1, 96, 95], 0);
    const run = async (on: Device): Promise<[Tensor, Tensor]> => {
      const weight = on.randn([V, D], { seed: 7 }).requireGrad();
      const y = embedding(weight, on.tensor(ids, { dtype: 'i32' }));
      return [y, grad(y, [weight], { dy: on.randn([T, D], { seed: 8 }) })[0]!];
    };
    const [want, got] = [await run(device), await run(small)];
    expect(await got[0].data()).toEqual(await want[0].data());
    expect(await got[1].data()).toEqual(await want[1].data());
    small.gpu.destroy();
  });
});

describe('segmentSum', () => {
  it('adds in the order of the rows: the same bits as one after the other in f32', async () => {
    const [E, count] = [3000, 7];
    const segments = randomIds(E, count);
    const values = device.randn([E, 1], { seed: 9 });
    const want = new Float32Array(count);
    for (const [e, value] of [...(await values.data())].entries()) want[segments[e]!]! += value;
    const sums = segmentSum(values, device.tensor(segments, { dtype: 'i32' }), { count });
    expect(await sums.data()).toEqual(want);
  });

  it('leaves out what is out of range, and says so', async () => {
    const segments = device.tensor([1, 3, -5, 1], { dtype: 'i32' });
    const sums = segmentSum(device.ones([4, 2]), segments, { count: 3 });
    await expect(device.sync()).rejects.toThrow(
      new DataError('segmentSum: a segment is out of range [0, 3)'),
    );
    expect([...(await sums.data())]).toEqual([0, 0, 2, 2, 0, 0]);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses %d segments', (count) => {
    const segments = device.zeros([4], { dtype: 'i32' });
    expect(() => segmentSum(device.ones([4, 2]), segments, { count })).toThrow(ConfigError);
  });
});

describe('ids out of range', () => {
  it('give zeros, and an error from the next awaited call alone', async () => {
    const weight = device.ones([65, 4]);
    const y = embedding(weight, device.tensor([0, 65, -1], { dtype: 'i32' }));
    await expect(weight.data()).rejects.toThrow(
      new DataError('embedding: an id is out of range [0, 65)'),
    );
    expect([...(await y.data())]).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('are reported by sync, and by the first of two faults', async () => {
    oneHot(device.tensor([3, 7], { dtype: 'i32' }), { depth: 7 });
    embedding(device.ones([2, 2]), device.tensor([2], { dtype: 'i32' }));
    await expect(device.sync()).rejects.toThrow('oneHot: an id is out of range [0, 7)');
    await device.sync();
  });

  it('have no gradient', async () => {
    const ids = device.tensor([1, 3, -5, 1], { dtype: 'i32' });
    const dweight = scatterRows(device.ones([4, 1]), ids, 3);
    expect([...(await dweight.data())]).toEqual([0, 2, 0]);
  });
});
