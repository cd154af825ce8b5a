// Accuracy, margins and calibration of judged pairs.

import { expect, test } from 'vitest';
import { evaluatePairs } from '../../src/posttrain/reward_evaluation.ts';
import { fillNormal, fillUniform } from '../../src/tensor/philox.ts';

const judged = (d: number, weight = 1) => ({ chosen: d, rejected: 0, weight });

test('who is taken for the better one, by how much, and what that costs', () => {
  const found = evaluatePairs([judged(0.8), judged(-0.2), judged(0), judged(3, 0.5)]);
  expect(found.accuracy).toBe((1 + 0 + 0.5 + 0.5) / 4);
  expect(found.meanMargin).toBeCloseTo(0.9, 12);
  const nll = (d: number) => Math.log1p(Math.exp(-d));
  const tie = (nll(3) + nll(-3)) / 2;
  expect(found.loss).toBeCloseTo((nll(0.8) + nll(-0.2) + Math.LN2 + tie) / 4, 12);
  expect([found.leastReward, found.meanReward, found.mostReward]).toEqual([-0.2, 0.45, 3]);
});

test('the calibration of a bin is what was predicted and what came true', () => {
  const d = Math.log(0.82 / 0.18); // σ(d) = 0.82
  const pairs = [judged(d), judged(d), judged(d), judged(-d)];
  const { calibration, calibrationError } = evaluatePairs(pairs, { bins: 10 });
  expect(calibration).toHaveLength(1);
  expect(calibration[0]).toMatchObject({ from: 0.8, pairs: 4, observed: 0.75 });
  expect(calibration[0]!.predicted).toBeCloseTo(0.82, 12);
  expect(calibrationError).toBeCloseTo(0.07, 12);
});

test('who knows the odds is calibrated, who exaggerates is not', () => {
  const n = 20_000;
  const [differences, luck] = [new Float64Array(n), new Float64Array(n)];
  fillNormal(differences, { seed: 1 });
  fillUniform(luck, { seed: 2 });
  const pairsAt = (scale: number) =>
    Array.from(differences, (d, i) => {
      const first = luck[i]! < 1 / (1 + Math.exp(-d));
      return judged(scale * (first ? d : -d));
    });
  expect(evaluatePairs(pairsAt(1)).calibrationError).toBeLessThan(0.01);
  expect(evaluatePairs(pairsAt(4)).calibrationError).toBeGreaterThan(0.1);
  expect(evaluatePairs(pairsAt(4)).accuracy).toBe(evaluatePairs(pairsAt(1)).accuracy);
});
