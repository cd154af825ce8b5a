// The natural gradient against a dense float64 Fisher matrix, and what its steps promise.

import { beforeAll, describe, expect, test } from 'vitest';
import { add, mul, sub } from '../../src/ops/binary.ts';
import { linear } from '../../src/ops/linear.ts';
import { mean, sum } from '../../src/ops/reduce.ts';
import { logSoftmax } from '../../src/ops/softmax.ts';
import { exp, tanh } from '../../src/ops/unary.ts';
import {
  conjugateGradient,
  fisherVectorProduct,
  flatten,
  naturalStep,
  normalisedStep,
  unflatten,
} from '../../src/rl/natural_gradient.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';
import {
  fisher,
  inner,
  logitsOf,
  meanKl,
  type SmallPolicy,
  shapesOf,
  softmaxOf,
  solve,
  times,
} from '../reference/fisher.ts';
import { randomFor } from '../reference/random.ts';

const policy: SmallPolicy = { inputs: 3, hidden: 4, actions: 3 };
const random = randomFor('natural gradient');
const states = Array.from({ length: 20 }, () => random.normal([policy.inputs]).data);
const theta = random.normal([31], 0.7).data;
const F = fisher(policy, theta, states);
/** Like every gradient of an expectation under the policy, it is 0 along what the policy does not feel. */
const g = times(F, random.normal([31]).data);
const damped = (damping: number) => F.map((row, i) => row.with(i, row[i]! + damping));

let observations: Tensor;
beforeAll(async () => {
  const rows = states.flatMap((state) => [...state]);
  observations = device.tensor(rows, { shape: [states.length, policy.inputs] });
});

const parametersOf = (values: Float64Array): Tensor[] =>
  unflatten(device.tensor(values), shapesOf(policy)).map((x) => device.copy(x).requireGrad());

const logPolicy = ([W1, b1, W2, b2]: readonly Tensor[]): Tensor =>
  logSoftmax(linear(tanh(linear(observations, W1!, b1)), W2!, b2));

/** The mean of KL(π_old ‖ π), at π_old. */
function klOf(parameters: readonly Tensor[]): Tensor {
  const logPi = logPolicy(parameters);
  const old = logPi.detach();
  return mean(sum(mul(exp(old), sub(old, logPi)), { axis: -1 }));
}

const productAt = (values: Float64Array, damping = 0) => {
  const parameters = parametersOf(values);
  return fisherVectorProduct(klOf(parameters), parameters, { damping });
};

const largest = (values: Float64Array) => Math.max(...values.map(Math.abs));

/** Within a share of the largest element. */
async function expectWithin(got: Tensor, want: Float64Array, share: number, label: string) {
  expectClose(await got.data(), want, { rtol: 0, atol: share * largest(want) }, label);
}

describe('C8 the Fisher matrix', () => {
  test('times a vector, by second derivatives, is that of the dense matrix, with and without damping', async () => {
    for (const damping of [0, 0.1]) {
      const product = productAt(theta, damping);
      for (const v of [g, random.normal([31]).data])
        await expectWithin(product(device.tensor(v)), times(damped(damping), v), 1e-5, 'F v');
    }
  });

  test('a replayed product is the same to the bit, and follows its vector', async () => {
    const parameters = parametersOf(theta);
    const v = device.tensor(g);
    const make = () => fisherVectorProduct(klOf(parameters), parameters, { damping: 0.1 })(v);
    const step = device.capture(make);
    const other = random.normal([31]).data;
    v.write(other);
    const replayed = await step().data();
    expect(await make().data()).toEqual(replayed);
    await expectWithin(step(), times(damped(0.1), other), 1e-5, 'replayed');
  });

  test('conjugate gradients solve for F⁻¹g, and tell how far they are', async () => {
    const A = damped(0.01);
    const { x, residuals } = conjugateGradient(productAt(theta, 0.01), device.tensor(g), {
      iterations: 31,
    });
    await expectWithin(x, solve(A, g), 1e-4, 'x');
    const told = await residuals.data();
    expect(told).toHaveLength(32);
    expect(told[0]).toBeCloseTo(Math.sqrt(inner(g, g)), 6);
    expect(told[31]! / told[0]!).toBeLessThan(1e-5);
    // After few iterations they tell the distance of what they have.
    const few = conjugateGradient(productAt(theta, 0.01), device.tensor(g), { iterations: 4 });
    const Ax = times(A, Float64Array.from(await few.x.data()));
    const left = g.map((b, i) => b - Ax[i]!);
    expect((await few.residuals.data())[4]).toBeCloseTo(Math.sqrt(inner(left, left)), 5);
  });

  test('of a gradient of 0 the solution is 0', async () => {
    const zero = device.zeros([31]);
    const { x } = conjugateGradient(productAt(theta, 0.1), zero, { iterations: 10 });
    expect(Math.max(...(await x.data()).map(Math.abs))).toBe(0);
  });
});

describe('L3 the size of a step', () => {
  const DELTA = 1e-4;
  const moved = (step: Float64Array) => theta.map((value, i) => value + step[i]!);
  let step: Float64Array;
  let gain: number;
  beforeAll(async () => {
    const bound = { delta: DELTA, iterations: 20 };
    const found = naturalStep(productAt(theta, 1e-3), device.tensor(g), bound);
    step = Float64Array.from(await found.step.data());
    gain = await found.gain.item();
  });

  test('KL(π_old ‖ π) is ½ΔᵀFΔ, which the bound fixes', () => {
    const kl = meanKl(policy, theta, moved(step), states);
    expect(Math.abs(kl / (0.5 * inner(step, times(F, step))) - 1)).toBeLessThan(0.05);
    expect(Math.abs(kl / DELTA - 1)).toBeLessThan(0.05);
  });

  test('without the ½, as the lecture has it, the step uses half of its bound', () => {
    const short = step.map((value) => value * Math.SQRT1_2);
    expect(meanKl(policy, theta, moved(short), states) / DELTA).toBeLessThan(0.55);
  });

  test('no random step of the same ½ΔᵀFΔ gains more', () => {
    expect(gain).toBeCloseTo(inner(g, step), 6);
    const A = damped(1e-3);
    for (let i = 0; i < 200; i++) {
      const v = random.normal([31]).data;
      const scale = Math.sqrt((2 * DELTA) / inner(v, times(A, v)));
      expect(scale * inner(g, v)).toBeLessThan(gain);
    }
  });
});

test('C8 the policy that a natural step leads to does not depend on the scale of the parameters', async () => {
  /** π after a step on φ, where θ = s φ element by element: g and F are then s g and s F s, and the damping s λ s. */
  const policyAfter = async (scale: Float64Array) => {
    const phi = device.tensor(theta.map((value, i) => value / scale[i]!)).requireGrad();
    const parameters = unflatten(mul(phi, device.tensor(scale)), shapesOf(policy));
    const product = fisherVectorProduct(klOf(parameters), [phi], { damping: 0 });
    const damping = device.tensor(scale.map((s) => 1e-3 * s * s));
    const climbed = device.tensor(g.map((slope, i) => slope * scale[i]!));
    const { step } = naturalStep((v) => add(product(v), mul(v, damping)), climbed, {
      delta: 1e-3,
      iterations: 40,
    });
    const delta = await step.data();
    return policyAt(theta.map((value, i) => value + scale[i]! * delta[i]!));
  };
  const policyAt = (values: Float64Array) =>
    Float64Array.from(states.flatMap((state) => [...softmaxOf(logitsOf(policy, values, state))]));
  const [ones, scales] = [new Float64Array(31).fill(1), random.uniform([31], 0.3, 3).data];
  const [plain, scaled] = [await policyAfter(ones), await policyAfter(scales)];
  expectClose(scaled, plain, { rtol: 0, atol: 1e-4 }, 'the policy');
  const moved = policyAt(theta).map((p, i) => p - plain[i]!);
  expect(largest(moved)).toBeGreaterThan(0.02);
  // The plain gradient's step depends on it: Δθ = s Δφ = s² g.
  const byGradient = (scale: Float64Array) =>
    policyAt(theta.map((value, i) => value + scale[i]! ** 2 * g[i]!));
  const unscaled = byGradient(ones);
  expect(largest(byGradient(scales).map((p, i) => p - unscaled[i]!))).toBeGreaterThan(0.02);
});

test('C7 the step of length √ε along the gradient gains most among the steps of that length', async () => {
  const epsilon = 0.04;
  const step = Float64Array.from(await normalisedStep(device.tensor(g), epsilon).data());
  const length = Math.sqrt(inner(g, g));
  expectClose(
    step,
    g.map((x) => (Math.sqrt(epsilon) * x) / length),
    { rtol: 1e-6, atol: 0 },
    'Δ',
  );
  for (let i = 0; i < 200; i++) {
    const v = random.normal([31]).data;
    const other = (Math.sqrt(epsilon) * inner(g, v)) / Math.sqrt(inner(v, v));
    expect(other).toBeLessThan(inner(g, step));
  }
});

test('a flat vector is its parts in order', async () => {
  const parts = unflatten(device.tensor(theta), shapesOf(policy));
  expect(parts.map(({ shape }) => [...shape])).toEqual(shapesOf(policy));
  expect([...(await flatten(parts).data())]).toEqual([...Float32Array.from(theta)]);
});
