// LoRA: what holds between it, the plain layer, the merged weight, and its two backwards.

import { expect, it } from 'vitest';
import { add, mul } from '../../src/ops/binary.ts';
import { linear } from '../../src/ops/linear.ts';
import { loraLinear } from '../../src/ops/lora.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { backward, grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';

const options = { alpha: 16, rank: 4 };

function layer(lead: readonly number[], outputs: number, inputs: number) {
  return {
    x: device.randn([...lead, inputs], { seed: 1 }).requireGrad(),
    weight: device.randn([outputs, inputs], { seed: 2 }),
    a: device.randn([4, inputs], { seed: 3 }).requireGrad(),
    b: device.randn([outputs, 4], { seed: 4 }).requireGrad(),
  };
}

async function expectSame(got: Tensor, want: Tensor, label: string) {
  expect(got.shape, label).toEqual(want.shape);
  const tolerance = { rtol: 1e-5, atol: 1e-3 };
  expectClose(await got.data(), Float64Array.from(await want.data()), tolerance, label);
}

const sizes: [readonly number[], number, number][] = [
  [[1], 1, 1],
  [[2, 3], 65, 33],
  [[130], 63, 31],
];

it.each(sizes)('x %j -> %i from %i: the update is that of the merged weight', async (...size) => {
  const { x, weight, a, b } = layer(...size);
  const merged = add(weight, mul(matmul(b, a), options.alpha / options.rank));
  await expectSame(loraLinear(x, weight, a, b, options), linear(x, merged), 'output');
});

it('b = 0 changes no bit of the plain layer', async () => {
  const { x, weight, a } = layer([7], 9, 5);
  const b = device.zeros([9, 4]);
  const y = await loraLinear(x, weight, a, b, options).data();
  expect(y).toEqual(await linear(x, weight).data());
});

it.each(sizes)('x %j -> %i from %i: fused and composed gradients agree', async (...size) => {
  const { x, weight, a, b } = layer(...size);
  const inputs = [x, weight.requireGrad(), a, b];
  const dy = device.randn([...size[0], size[1]], { seed: 5 });
  const gradients = (createGraph: boolean) =>
    grad(loraLinear(x, weight, a, b, options), inputs, { dy, createGraph });
  const [fused, composed] = [gradients(false), gradients(true)];
  for (const [i, name] of ['x', 'weight', 'a', 'b'].entries()) {
    await expectSame(fused[i]!, composed[i]!, `gradient of ${name}`);
  }
});

it('a frozen weight gets no gradient', async () => {
  const { x, weight, a, b } = layer([6], 8, 5);
  const dy = device.randn([6, 8], { seed: 6 });
  backward(loraLinear(x, weight, a, b, options), { dy });
  expect(a.grad!.shape).toEqual([4, 5]);
  expect(b.grad!.shape).toEqual([8, 4]);
  expect(weight.grad).toBeNull();
});

it('refuses factors whose rank is another one', () => {
  const { x, weight, a, b } = layer([6], 8, 5);
  expect(() => loraLinear(x, weight, a, b, { alpha: 16, rank: 8 })).toThrow(
    'loraLinear: a is [4, 5], expected [8, 5]',
  );
});
