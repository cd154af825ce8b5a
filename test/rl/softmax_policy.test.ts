// The softmax policy of the simplex picture: scores by hand and by autodiff, and what a baseline changes.

import { expect, test } from 'vitest';
import { logSoftmax } from '../../src/ops/softmax.ts';
import { slice } from '../../src/ops/view.ts';
import { actionScores, expectedGradient, softmaxOf } from '../../src/rl/softmax_policy.ts';
import { grad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';

const LOGITS = [0.3, -1.2, 0.8];

test('B4 the score of action j is e_j - sm(z), as autodiff has it; weighted by p the scores sum to 0', async () => {
  const p = softmaxOf(LOGITS);
  const scores = actionScores(p);
  const z = device.tensor(LOGITS).requireGrad();
  for (const [j, score] of scores.entries()) {
    const [dz] = grad(slice(logSoftmax(z), { start: [j], end: [j + 1] }), [z]);
    const found = await dz!.data();
    for (const [i, x] of score.entries()) expect(found[i]).toBeCloseTo(x, 6);
    expect(score.reduce((sum, x) => sum + x, 0)).toBeCloseTo(0, 12); // ⟂ (1, 1, 1)
  }
  for (const i of p.keys())
    expect(scores.reduce((sum, score, j) => sum + p[j]! * score[i]!, 0)).toBeCloseTo(0, 12);
});

test('B3 a constant added to the logits changes nothing, also where exp would overflow', () => {
  expect(softmaxOf(LOGITS.map((z) => z + 1e4))).toEqual(
    softmaxOf(LOGITS).map((p) => expect.closeTo(p, 12)),
  );
  expect(softmaxOf([1e4, 0, -1e4])).toEqual([1, 0, 0]);
});

test('a baseline does not change the expected gradient, p ∘ (A - mean A), and can change its variance a lot', () => {
  const p = softmaxOf(LOGITS);
  const advantages = [10, 11, 12];
  const value = p.reduce((sum, pj, j) => sum + pj * advantages[j]!, 0);
  const plain = expectedGradient(p, advantages);
  const centred = expectedGradient(p, advantages, value);
  for (const [i, pi] of p.entries()) {
    expect(plain.mean[i]).toBeCloseTo(pi * (advantages[i]! - value), 12);
    expect(centred.mean[i]).toBeCloseTo(plain.mean[i]!, 12);
  }
  expect(centred.variance).toBeLessThan(plain.variance / 50);
  // By its definition, over the three actions.
  const terms = actionScores(p).map((u, j) => u.map((x) => advantages[j]! * x));
  const square = terms.reduce((s, t, j) => s + p[j]! * t.reduce((r, x) => r + x * x, 0), 0);
  const norm = plain.mean.reduce((s, x) => s + x * x, 0);
  expect(plain.variance).toBeCloseTo(square - norm, 9);
});
