// linear with bias, activation and residual: what one kernel gives equals the ops one after the other, for every
// variant of the product, with and without gradients.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChoiceTable } from '../../src/gpu/choices.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { cast } from '../../src/ops/copy.ts';
import { Device } from '../../src/ops/device.ts';
import { type LinearOptions, linear } from '../../src/ops/linear.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { sum } from '../../src/ops/reduce.ts';
import { gelu, relu, silu } from '../../src/ops/unary.ts';
import { slice } from '../../src/ops/view.ts';
import { grad, noGrad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { expectClose } from '../reference/close.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.destroy());

const ACTIVATIONS = {
  relu,
  gelu,
  geluTanh: (x: Tensor) => gelu(x, { approximate: 'tanh' }),
  silu,
};
const NAMES = Object.keys(ACTIVATIONS) as (keyof typeof ACTIVATIONS)[];

/** y by separate ops. */
function composed(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  { activation, residual }: LinearOptions,
) {
  const affine = add(matmul(x, weight, { transposeB: true }), bias);
  const y = activation ? ACTIVATIONS[activation](affine) : affine;
  return residual ? add(y, residual) : y;
}

const normal = (shape: number[], seed: number) => device.randn(shape, { seed });
const inputs = (M: number, N: number, K: number) => ({
  x: normal([M, K], 1),
  weight: normal([N, K], 2),
  bias: normal([N], 3),
  residual: normal([M, N], 4),
});

async function expectSame(got: Tensor, want: Tensor, label: string) {
  expect(got.shape, label).toEqual(want.shape);
  const values = Float64Array.from(await want.data());
  expectClose(await got.data(), values, { rtol: 1e-5, atol: 1e-4 }, label);
}

const PINS: readonly ChoiceTable[] = [
  { matmul: { '*': 'broadcast' }, matmulSplit: { '*': 'whole' } },
  { matmul: { '*': 'rows' }, matmulSplit: { '*': 'whole' } },
  { matmul: { '*': 'vectors' }, matmulSplit: { '*': 'whole' } },
  { matmul: { '*': 'tiles' }, matmulSplit: { '*': 'whole' } },
  { matmul: { '*': 'tiles128' }, matmulSplit: { '*': 'whole' } },
  { matmulSplit: { '*': 'split' } },
];

describe.each(PINS)('%j', (pins) => {
  it.each(NAMES)('%s of product and bias, and a residual', async (activation) => {
    device.gpu.choices.pin(pins);
    const K = pins.matmul?.['*'] === 'vectors' ? 516 : 513;
    const { x, weight, bias, residual } = inputs(21, 67, K);
    const options = { activation, residual };
    await expectSame(
      linear(x, weight, bias, options),
      composed(x, weight, bias, options),
      activation,
    );
  });

  it('takes a bias and a residual that are views', async () => {
    device.gpu.choices.pin(pins);
    const { x, weight } = inputs(21, 67, 513);
    const bias = slice(normal([70], 5), { start: [3], end: [70] });
    const residual = slice(normal([21, 80], 6), { start: [0, 5], end: [21, 72] });
    const options = { residual };
    await expectSame(
      linear(x, weight, bias, options),
      composed(x, weight, bias, options),
      'from views',
    );
  });
});

it.each([undefined, ...NAMES])(
  'gradients with activation %s and a residual',
  async (activation) => {
    const given = Object.values(inputs(9, 12, 7)).map((each) => each.requireGrad());
    const [x, weight, bias, residual] = given as [Tensor, Tensor, Tensor, Tensor];
    const dy = normal([9, 12], 7);
    const options = activation ? { activation, residual } : { residual };
    const got = grad(linear(x, weight, bias, options), given, { dy });
    const want = grad(composed(x, weight, bias, options), given, { dy });
    for (const [i, each] of got.entries()) await expectSame(each!, want[i]!, `gradient ${i}`);
  },
);

it("ReLU's gradients come from its result, also twice", async () => {
  const given = Object.values(inputs(9, 12, 7)).slice(0, 3);
  const [x, weight, bias] = given.map((each) => each.requireGrad()) as [Tensor, Tensor, Tensor];
  const dy = normal([9, 12], 7).requireGrad();
  const weights = [normal([9, 7], 8), normal([12, 7], 9), normal([12], 10)];
  for (const createGraph of [false, true]) {
    const of = (y: Tensor) => {
      const first = grad(y, [x, weight, bias], { dy, createGraph });
      if (!createGraph) return first;
      const total = first.map((each, i) => sum(mul(each!, weights[i]!))).reduce(add);
      return [...first, ...grad(total, [x, weight, dy])];
    };
    const got = of(linear(x, weight, bias, { activation: 'relu' }));
    const want = of(composed(x, weight, bias, { activation: 'relu' }));
    for (const [i, each] of got.entries()) await expectSame(each!, want[i]!, `gradient ${i}`);
  }
});

it('takes one launch without gradients, and with them a second one for activations but ReLU', () => {
  const { x, weight, bias, residual } = inputs(9, 12, 7);
  let launches = 0;
  const dispatch = device.gpu.dispatch.bind(device.gpu);
  device.gpu.dispatch = (each) => {
    launches++;
    dispatch(each);
  };
  const count = (fn: () => Tensor) => {
    launches = 0;
    fn();
    return launches;
  };
  expect(count(() => linear(x, weight, bias, { activation: 'relu' }))).toBe(1);
  expect(count(() => linear(x, weight, bias, { residual }))).toBe(1);
  weight.requireGrad();
  expect(count(() => linear(x, weight, bias, { activation: 'relu' }))).toBe(1);
  expect(count(() => linear(x, weight, bias, { activation: 'silu' }))).toBe(2);
  expect(count(() => noGrad(() => linear(x, weight, bias, { activation: 'relu' })))).toBe(1);
  device.gpu.dispatch = dispatch;
});

it('the gradient that waits at x is added by the kernel of dx', async () => {
  const { x, weight } = inputs(9, 12, 7);
  const other = normal([12, 7], 8);
  const given = [x, weight, other].map((each) => each.requireGrad());
  const dy = normal([9, 12], 9);
  // Both products read the same computed tensor, in the middle of the graph.
  const both = (product: (x: Tensor, weight: Tensor) => Tensor) => {
    const middle = relu(x);
    return grad(add(product(middle, weight), product(middle, other)), given, { dy });
  };
  const got = both((x, w) => linear(x, w));
  const want = both((x, w) => matmul(x, w, { transposeB: true }));
  for (const [i, each] of got.entries()) await expectSame(each!, want[i]!, `gradient ${i}`);
});

it('halves: bias and residual are read as halves, sums are made in f32', async () => {
  if (!device.features.has('shader-f16')) {
    expect(() => device.zeros([1], { dtype: 'f16' })).toThrow('shader-f16');
    return;
  }
  const halves = Object.values(inputs(9, 12, 64)).map((each) => cast(each, 'f16'));
  const [x, weight, bias, residual] = halves as [Tensor, Tensor, Tensor, Tensor];
  const [x32, weight32, bias32, residual32] = halves.map((each) => cast(each, 'f32')) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const got = await linear(x, weight, bias, { residual }).data();
  const want = await composed(x32, weight32, bias32, { residual: residual32 }).data();
  expectClose(got, Float64Array.from(want), { rtol: 1e-3, atol: 1e-3 }, 'y');
});

it('refuses a residual of another shape', () => {
  const { x, weight, bias } = inputs(9, 12, 7);
  expect(() => linear(x, weight, bias, { residual: device.zeros([12]) })).toThrow(
    'linear: residual is [12], expected [9, 12]',
  );
});
