import { expect, test } from 'vitest';
import { clipGradNorm } from '../../src/optim/clip.ts';
import { SGD } from '../../src/optim/sgd.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';

const SHAPES = [[7], [3, 65], [], [129], [40_000], [0]];

/** Parameters of value 0 with random gradients, and the gradients' norm in float64. */
async function withGradients(scale = 1) {
  const parameters: Tensor[] = [];
  let squares = 0;
  for (const [stream, shape] of SHAPES.entries()) {
    const gradient = device.randn(shape, { seed: 3, stream });
    const values = (await gradient.data()).map((x) => x * scale);
    for (const x of values) squares += x * x;
    const parameter = device.zeros(shape).requireGrad();
    parameter.grad = device.tensor(values, { shape });
    parameters.push(parameter);
  }
  return { parameters, norm: Math.sqrt(squares) };
}

test('the norm over all gradients is that of float64', async () => {
  const { parameters, norm } = await withGradients();
  const optimizer = new SGD(parameters, { lr: 1 });
  const got = await clipGradNorm(optimizer, 1).item();
  expect(Math.abs(got / norm - 1)).toBeLessThan(1e-6);
  expect(got).toBe(await clipGradNorm(optimizer, 1).item());
});

test('the next step, and no later one, takes gradients of norm maxNorm', async () => {
  const { parameters, norm } = await withGradients();
  const optimizer = new SGD(parameters, { lr: 1 });
  const gradient = Float64Array.from(await parameters[1]!.grad!.data());
  clipGradNorm(optimizer, 2);
  optimizer.step();
  const clipped = gradient.map((g) => (-g * 2) / norm);
  expectClose(await parameters[1]!.data(), clipped, { rtol: 1e-5, atol: 1e-8 }, 'clipped step');
  optimizer.step();
  const both = clipped.map((p, i) => p - gradient[i]!);
  expectClose(
    await parameters[1]!.data(),
    both,
    { rtol: 1e-5, atol: 1e-7 },
    'step without clipping',
  );
});

test('a norm below maxNorm leaves the gradients alone', async () => {
  const { parameters, norm } = await withGradients(1e-3);
  const optimizer = new SGD(parameters, { lr: 1 });
  const gradient = await parameters[0]!.grad!.data();
  clipGradNorm(optimizer, 2 * norm);
  optimizer.step();
  expect([...(await parameters[0]!.data())]).toEqual([...gradient].map((g) => -g));
});

test('a list of gradients is scaled in place', async () => {
  const { parameters, norm } = await withGradients();
  const gradients = parameters.map((p) => p.grad!);
  const before = Float64Array.from(await gradients[3]!.data());
  const got = await clipGradNorm(gradients, 0.5).item();
  expect(Math.abs(got / norm - 1)).toBeLessThan(1e-6);
  const scaled = before.map((g) => (g * 0.5) / norm);
  expectClose(await gradients[3]!.data(), scaled, { rtol: 1e-5, atol: 0 }, 'gradient');
});

test('gradients that are not finite leave the parameters as they are', async () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
    const parameter = device.tensor([1, 2]).requireGrad();
    parameter.grad = device.tensor([bad, 1]);
    const optimizer = new SGD([parameter], { lr: 1 });
    const norm = clipGradNorm(optimizer, 1);
    optimizer.step();
    expect([...(await parameter.data())]).toEqual([1, 2]);
    expect(Number.isFinite(await norm.item())).toBe(false);
  }
});

test('maxNorm has to be positive, and a list not empty', () => {
  expect(() => clipGradNorm([], 1)).toThrow(/no gradients/);
  expect(() => clipGradNorm([device.ones([1])], 0)).toThrow(/maxNorm is 0/);
});
