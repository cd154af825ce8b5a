// The over-optimisation experiment at its smallest: it runs from base to report, and its figure is of the right numbers.

import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { bestOfNKl } from '../../src/posttrain/best_of_n.ts';
import {
  OVEROPTIMISE_DEFAULTS,
  type OveroptimiseResults,
  overoptimiseExperiment,
} from '../../src/posttrain/overoptimise.ts';
import {
  methodsOf,
  overoptimiseReport,
  summarise,
} from '../../src/posttrain/overoptimise_report.ts';
import { device } from '../device.ts';

test('I9: gold and learned reward are followed from the base to the end, for PPO and best of n', async () => {
  const settings = {
    ...{
      seeds: [1],
      width: 16,
      layers: 1,
      baseSteps: 2,
      labels: 40,
      rewardEpochs: 1,
      rewardBatch: 9,
    },
    ...{
      betas: [0, 1],
      iterations: 4,
      answers: 8,
      epochs: 1,
      window: 2,
      prompts: 2,
      candidates: 4,
    },
  };
  const lines: string[] = [];
  const { result } = await runExperiment(device, overoptimiseExperiment, {
    settings,
    onProgress: ({ name, done, total }) => lines.push(`${done}/${total} ${name}`),
  });
  expect(lines).toEqual([
    '1/5 base',
    '2/5 reward-seed-1',
    '3/5 best-of-n-seed-1',
    '4/5 ppo-seed-1-beta-0',
    '5/5 ppo-seed-1-beta-1',
  ]);
  const { rewards, bestOf, ppo } = result!;
  expect(rewards[0]!.pairs).toBe(36);
  expect(bestOf[0]!.points.map(({ n }) => n)).toEqual([1, 2, 4]);
  expect(bestOf[0]!.points[0]!.gold).toBeCloseTo(0, 10);
  expect(bestOf[0]!.points[2]!.kl).toBe(bestOfNKl(4));
  expect(ppo.map(({ beta, points }) => [beta, points.map(({ step }) => step)])).toEqual([
    [0, [1, 3]],
    [1, [1, 3]],
  ]);
  const [point] = ppo[0]!.points;
  expect(Object.keys(point!.means)).toEqual(['learned', 'gold']);
  expect(point!.score).toBeCloseTo(point!.means.learned!, 10);
  const report = overoptimiseReport(result!, { ...OVEROPTIMISE_DEFAULTS, ...settings });
  expect(report.plots[0]!.series).toHaveLength(2 * 3);
});

test('gold is told in deviations of the base, as a mean over seeds', () => {
  const point = (kl: number, learned: number, gold: number) => ({
    ...{ step: 0, kl, score: learned, length: 1, finished: 1, distinct: 1, entropy: 1 },
    means: { learned, gold },
  });
  const curve = (seed: number, golds: readonly number[]) => ({
    ...{ seed, beta: 0, samples: [] },
    points: golds.map((gold, i) => point(4 * i, i, gold)),
  });
  const bestOf = [1, 2].map((seed) => ({
    ...{ seed, goldMean: seed, goldDeviation: 2 },
    points: [{ n: 1, kl: 0, learned: 0, gold: 0 }],
  }));
  const results: OveroptimiseResults = {
    rewards: [{ seed: 1, pairs: 10, accuracy: 0.8 }],
    bestOf,
    ppo: [curve(1, [1, 5, 3]), curve(2, [2, 8, 2])],
  };
  const settings = { ...OVEROPTIMISE_DEFAULTS, seeds: [1, 2], betas: [0] };
  expect(methodsOf(results, settings)[1]!.steps.map(({ gold }) => gold)).toEqual([
    [0, 0],
    [2, 3],
    [1, 0],
  ]);
  expect(summarise(results, settings)[1]).toMatchObject({
    ...{ name: 'PPO, β 0', kl: 8, learned: 2, gold: 0.5, best: { kl: 4, gold: 2.5 } },
  });
});
