// The experiment with labels that are wrong, at its smallest: its cells, what it says of them, and that it is the same again.

import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import {
  type LabelNoiseResults,
  labelNoiseExperiment,
} from '../../src/posttrain/label_noise_experiment.ts';
import { summariseNoise } from '../../src/posttrain/label_noise_report.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

const SETTINGS = {
  baseSteps: 60,
  width: 32,
  flips: [0, 0.4],
  curveLabels: 16,
  temperatures: [1],
  labels: 32,
  heldOut: 16,
  seeds: [1],
};

test('I10 the cells of label-noise: no judge is above the ceiling, which is 1 - p', async () => {
  const folder = await openFolder(await temporaryFolder());
  const run = (resume: boolean) =>
    runExperiment(device, labelNoiseExperiment, { settings: SETTINGS, folder, resume });
  const { result } = await run(false);
  const { curve, uncertain } = result!;
  expect(curve.map(({ flips }) => flips)).toEqual([0, 0.4]);
  for (const { flips, ceiling, accuracy, truth } of curve) {
    expect(ceiling).toBeCloseTo(1 - flips, 12);
    // The luck of labels is averaged out: what agrees with the truth agrees with 1 - p of the labels.
    expect(accuracy).toBeCloseTo(truth * (1 - flips) + (1 - truth) * flips, 12);
  }
  expect(uncertain[0]!.ceiling).toBeGreaterThan(0.5);
  expect(uncertain[0]!.accuracy).toBeLessThan(uncertain[0]!.ceiling);
  expect(await folder.list('cells')).toEqual([
    'flips-0-seed-1.json',
    'flips-0.4-seed-1.json',
    'pairs.json',
    'temperature-1-seed-1.json',
  ]);
  await folder.remove('cells/flips-0.4-seed-1.json');
  expect((await run(true)).result).toEqual(result);
});

test('the summary is over seeds', () => {
  const cell = (seed: number, flips: number, accuracy: number) => ({
    ...{ seed, flips, accuracy, labels: 1, temperature: 0, ceiling: 1 - flips, truth: accuracy },
  });
  const results: LabelNoiseResults = {
    curve: [cell(1, 0, 0.8), cell(1, 0.1, 0.7), cell(2, 0, 0.9), cell(2, 0.1, 0.7)],
    uncertain: [cell(1, 0, 0.8), cell(2, 0, 0.8)],
  };
  const { curve, uncertain } = summariseNoise(results);
  expect(curve.map(({ flips, accuracy }) => [flips, accuracy])).toEqual([
    [0, 0.8500000000000001],
    [0.1, 0.7],
  ]);
  expect(uncertain[0]!.margin).toBe(0);
});
