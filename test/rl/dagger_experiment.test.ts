// The experiment of cloning, DAgger and the warm start: a tiny one as a whole, and the numbers of the real one.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import {
  type DaggerExperimentSettings,
  type DaggerResults,
  daggerExperiment,
} from '../../src/rl/dagger_experiment.ts';
import { summarise } from '../../src/rl/dagger_report.ts';
import { device } from '../device.ts';

test('a tiny one: every policy from as many labels, PPO from the clone and from scratch', async () => {
  const settings = {
    rounds: 2,
    labels: 8,
    epochs: 1,
    hidden: [8],
    seeds: [1],
    evaluationEpisodes: 2,
    warmEnvironment: 'CartPole-v1',
    noisyLabels: 64,
    noisyEpochs: 1,
    warmSeeds: [1],
    threshold: 475,
    mostSteps: 512,
  };
  const told: string[] = [];
  const { result } = await runExperiment(device, daggerExperiment, {
    settings,
    onProgress: ({ done, total, name }) => told.push(`${done}/${total} ${name}`),
  });
  expect(told).toEqual([
    '1/6 seed-1-cloning',
    '2/6 seed-1-same-starts',
    '3/6 seed-1-dagger',
    '4/6 seed-1-clone',
    '5/6 seed-1-from-clone',
    '6/6 seed-1-from-scratch',
  ]);
  const { imitation, clones, starts } = result!;
  for (const { returns } of imitation) expect(returns.length).toBe(2);
  expect(clones[0]!.expert).toBeGreaterThan(20);
  expect(starts.map(({ steps, reached }) => [steps, reached])).toEqual([
    [512, false],
    [512, false],
  ]);
  expect(starts[0]!.curve.map(({ step }) => step)).toEqual([256, 512]);
  const page = daggerExperiment.report(result!, { ...daggerExperiment.defaults, ...settings });
  expect(page.plots[0]!.series.length).toBe(3);
});

const published = () => {
  const text = readFileSync('bench/results/dagger.json', 'utf8');
  return JSON.parse(text) as { settings: DaggerExperimentSettings; result: DaggerResults };
};

test('D3 in the published run DAgger is better than cloning one demonstration, p below 0.05, and at 475 or more', () => {
  const { settings, result } = published();
  expect(settings.seeds.length).toBe(10);
  const { dagger, p } = summarise(result);
  expect(dagger.mean).toBeGreaterThanOrEqual(475);
  expect(p).toBeLessThan(0.05);
});

test('D4 in the published run clones are no better than their noisy experts, and PPO from them is', () => {
  const { settings, result } = published();
  const { noisyExpert, noisyClone } = summarise(result);
  expect(noisyClone.mean).toBeLessThanOrEqual(noisyExpert.mean + noisyExpert.margin);
  expect(settings.threshold).toBeGreaterThan(noisyExpert.mean + noisyExpert.margin);
  for (const start of result.starts) if (start.from === 'clone') expect(start.reached).toBe(true);
});

test('D5 in the published run PPO takes fewer steps from a clone than from scratch, p below 0.05', () => {
  const { fromClone, fromScratch, pScratch } = summarise(published().result);
  expect(fromClone.mean).toBeLessThan(fromScratch.mean);
  expect(pScratch).toBeLessThan(0.05);
});
