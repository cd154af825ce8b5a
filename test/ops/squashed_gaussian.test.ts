// The squashed Gaussian against float64: values, gradients by differences, from views, twice; and what it is a density of.

import { describe, expect, test } from 'vitest';
import { add, mul } from '../../src/ops/binary.ts';
import { gaussianNoise } from '../../src/ops/noise.ts';
import { mean, sum, variance } from '../../src/ops/reduce.ts';
import { squashedGaussian } from '../../src/ops/squashed_gaussian.ts';
import { square } from '../../src/ops/unary.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { map, type Ref, zeros } from '../reference/array.ts';
import { type Api, type OpReference, opCase } from '../reference/case.ts';
import { expectClose } from '../reference/close.ts';
import { slopes } from '../reference/differences.ts';
import { f32 } from '../reference/random.ts';
import { reduction } from '../reference/tolerance.ts';
import { softplusOf } from '../reference/unary.ts';
import { run } from './in_graph.ts';

const clampStd = (x: number) => Math.min(2, Math.max(-20, x));

type Inputs = { head: Ref; noise: Ref };

const reference: OpReference<Inputs, Record<never, never>, { action: Ref; logProb: Ref }> = {
  op: 'squashedGaussian',
  forward({ head, noise }) {
    const [N, A] = noise.shape as [number, number];
    const [action, logProb] = [zeros([N, A]), zeros([N])];
    noise.data.forEach((epsilon, i) => {
      const [n, j] = [Math.floor(i / A), i % A];
      const logStd = clampStd(head.data[2 * n * A + A + j]!);
      const u = head.data[2 * n * A + j]! + Math.exp(logStd) * epsilon;
      action.data[i] = Math.tanh(u);
      const logSlope = 2 * (Math.LN2 - u - softplusOf(-2 * u));
      logProb.data[n]! -= epsilon ** 2 / 2 + logStd + Math.log(2 * Math.PI) / 2 + logSlope;
    });
    return { action, logProb };
  },
  backward({ head, noise }, _attrs, { action: dAction, logProb: dLogProb }) {
    const A = noise.shape[1]!;
    const { action } = this.forward({ head, noise }, {});
    const dhead = map(head, (value, i) => {
      const [n, j] = [Math.floor(i / (2 * A)), i % (2 * A)];
      const at = n * A + (j % A);
      const [y, dl] = [action.data[at]!, dLogProb.data[n]!];
      const du = (1 - y ** 2) * dAction.data[at]! + 2 * y * dl;
      if (j < A) return du;
      return value === clampStd(value) ? Math.exp(value) * noise.data[at]! * du - dl : 0;
    });
    return { head: dhead };
  },
  tolerance: ({ noise }, _attrs, dout) => ({
    forward: reduction(4 * noise.shape[1]!, 20),
    backward: reduction(4, 4 * Math.max(1, dout)),
  }),
};

const random = (N: number, A: number) =>
  opCase(
    reference,
    `[${N}, ${A}]`,
    (random) => ({ head: random.normal([N, 2 * A]), noise: random.normal([N, A]) }),
    {},
  );

const cases = [
  ...[1, 3, 31, 64, 65, 257].map((N) => random(N, 1)),
  ...[1, 33, 128].map((N) => random(N, 3)),
  random(2, 17),
  random(0, 2),
  opCase(
    reference,
    'where tanh is flat, and log σ beyond its range',
    () => ({
      head: f32([9, -9, 0, 30, -3, 2.5, 100, -100, -1, 1e4, -25, 1e4, 0, 0, -19, 2], [4, 4]),
      noise: f32([0.5, -0.5, 0, 1, -0.1, 0.3, 1, -2], [4, 2]),
    }),
    {},
    { differences: false },
  ),
];

const api = { squashedGaussian } as unknown as Api<Tensor>;

describe.each(cases.map((each) => [each.name, each] as const))('%s', (_, each) => {
  test.each(['dense', 'view'] as const)('%s', async (layout) => {
    const { outputs, grads, atLeaf } = await run(device, api, each, layout);
    for (const [name, want] of Object.entries(each.outputs))
      expectClose(outputs[name]!.data, want.data, each.tolerance, name);
    const want = atLeaf.head!(each.grads!.head!);
    expectClose(grads.head!.data, want.data, each.gradTolerances.head!, 'dhead');
  });

  test('the reference agrees with differences, and the gradient by ops with the kernel', async () => {
    if (each.differences && each.inputs.noise!.data.length > 0) {
      const { differences, gradient } = slopes(each, 'head', each.grads!.head!);
      expectClose(gradient, differences, { rtol: 1e-6, atol: 1e-6 }, 'differences');
    }
    const head = device.tensor(each.inputs.head!.data, each.inputs.head!).requireGrad();
    const noise = device.tensor(each.inputs.noise!.data, each.inputs.noise!);
    const { action, logProb } = squashedGaussian(head, noise);
    const weight = (x: Ref) => device.tensor(x.data, { shape: x.shape });
    const total = add(
      sum(mul(action, weight(each.dout!.action!))),
      sum(mul(logProb, weight(each.dout!.logProb!))),
    );
    const [dhead] = grad(total, [head], { createGraph: true });
    const tolerance = each.gradTolerances.head!;
    expectClose(await dhead!.data(), each.grads!.head!.data, tolerance, 'composed');
  });
});

test('gives a gradient by either result alone', async () => {
  const each = cases[2]!;
  const head = device.tensor(each.inputs.head!.data, each.inputs.head!).requireGrad();
  const noise = device.tensor(each.inputs.noise!.data, each.inputs.noise!);
  for (const name of ['action', 'logProb'] as const) {
    const other = name === 'action' ? 'logProb' : 'action';
    const dout = { ...each.dout!, [other]: map(each.dout![other]!, () => 0) };
    const want = reference.backward!(each.inputs as unknown as Inputs, {}, dout as never).head!;
    const weight = device.tensor(each.dout![name]!.data, { shape: each.dout![name]!.shape });
    const [got] = grad(sum(mul(squashedGaussian(head, noise)[name], weight)), [head]);
    expectClose(await got!.data(), want.data, each.gradTolerances.head!, name);
  }
});

test('exp(logProb) is the density of the actions: it integrates to 1 over (-1, 1)', async () => {
  const [mean, logStd, steps] = [0.4, -0.3, 2000];
  const noise = Array.from({ length: steps }, (_, i) => {
    const action = -1 + (2 * (i + 0.5)) / steps;
    return (Math.atanh(action) - mean) / Math.exp(logStd);
  });
  const head = device.tensor(noise.map(() => [mean, logStd]));
  const { logProb } = squashedGaussian(head, device.tensor(noise, { shape: [steps, 1] }));
  const density = Array.from(await logProb.data(), Math.exp);
  expect((2 / steps) * density.reduce((a, b) => a + b)).toBeCloseTo(1, 3);
});

test('B23 the reparameterised gradient of E f is right, with less variance than the score function', async () => {
  // f(action) = action²: d/dmean E tanh²(mean + σε), by a fine sum over ε in float64.
  const [mu, logStd, N] = [0.5, -0.5, 65_536];
  const f = (m: number) => {
    let total = 0;
    let weights = 0;
    for (let z = -8; z <= 8; z += 1e-3) {
      const weight = Math.exp(-z * z * 0.5);
      total += weight * Math.tanh(m + Math.exp(logStd) * z) ** 2;
      weights += weight;
    }
    return total / weights;
  };
  const exact = (f(mu + 1e-4) - f(mu - 1e-4)) / 2e-4;
  device.beginStep(11, 0);
  const noise = gaussianNoise(device.zeros([N, 1]), { std: 1 });
  const head = device.tensor(Array.from({ length: N }, () => [mu, logStd])).requireGrad();
  const { action } = squashedGaussian(head, noise);
  const [dhead] = grad(sum(square(action)), [head]);
  const own = Array.from(await dhead!.data()).filter((_, i) => i % 2 === 0);
  // The score function's: f(action) d log π / d mean, where log π is that of the Gaussian before tanh: ε / σ.
  const score = mul(square(action.detach()), mul(noise, Math.exp(-logStd)));
  const ownMean = own.reduce((a, b) => a + b) / N;
  const ownVariance = own.reduce((total, g) => total + (g - ownMean) ** 2, 0) / N;
  const scoreVariance = await variance(score).item();
  expect(Math.abs(ownMean - exact)).toBeLessThan(4 * Math.sqrt(ownVariance / N));
  expect(Math.abs((await mean(score).item()) - exact)).toBeLessThan(
    4 * Math.sqrt(scoreVariance / N),
  );
  expect(scoreVariance).toBeGreaterThan(2 * ownVariance);
});

test('arguments that do not fit are refused', () => {
  const [head, noise] = [device.zeros([3, 4]), device.zeros([3, 2])];
  expect(() => squashedGaussian(head, device.zeros([3]))).toThrow('squashedGaussian: noise is [3]');
  expect(() => squashedGaussian(device.zeros([3, 3]), noise)).toThrow(
    'squashedGaussian: head is [3, 3], expected [3, 4]',
  );
  expect(() => squashedGaussian(device.zeros([3, 4], { dtype: 'i32' }), noise)).toThrow(
    'squashedGaussian: head is i32',
  );
});
