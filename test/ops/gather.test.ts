import { describe, expect, it } from 'vitest';
import { mul } from '../../src/ops/binary.ts';
import { gather, scatterAdd } from '../../src/ops/gather.ts';
import { sum } from '../../src/ops/reduce.ts';
import { transpose } from '../../src/ops/view.ts';
import { grad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';
import { randomIds } from './random_ids.ts';

describe('gather', () => {
  it('reads a transposed view', async () => {
    const x = transpose(
      device.tensor([
        [0, 1, 2],
        [3, 4, 5],
      ]),
    ); // [3, 2]
    const y = gather(x, device.tensor([[1], [0], [1]], { dtype: 'i32' }), { axis: 1 });
    expect([...(await y.data())]).toEqual([3, 1, 5]);
  });

  it('gives 0 and a fault for an index out of range', async () => {
    const indices = device.tensor([0, 3, -1], { dtype: 'i32' });
    const y = gather(device.tensor([5, 6, 7]), indices, { axis: 0 });
    await expect(y.data()).rejects.toThrow('gather: an index is out of range [0, 3)');
    expect([...(await y.data())]).toEqual([5, 0, 0]);
  });
});

describe('scatterAdd', () => {
  // 64 indices to a line are looked through, 65 are sorted first
  it.each([
    [
      [4, 64, 3],
      [4, 9, 3],
    ],
    [
      [4, 65, 3],
      [4, 9, 3],
    ],
    [
      [2, 500, 2],
      [5, 3, 4],
    ],
  ])('sums y %j into x %j by index', async (lines, shape) => {
    const [B, P, N] = lines as [number, number, number];
    const [, C, width] = shape as [number, number, number];
    const ids = randomIds(B * P * N, C);
    const y = device.randn(lines, { seed: 1 });
    const values = await y.data();
    const indices = device.tensor(ids, { shape: lines, dtype: 'i32' });
    const got = await scatterAdd(y, indices, shape, { axis: 1 }).data();
    const want = new Float64Array(got.length);
    for (const [i, id] of ids.entries()) {
      const [b, n] = [Math.floor(i / (P * N)), i % N];
      want[(b * C + id) * width + n]! += values[i]!;
    }
    for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 4);
  });

  it.each([3, 100])(
    'is gather transposed, and gather again its gradient (%i to a line)',
    async (P) => {
      // <gather(x), y> = <x, scatterAdd(y)>
      const x = device.randn([6, 7], { seed: 2 }).requireGrad();
      const indices = device.tensor(randomIds(6 * P, 7), { shape: [6, P], dtype: 'i32' });
      const y = device.randn([6, P], { seed: 3 }).requireGrad();
      const [dx] = grad(gather(x, indices, { axis: 1 }), [x], { dy: y, createGraph: true });
      const left = await sum(mul(gather(x, indices, { axis: 1 }), y)).item();
      const right = await sum(mul(x, dx!)).item();
      expect(left).toBeCloseTo(right, 3);
      const [ddy] = grad(dx!, [y], { dy: x.detach() });
      expect(await ddy!.data()).toEqual(await gather(x, indices, { axis: 1 }).data());
    },
  );

  it('leaves out indices out of range', async () => {
    for (const P of [4, 80]) {
      const ids = Int32Array.from({ length: P }, (_, p) => [1, -1, 2, 1][p % 4]!);
      const y = device.ones([P]);
      const x = scatterAdd(y, device.tensor(ids, { dtype: 'i32' }), [2], { axis: 0 });
      expect([...(await x.data())]).toEqual([0, P / 2]);
    }
  });
});
