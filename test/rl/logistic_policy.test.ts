// The lecture's policy of two parameters: its scores, its example, and its seven rows.

import { describe, expect, test } from 'vitest';
import { add, mul } from '../../src/ops/binary.ts';
import { sum } from '../../src/ops/reduce.ts';
import {
  gradientTerms,
  LECTURE_SAMPLES,
  logisticLogProb,
  type SideSample,
  sideProbability,
  sideScore,
} from '../../src/rl/logistic_policy.ts';
import { pgLoss } from '../../src/rl/policy_gradient.ts';
import { grad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';

/** Σ weight ln P(action | x), and its gradient by (w, b), on the device. */
async function onDevice(samples: readonly SideSample[], policy: { w: number; b: number }) {
  const w = device.tensor([policy.w]).requireGrad();
  const b = device.tensor([policy.b]).requireGrad();
  const x = device.tensor(samples.map((each) => each.x));
  const actions = device.tensor(samples.map(({ action }) => (action === 'R' ? 1 : 0)));
  const logProb = logisticLogProb(add(mul(x, w), b), actions);
  const gradient = async (weights: readonly number[]) => {
    const [dw, db] = grad(pgLoss(logProb, device.tensor(weights)), [w, b]);
    return [-(await dw!.item()), -(await db!.item())] as const;
  };
  return { logProb, gradient };
}

test('B5 the scores are P(other) (±x, ±1), by hand and by autodiff', async () => {
  for (const x of [-2, 0, 0.3, 3])
    for (const action of ['L', 'R'] as const) {
      const policy = { w: 0.7, b: -0.4 };
      const { logProb, gradient } = await onDevice([{ x, action, q: 0 }], policy);
      const [dw, db] = await gradient([1]);
      const [w, b] = sideScore(policy, x, action);
      expect(Math.abs(dw - w)).toBeLessThan(1e-6);
      expect(Math.abs(db - b)).toBeLessThan(1e-6);
      const p = Math.exp(await sum(logProb).item());
      expect(p).toBeCloseTo(sideProbability(policy, x, action), 6);
    }
});

test('B6 w = 2, b = 1: ∇ln P(L | x = 2) = P(R) (-2, -1), and P(R) is nearly 1', async () => {
  const policy = { w: 2, b: 1 };
  expect(sideProbability(policy, 2, 'R')).toBeCloseTo(0.993307149, 9);
  const [w, b] = sideScore(policy, 2, 'L');
  expect(w).toBeCloseTo(-1.986614298, 9);
  expect(b).toBeCloseTo(-0.993307149, 9);
  const { gradient } = await onDevice([{ x: 2, action: 'L', q: 0 }], policy);
  const [dw, db] = await gradient([1]);
  expect(dw).toBeCloseTo(-1.986614298, 5);
  expect(db).toBeCloseTo(-0.993307149, 5);
});

describe('B7 the seven rows at w = b = 0', () => {
  const start = { w: 0, b: 0 };
  const total = (terms: readonly (readonly [number, number])[]) =>
    terms.reduce(([w, b], [dw, db]) => [w + dw, b + db], [0, 0]);

  test('the two terms that the lecture prints, with baselines -11.5 and -11.4', () => {
    const terms = gradientTerms(start, LECTURE_SAMPLES.slice(0, 2), (_, i) => [-11.5, -11.4][i]!);
    for (const [i, want] of [
      [0, 2.25],
      [0.81, 2.7],
    ].entries())
      for (const [j, v] of want.entries()) expect(terms[i]![j]).toBeCloseTo(v, 12);
    const [w, b] = total(terms);
    expect(w).toBeCloseTo(0.81, 12);
    expect(b).toBeCloseTo(4.95, 12);
  });

  // The lecture does not print the rest of its baseline: these are ours, not its total.
  test.each([
    ['none', () => 0, 2.1, -7],
    ['constant -11.5', () => -11.5, 1.525, 10.25],
    ['the mean, -4', () => -4, 1.9, -1],
    ['v(x) = -11.5 + x/3', ({ x }: SideSample) => -11.5 + x / 3, 1.873333, 10.266667],
    ['-11.5 + row/10', (_: SideSample, row: number) => -11.5 + row / 10, 1.35, 9.9],
  ])('totals with the baseline %s', async (_, baseline, dw, db) => {
    const [w, b] = total(gradientTerms(start, LECTURE_SAMPLES, baseline));
    expect(w).toBeCloseTo(dw, 6);
    expect(b).toBeCloseTo(db, 6);
    const { gradient } = await onDevice(LECTURE_SAMPLES, start);
    const weights = LECTURE_SAMPLES.map((sample, i) => sample.q - baseline(sample, i));
    const [deviceW, deviceB] = await gradient(weights);
    expect(Math.abs(deviceW! - dw)).toBeLessThan(1e-5);
    expect(Math.abs(deviceB! - db)).toBeLessThan(1e-5);
  });
});
