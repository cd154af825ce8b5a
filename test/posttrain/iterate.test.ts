// Preferences in rounds, at a size at which little is learned: what a round is made of.

import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { iterateExperiment } from '../../src/posttrain/iterate.ts';
import { device } from '../device.ts';

test('I8 each round learns from the labels of all rounds before, and is told how right it is on what its policy writes', async () => {
  const settings = {
    ...{ seeds: [1], width: 16, layers: 1, baseSteps: 4, rounds: 2, labels: 40, rewardBatch: 10 },
    ...{ rewardEpochs: 1, iterations: 2, answers: 8, heldOut: 16 },
  };
  const { result } = await runExperiment(device, iterateExperiment, { settings });
  const [base, first, second] = result!.rounds;
  expect(base).toMatchObject({ round: 0, learnedFrom: 0, accuracy: null });
  expect(Math.abs(base!.kl)).toBeLessThan(1e-3);
  expect(first!.learnedFrom).toBe(base!.fresh.length);
  expect(second!.learnedFrom).toBe(base!.fresh.length + first!.fresh.length);
  const sequences = (round: typeof first) => round!.fresh.map(({ chosen }) => chosen.join());
  expect(sequences(first)).not.toEqual(sequences(base));
  for (const { accuracy } of [first!, second!]) {
    expect(accuracy).toBeGreaterThanOrEqual(0);
    expect(accuracy).toBeLessThanOrEqual(1);
  }
});
