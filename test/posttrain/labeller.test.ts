// The simulated labeller: what it prefers, how often it errs, and the ceiling that no judge of its labels can pass.

import { describe, expect, test } from 'vitest';
import {
  agreement,
  bayesCeiling,
  LABELLER_DEFAULTS,
  type LabellerSettings,
  labelPairs,
} from '../../src/posttrain/labeller.ts';
import { fillNormal } from '../../src/tensor/philox.ts';

const labeller = (changes: Partial<LabellerSettings> = {}) => ({
  ...LABELLER_DEFAULTS,
  ...changes,
});

const N = 20_000;
const scores = new Float64Array(2 * N);
fillNormal(scores, { seed: 5 });
const pairs = Array.from({ length: N }, (_, i) => [scores[2 * i]!, scores[2 * i + 1]!] as const);

/** The share of labels that name the better one, of those that name one. */
function agreeing(settings: LabellerSettings): number {
  const decided = labelPairs(pairs, settings).map((label, i) => ({ label, pair: pairs[i]! }));
  const named = decided.filter(({ label }) => label !== 'tie');
  const right = named.filter(({ label, pair: [a, b] }) => (label === 'A') === a > b);
  return right.length / named.length;
}

describe('I10 the ceiling of noisy labels', () => {
  test.each([0, 0.1, 0.2, 0.3, 0.4, 0.5])('is 1 - p at temperature 0, p = %d', (flips) => {
    expect(bayesCeiling(pairs, labeller({ flips }))).toBeCloseTo(1 - flips, 12);
    expect(agreeing(labeller({ flips }))).toBeCloseTo(1 - flips, 1);
    expect(Math.abs(agreeing(labeller({ flips })) - (1 - flips))).toBeLessThan(0.015);
  });

  test.each([0.5, 2])('is what is measured at temperature %d', (temperature) => {
    const settings = labeller({ temperature, flips: 0.1, threshold: 0.2 });
    expect(Math.abs(agreeing(settings) - bayesCeiling(pairs, settings))).toBeLessThan(0.015);
  });
});

test('I3 at temperature 1 it is Bradley-Terry: P(A ≻ B) = σ(0.8) = 0.689974, and P + P = 1', () => {
  const p = agreement(0.8, { temperature: 1, flips: 0 });
  expect(p).toBeCloseTo(0.689974, 6);
  const chosenA = (a: number, b: number) => {
    const same = Array.from({ length: N }, () => [a, b] as const);
    const labels = labelPairs(same, labeller({ temperature: 1 }));
    return labels.filter((label) => label === 'A').length / N;
  };
  expect(Math.abs(chosenA(0.8, 0) - p)).toBeLessThan(0.01);
  expect(Math.abs(chosenA(0.8, 0) + chosenA(0, 0.8) - 1)).toBeLessThan(0.02);
});

test('ties are the differences under the threshold, and equal answers are a coin', () => {
  const close = [
    [1, 1.1],
    [1, 2],
    [2, 1],
    [1, 1],
  ] as const;
  expect(labelPairs(close, labeller({ threshold: 0.2 }))).toEqual(['tie', 'B', 'A', 'tie']);
  expect(bayesCeiling(close, labeller({ threshold: 0.2, flips: 0.1 }))).toBeCloseTo(0.9, 12);
  expect(bayesCeiling(close, labeller())).toBeCloseTo((3 + 0.5) / 4, 12);
});

test('a label follows from its pair and the seed alone, and more flips keep the others', () => {
  const few = labelPairs(pairs.slice(0, 100), labeller({ flips: 0.1 }));
  const many = labelPairs(pairs, labeller({ flips: 0.1 }));
  expect(many.slice(0, 100)).toEqual(few);
  const later = labelPairs(pairs.slice(60, 100), labeller({ flips: 0.1 }), { first: 60 });
  expect(few.slice(60)).toEqual(later);
  const clean = labelPairs(pairs, labeller());
  const noisier = labelPairs(pairs, labeller({ flips: 0.3 }));
  const flipped = (labels: readonly string[]) => (i: number) => labels[i] !== clean[i];
  const [small, large] = [flipped(many), flipped(noisier)];
  expect(pairs.every((_, i) => !small(i) || large(i))).toBe(true);
  expect(labelPairs(pairs, labeller({ flips: 0.1, seed: 2 }))).not.toEqual(many);
});
