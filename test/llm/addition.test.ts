// Small models learn to add; the full size is `shadegrad addition`, its run in bench/results/addition.json.

import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { additionExperiment } from '../../src/llm/addition_experiment.ts';
import { Device } from '../../src/ops/device.ts';

test('two-digit sums in reverse: the digits are learned from the lowest up', async () => {
  const device = await Device.open({ announce: null });
  const lines: string[] = [];
  const { result } = await runExperiment(device, additionExperiment, {
    settings: {
      ...{ digits: 2, examples: 2000, heldOut: 100, watched: 50, evaluateEvery: 60, seeds: [1] },
      ...{ layers: 1, heads: 2, width: 32, hidden: 64, steps: 120, batch: 32, learningRate: 0.01 },
    },
    onProgress: ({ name, line }) => lines.push(`${name}: ${line}`),
  });
  const [reversed, plain] = result!.results;
  expect(lines[0]).toMatch(/^reversed-seed-1: \d+\.\d % exact$/);
  expect(lines[1]).toMatch(/^plain-seed-1: \d+\.\d % exact$/);
  for (const { curve, places } of [reversed!, plain!]) {
    expect(curve.map(({ step }) => step)).toEqual([60, 120]);
    expect(places).toHaveLength(3);
  }
  expect(reversed!.places[0]).toBeGreaterThan(0.9);
  expect(reversed!.exact).toBeGreaterThan(plain!.exact);
  device.destroy();
});
