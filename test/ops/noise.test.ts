// Gaussian noise: the normals of the one mapping, new ones at every step, replayed steps included.

import { expect, test } from 'vitest';
import { mul } from '../../src/ops/binary.ts';
import { gaussianNoise } from '../../src/ops/noise.ts';
import { permute } from '../../src/ops/view.ts';
import { fillNormal } from '../../src/tensor/philox.ts';
import { grad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';

/** x + std N(0, 1) in float64. */
function reference(
  x: ArrayLike<number>,
  std: number,
  draw: { seed: number; stream: number; step: number },
) {
  const normals = new Float64Array(x.length);
  fillNormal(normals, draw);
  return normals.map((normal, i) => x[i]! + std * normal);
}

function expectNear(got: ArrayLike<number>, want: Float64Array) {
  for (const [i, value] of want.entries()) expect(Math.abs(got[i]! - value)).toBeLessThan(2e-6);
}

test.each([1, 3, 63, 64, 65, 1000])(
  '%i elements are those of the float64 reference',
  async (size) => {
    const x = device.randn([size], { seed: 4 });
    device.beginStep(7, 5);
    const [first, second] = [gaussianNoise(x, { std: 0.5 }), gaussianNoise(x, { std: 0.5 })];
    const values = await x.data();
    expectNear(await first.data(), reference(values, 0.5, { seed: 7, stream: 0, step: 5 }));
    expectNear(await second.data(), reference(values, 0.5, { seed: 7, stream: 1, step: 5 }));
  },
);

test('reads a view by its elements in order', async () => {
  const x = permute(device.randn([5, 7], { seed: 4 }), [1, 0]);
  device.beginStep(1, 0);
  const noisy = await gaussianNoise(x, { std: 2 }).data();
  expectNear(noisy, reference(await x.data(), 2, { seed: 1, stream: 0, step: 0 }));
});

test('a replayed step draws anew, and the same for the same seed and step', async () => {
  const x = device.zeros([100]);
  device.beginStep(1, 0);
  const step = device.capture(() => gaussianNoise(x, { std: 1 }));
  const draws: Float32Array[] = [];
  for (const number of [0, 1, 0]) {
    device.beginStep(1, number);
    draws.push(Float32Array.from(await step().data()));
  }
  expect(draws[1]).not.toEqual(draws[0]);
  expect(draws[2]).toEqual(draws[0]);
  step.dispose();
});

test('the gradient passes as it is, twice', async () => {
  const x = device.randn([6], { seed: 1 }).requireGrad();
  const dy = device.randn([6], { seed: 2 }).requireGrad();
  const [dx] = grad(gaussianNoise(x, { std: 1 }), [x], { dy, createGraph: true });
  expect(await dx!.data()).toEqual(await dy.data());
  const w = device.randn([6], { seed: 3 });
  const [ddy] = grad(mul(dx!, w), [dy], { dy: device.ones([6]) });
  expect(await ddy!.data()).toEqual(await w.data());
});

test('no noise is x itself; a std below 0, or of another kind, is refused', () => {
  const x = device.zeros([4]);
  expect(gaussianNoise(x, { std: 0 })).toBe(x);
  for (const std of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => gaussianNoise(x, { std })).toThrow(`gaussianNoise: std is ${std}`);
  }
  expect(() => gaussianNoise(device.zeros([4], { dtype: 'i32' }), { std: 1 })).toThrow(
    'gaussianNoise: x is i32',
  );
});
