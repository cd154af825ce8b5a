// KL divergences of policies against float64, with gradients by differences.

import { describe, expect, test } from 'vitest';
import { sum } from '../../src/ops/reduce.ts';
import { categorical, gaussian } from '../../src/rl/distributions.ts';
import { closedForm, divergence, frozen } from '../../src/rl/divergence.ts';
import { grad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';
import { softmaxOf } from '../reference/fisher.ts';
import { randomFor } from '../reference/random.ts';

const random = randomFor('divergence');
const [B, A] = [5, 4];
const close = { rtol: 1e-5, atol: 2e-6 };

const differences = (f: (x: Float64Array) => number, x: Float64Array) =>
  x.map((value, i) => {
    const moved = (by: number) => f(x.with(i, value + by) as Float64Array);
    return (moved(1e-6) - moved(-1e-6)) / 2e-6;
  });

const total = (values: Float64Array) => values.reduce((a, b) => a + b);

describe('of categorical policies', () => {
  const [p, q] = [random.normal([B, A]).data, random.normal([B, A]).data];
  const allowed = Float64Array.from({ length: B * A }, (_, i) => Number(i % A !== 2));

  /** Per row; an action that is not allowed has no part in it. */
  const reference = (p: Float64Array, q: Float64Array, mask?: Float64Array) =>
    Float64Array.from({ length: B }, (_, b) => {
      const row = (x: Float64Array) =>
        softmaxOf(x.subarray(b * A, (b + 1) * A).filter((_, a) => mask?.[b * A + a] !== 0));
      const [P, Q] = [row(p), row(q)];
      return total(P.map((x, a) => x * Math.log(x / Q[a]!)));
    });

  test.each([false, true])('mask %s', async (masked) => {
    const mask = masked ? allowed : undefined;
    const actionMask = mask && device.tensor(mask, { shape: [B, A], dtype: 'i32' });
    const logits = device.tensor(q, { shape: [B, A] }).requireGrad();
    const old = categorical(device.tensor(p, { shape: [B, A] }), actionMask);
    const kl = divergence(old, categorical(logits, actionMask));
    expectClose(await kl.data(), reference(p, q, mask), close, 'KL');
    const [got] = grad(sum(kl), [logits]);
    const want = differences((x) => total(reference(p, x, mask)), q);
    expectClose(await got!.data(), want, close, 'gradient');
  });
});

test('of Gaussian policies', async () => {
  const means = [random.normal([B, A]).data, random.normal([B, A]).data];
  const logStds = [random.normal([A], 0.5).data, random.normal([A], 0.5).data];
  const reference = (mean: Float64Array, logStd: Float64Array) =>
    Float64Array.from({ length: B }, (_, b) =>
      total(
        logStd.map((log, a) => {
          const [ps, qs] = [Math.exp(logStds[0]![a]!), Math.exp(log)];
          const apart = means[0]![b * A + a]! - mean[b * A + a]!;
          return log - logStds[0]![a]! + (ps ** 2 + apart ** 2) / (2 * qs ** 2) - 0.5;
        }),
      ),
    );
  const shape = { shape: [B, A] };
  const mean = device.tensor(means[1]!, shape).requireGrad();
  const logStd = device.tensor(logStds[1]!).requireGrad();
  const old = closedForm(gaussian(device.tensor(means[0]!, shape), device.tensor(logStds[0]!)));
  const kl = divergence(old, closedForm(gaussian(mean, logStd)));
  expectClose(await kl.data(), reference(means[1]!, logStds[1]!), close, 'KL');
  const [dMean, dLogStd] = grad(sum(kl), [mean, logStd]);
  const byMean = differences((x) => total(reference(x, logStds[1]!)), means[1]!);
  const byLogStd = differences((x) => total(reference(means[1]!, x)), logStds[1]!);
  expectClose(await dMean!.data(), byMean, close, 'dmean');
  expectClose(await dLogStd!.data(), byLogStd, { rtol: 1e-5, atol: 1e-5 }, 'dlogStd');
});

test('a frozen policy stays when its parameters move, and has no gradient', async () => {
  const logStd = device.zeros([A]).requireGrad();
  const policy = closedForm(gaussian(device.zeros([B, A]), logStd));
  const old = frozen(policy);
  logStd.write(new Float32Array(A).fill(1));
  // Of each dimension log σ_q - log σ_p + σ_p² / 2 σ_q² - ½ = 1 + e⁻² / 2 - ½.
  const want = new Float64Array(B).fill(A * (0.5 + Math.exp(-2) / 2));
  expectClose(await divergence(old, policy).data(), want, close, 'KL');
  expect(() => grad(sum(divergence(old, old)), [logStd])).toThrow();
});

test('a policy without a closed form is refused', () => {
  const { sample, mode, evaluate } = categorical(device.zeros([B, A]));
  expect(() => closedForm({ sample, mode, evaluate })).toThrow(
    'trust regions need a policy that is categorical or Gaussian',
  );
});
