// split: its parts are slices, views without copies, and its gradient is that of slices, in fewer kernels.

import { expect, it } from 'vitest';
import { mul } from '../../src/ops/binary.ts';
import { sum } from '../../src/ops/reduce.ts';
import { split } from '../../src/ops/shape_ops.ts';
import { slice } from '../../src/ops/view.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';

const SIZES = [3, 1, 2];

function slices(x: Tensor): Tensor[] {
  return SIZES.map((size, i) => {
    const begin = SIZES.slice(0, i).reduce((a, b) => a + b, 0);
    return slice(x, { start: [0, begin, 0], end: [4, begin + size, 5] });
  });
}

/** d/dx of Σ_i Σ (part_i)² over the chosen parts. */
async function gradient(divide: (x: Tensor) => Tensor[], used: readonly number[], twice = false) {
  const x = device.randn([4, 6, 5], { seed: 1 }).requireGrad();
  const parts = divide(x);
  const squares = used.map((i) => sum(mul(parts[i]!, parts[i]!)));
  const total = squares.reduce((a, b) => device.add(a, b));
  const [dx] = grad(total, [x], { createGraph: twice });
  if (!twice) return dx!.data();
  const [second] = grad(sum(mul(dx!, dx!)), [x]);
  return second!.data();
}

it('gives views of the parts', async () => {
  const x = device.randn([4, 6, 5], { seed: 1 });
  const parts = split(x, SIZES, { axis: 1 });
  for (const [i, want] of slices(x).entries()) {
    expect(parts[i]!.storage).toBe(x.storage);
    expect(await parts[i]!.data()).toEqual(await want.data());
  }
});

it.each([[[0, 1, 2]], [[0]], [[1]], [[0, 2]], [[1, 2]], [[2, 1, 0]]])(
  'gives the gradient of slices when the parts %j are used, once and twice',
  async (used) => {
    const divide = (x: Tensor) => split(x, SIZES, { axis: 1 });
    for (const twice of [false, true]) {
      expect(await gradient(divide, used, twice)).toEqual(await gradient(slices, used, twice));
    }
  },
);

it('joins the gradients: no padding, no addition', async () => {
  const x = device.randn([4, 6, 5], { seed: 1 }).requireGrad();
  const parts = split(x, SIZES, { axis: 1 });
  const total = parts.map((part) => sum(part)).reduce((a, b) => device.add(a, b));
  const { kernels } = await device.time(() => grad(total, [x]));
  const added = kernels.filter(({ label }) => label.startsWith('binary'));
  expect(added).toEqual([]);
});

it('refuses sizes that do not add up', () => {
  const x = device.zeros([4, 6]);
  expect(() => split(x, [3, 2], { axis: 1 })).toThrow(
    'split: the sizes [3, 2] do not add up to axis 1 of [4, 6]',
  );
});
