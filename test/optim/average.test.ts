// Moving averages follow the parameters, in one dispatch, and stand in for them.

import { expect, test } from 'vitest';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Linear } from '../../src/nn/linear.ts';
import { substituted } from '../../src/nn/module.ts';
import { MovingAverage } from '../../src/optim/average.ts';
import { SGD } from '../../src/optim/sgd.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';

const layer = () => new Linear(new Initialiser(device, 3), 5, 7, { bias: true, std: 1 });
const values = async (x: Tensor) => Float64Array.from(await x.data());

test('begins as the parameters, and moves by τ of the way to them, also when it is replayed', async () => {
  const model = layer();
  const average = new MovingAverage(new SGD(model.namedParameters(), { lr: 1 }), { rate: 0.2 });
  const begin = await values(model.weight);
  expect(await values(average.tensors.get('weight')!)).toEqual(begin);
  const goal = begin.map((x, i) => Math.fround(x + i));
  model.weight.write(goal);
  const update = device.capture(() => average.update());
  update();
  update();
  const want = begin.map((x, i) => goal[i]! + 0.8 ** 3 * (x - goal[i]!));
  const got = await average.tensors.get('weight')!.data();
  expectClose(got, want, { rtol: 1e-6, atol: 1e-6 }, 'three steps');
  expect(await values(model.weight)).toEqual(goal);
});

test('stands in for the parameters of the module', async () => {
  const model = layer();
  const average = new MovingAverage(new SGD(model.namedParameters(), { lr: 1 }), { rate: 1 });
  const x = device.randn([2, 5], { seed: 1 });
  const before = await values(model.forward(x));
  model.weight.write(new Float32Array(35));
  const followed = substituted(model, average.tensors, () => model.forward(x));
  expect(await values(followed)).toEqual(before);
  average.update(); // τ = 1: a copy
  const now = substituted(model, average.tensors, () => model.forward(x));
  expect(await values(now)).toEqual(await values(model.forward(x)));
});

test('τ out of (0, 1] is refused', () => {
  const optimizer = new SGD(layer().parameters(), { lr: 1 });
  for (const rate of [0, -1, 1.5, Number.NaN])
    expect(() => new MovingAverage(optimizer, { rate })).toThrow(`MovingAverage: rate is ${rate}`);
});
