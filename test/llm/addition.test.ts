// The addition experiment at a size of seconds, and its kept run.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { type AdditionResult, additionExperiment } from '../../src/llm/addition_experiment.ts';
import { device } from '../device.ts';

test('the same sums, written both ways, are asked for while the model learns and at the end', async () => {
  const lines: string[] = [];
  const { result } = await runExperiment(device, additionExperiment, {
    settings: {
      ...{ digits: 2, examples: 500, heldOut: 40, watched: 20, evaluateEvery: 10, seeds: [1] },
      ...{ layers: 1, heads: 2, width: 16, hidden: 32, steps: 20, batch: 16, learningRate: 0.01 },
    },
    onProgress: ({ name, line }) => lines.push(`${name}: ${line}`),
  });
  expect(lines[0]).toMatch(/^reversed-seed-1: \d+\.\d % exact$/);
  expect(lines[1]).toMatch(/^plain-seed-1: \d+\.\d % exact$/);
  for (const { curve, places, exact } of result!.results) {
    expect(curve.map(({ step }) => step)).toEqual([10, 20]);
    expect(places).toHaveLength(3);
    expect(exact).toBeLessThanOrEqual(Math.min(...places));
  }
});

test('the kept run: 200,000 parameters and 10,000 examples add in reverse, 99 % of held-out sums exactly', () => {
  const kept = JSON.parse(readFileSync('bench/results/addition.json', 'utf8'));
  const results: readonly AdditionResult[] = kept.results;
  expect(kept.settings).toMatchObject({ digits: 3, examples: 10000, heldOut: 1000 });
  const reversed = results.filter((each) => each.reversed);
  expect(reversed.map(({ seed }) => seed)).toEqual([1, 2, 3]);
  for (const { parameters, exact } of reversed) {
    expect(parameters).toBe(200736);
    expect(exact).toBeGreaterThanOrEqual(0.99);
  }
});
