import { describe, expect, it } from 'vitest';
import { cumsum } from '../../src/ops/cumsum.ts';
import { grad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';
import { randomIds } from './random_ids.ts';

describe('cumsum', () => {
  it('is exact for integers, in every layout of rows', async () => {
    for (const shape of [
      [1, 1],
      [3, 20],
      [2, 63],
      [2, 65],
      [1, 5000],
      [3, 40, 50],
    ]) {
      const x = randomIds(
        shape.reduce((a, b) => a * b),
        100,
      );
      const [cols, inner] = [shape[1]!, shape[2] ?? 1];
      const want = x.slice();
      for (let i = 0; i < x.length; i++) {
        if (Math.floor(i / inner) % cols > 0) want[i]! += want[i - inner]!;
      }
      const y = cumsum(device.tensor(x, { shape, dtype: 'i32' }), { axis: 1 });
      expect(await y.data()).toEqual(want);
    }
  });

  it('has the reversed sum as gradient, and the sum again as that one’s', async () => {
    const x = device.zeros([2, 100]).requireGrad();
    const dy = device
      .tensor(Float32Array.from(randomIds(200, 50)), { shape: [2, 100] })
      .requireGrad();
    const [dx] = grad(cumsum(x), [x], { dy, createGraph: true });
    const values = [...(await dy.data())];
    const want = values.map((_, i) => values.slice(i, i < 100 ? 100 : 200).reduce((a, b) => a + b));
    expect([...(await dx!.data())]).toEqual(want);
    const [ddy] = grad(dx!, [dy], { dy: dy.detach() });
    expect(await ddy!.data()).toEqual(await cumsum(dy).data());
  });
});
