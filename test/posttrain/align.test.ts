// Three ways to a known reward, at a size at which little is learned: what is compared, and in which units.

import { expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { ALIGN_DEFAULTS, alignExperiment } from '../../src/posttrain/align_experiment.ts';
import { alignReport } from '../../src/posttrain/align_report.ts';
import { bestOfNKl } from '../../src/posttrain/best_of_n.ts';
import { device } from '../device.ts';

test('best of n, PPO and DPO answer the same held-out prompts; the curve is in the reward as it is', async () => {
  const settings = {
    ...ALIGN_DEFAULTS,
    ...{
      seeds: [1],
      width: 16,
      layers: 1,
      baseSteps: 8,
      heldOut: 16,
      bestOf: 4,
      rank: 2,
      rollouts: 1,
      answers: 16,
    },
    ...{ minibatches: 1, pairs: 16 },
  };
  const { result } = await runExperiment(device, alignExperiment, { settings });
  const [base, best, ppo, dpo] = result!.results;
  expect(result!.results.map(({ method }) => method)).toEqual(['base', 'best-of-n', 'ppo', 'dpo']);
  expect([base!.winRate, best!.kl]).toEqual([0.5, bestOfNKl(4)]);
  expect(best!.gold.mean).toBeGreaterThan(base!.gold.mean);
  expect(ppo!.kl).not.toBe(0);
  expect(dpo!.kl).not.toBe(0);
  expect(alignReport(result!, settings).plots).toHaveLength(3);

  // Before anything is learned the scale of what PPO sees changes nothing that is told.
  const full = { ...settings, rewardScale: 1 };
  const other = await runExperiment(device, alignExperiment, { settings: full });
  expect(other.result!.results[2]!.curve[0]!.gold).toBeCloseTo(ppo!.curve[0]!.gold, 5);
});
