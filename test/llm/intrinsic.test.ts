// The experiment on the intrinsic dimension, on tiny images, and what it gave on MNIST.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import {
  type IntrinsicResults,
  type IntrinsicSettings,
  intrinsicExperiment,
} from '../../src/llm/intrinsic_experiment.ts';
import { crossing, intrinsicReport, summariseIntrinsic } from '../../src/llm/intrinsic_report.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { tinyDigits, writeTinyDigits } from './digits_tiny.ts';

const settings: Partial<IntrinsicSettings> = {
  validation: 100,
  test: 200,
  shrink: 1,
  hidden: [8],
  dimensions: [2, 100],
  steps: 60,
  rates: [1e-2, 3e-2],
  batch: 32,
  seeds: [1],
};

test('H8 more dimensions learn more, the whole network most', async () => {
  const data = await temporaryFolder();
  await writeTinyDigits(data, tinyDigits(900));
  const names: string[] = [];
  const run = (changes = {}) =>
    runExperiment(device, intrinsicExperiment, {
      settings: { ...settings, data, ...changes },
      onProgress: ({ name }) => names.push(name),
    });
  const { result, settings: used } = await run();
  const D = 16 * 8 + 8 + 8 * 10 + 10;
  expect(names).toEqual(['seed-1-dimension-2', 'seed-1-dimension-100', `seed-1-dimension-${D}`]);
  expect(result!.parameters).toBe(D);
  const { dimensions } = summariseIntrinsic(result!, used);
  const [few, many, whole] = dimensions.map(({ mean }) => mean);
  expect(few!).toBeLessThan(many! - 0.1);
  expect(many!).toBeLessThan(whole! + 0.05);
  expect(intrinsicReport(result!, used).tables![0]!.rows).toHaveLength(3);
  await expect(run({ dimensions: [D] })).rejects.toThrow(
    `dimensions has ${D}; expected fewer than the network's ${D} parameters`,
  );
});

test('the crossing is that of the means, each with the rate that validation chose', () => {
  const cell = (dimension: number, tests: readonly number[], validations = [0.5, 0.6]) => ({
    seed: 1,
    dimension,
    runs: tests.map((test, i) => ({ rate: [1e-2, 3e-2][i]!, validation: validations[i]!, test })),
  });
  const results: IntrinsicResults = {
    parameters: 1000,
    cells: [cell(10, [0.9, 0.3]), cell(50, [0.1, 0.8]), cell(1000, [0.85, 0.1], [0.7, 0.6])],
  };
  const of = (dimensions: number[], { cells } = results) =>
    summariseIntrinsic(
      { ...results, cells },
      { ...intrinsicExperiment.defaults, dimensions, rates: [1e-2, 3e-2] },
    );
  const summary = of([50, 10]);
  expect(summary.dimensions.map(({ dimension, mean }) => [dimension, mean])).toEqual([
    [10, 0.3],
    [50, 0.8],
    [1000, 0.85],
  ]);
  expect(summary.threshold).toBeCloseTo(0.765, 12);
  expect(crossing(summary)).toBe('50 dimensions; 10 are too few');
  expect(crossing(of([10]))).toBe('more than 10 dimensions');
  expect(crossing(of([50]))).toBe('50 dimensions or fewer');
});

test('H8 MNIST: 400 of 13,258 dimensions give 90 % of the whole network', () => {
  const file = readFileSync('bench/results/intrinsic-dimension.json', 'utf8');
  const { settings, parameters, cells, summary } = JSON.parse(file);
  expect(settings).toEqual({ ...intrinsicExperiment.defaults, data: settings.data });
  const again = summariseIntrinsic({ parameters, cells }, settings);
  expect(again.dimensions).toEqual(summary);
  expect([again.below, again.reached, parameters]).toEqual([200, 400, 13_258]);
  const means = again.dimensions.map(({ mean }) => mean);
  expect([...means].sort((a, b) => a - b)).toEqual(means);
});
