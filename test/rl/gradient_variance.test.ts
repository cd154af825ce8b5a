// The probe of gradient variance, by hand; and the experiment that uses it, at a tiny size.

import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { discrete } from '../../src/rl/environment.ts';
import type { PlayedEpisode } from '../../src/rl/episodes.ts';
import { ALSO_MEASURED, CHOICES } from '../../src/rl/estimator_choices.ts';
import { estimatorsExperiment } from '../../src/rl/estimators_experiment.ts';
import { areaText, ratioText, summarise } from '../../src/rl/estimators_report.ts';
import { gradientVariance } from '../../src/rl/gradient_variance.ts';
import { MlpActorCritic } from '../../src/rl/networks.ts';
import { device } from '../device.ts';

test('B13 the variance over batches, summed over parameters: two batches by hand', async () => {
  const spaces = { observationSpace: discrete(1), actionSpace: discrete(2) };
  const model = new MlpActorCritic(device, spaces, { seed: 1, hidden: [] });
  const { weight, bias } = model.actor.layers[0]!;
  weight.write([0, 0]); // π = (1/2, 1/2)
  const pull = (action: number, reward: number): PlayedEpisode => ({
    copy: 0,
    observations: [Float32Array.of(1)],
    actions: [Int32Array.of(action)],
    masks: [],
    rewards: [reward],
    truncated: false,
  });
  const batches = [[pull(0, 1)], [pull(1, 3)]];
  const found = await gradientVariance(device, model, [{}, { baseline: 'ema', average: 2 }], {
    batches,
    spaces,
    parameters: [weight, bias!],
  });
  // Of the loss, by both logits, once for the weights and once for the biases: G (π - [a]).
  //   no baseline  1 (-½, ½) and 3 (½, -½): half the squared distance is ½ (2² + 2²), twice
  //   baseline 2  -1 (-½, ½) and 1 (½, -½): no distance
  expect(found[0]!.variance).toBeCloseTo(8, 5);
  expect(found[0]!.squaredMean).toBeCloseTo(2 * (0.5 ** 2 + 0.5 ** 2), 5);
  expect(found[1]!.variance).toBeCloseTo(0, 5);
  await expect(
    gradientVariance(device, model, [{}], { batches: [batches[0]!], spaces }),
  ).rejects.toThrow('1 batches, expected at least 2');
  model.dispose();
});

test('the experiment: a cell per seed and estimate, and all of them in the table', async () => {
  const settings = {
    seeds: [1, 2],
    steps: 60,
    episodes: 2,
    warmupBatches: 1,
    varianceBatches: 4,
    fittingEpisodes: 4,
    fittingSteps: 2,
  };
  const { result } = await runExperiment(device, estimatorsExperiment, { settings });
  const { variances, learning } = result!;
  expect(learning.map(({ seed, label }) => [seed, label])).toEqual(
    [1, 2].flatMap((seed) => CHOICES.map(({ label }) => [seed, label])),
  );
  for (const { curve, area } of learning) {
    expect(curve.at(-1)![0]).toBeGreaterThanOrEqual(60);
    expect(area).toBeGreaterThan(8);
  }
  expect(variances[0]!.variances[1]!).toBeLessThan(variances[0]!.variances[0]!);
  const rows = summarise(result!);
  expect(rows.map(({ label }) => label)).toEqual(
    [...CHOICES, ...ALSO_MEASURED].map(({ label }) => label),
  );
  expect(ratioText(rows[0]!)).toBe('1.000');
  expect(areaText(rows[0]!)).toMatch(/^[\d.]+ ± [\d.]+$/);
  expect(areaText(rows.at(-1)!)).toBe('');
});
