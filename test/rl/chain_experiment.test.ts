// The chain experiment, small: what it measures, and that it goes on where it was stopped.

import { describe, expect, test } from 'vitest';
import { runExperiment } from '../../src/io/experiment.ts';
import { chainExperiment } from '../../src/rl/chain_experiment.ts';
import { compared } from '../../src/rl/chain_report.ts';
import { device } from '../device.ts';

describe('K4 the chain experiment', () => {
  test('a policy that learned with three links is better than random by 5 standard errors, and so it is with four', async () => {
    const settings = { seeds: [2], triedLinks: [3, 4], copies: 16, steps: 4096, episodes: 10 };
    const { result } = await runExperiment(device, chainExperiment, { settings });
    const rows = compared(result!);
    expect(rows.map(({ links }) => links)).toEqual([3, 4]);
    for (const { links, mean, random, standardErrors } of rows) {
      expect(Math.abs(random), `${links} links`).toBeLessThan(5);
      expect(mean, `${links} links`).toBeGreaterThan(5);
      expect(standardErrors, `${links} links`).toBeGreaterThan(5);
    }
    expect(result!.trainings[0]!.curve.at(-1)!.step).toBe(4096);
  });

  test('counts standard errors of the difference of two means', () => {
    const random = [{ links: 3, returns: [0, 2] }]; // mean 1 ± 1
    const scores = [{ seed: 7, links: 3, returns: [4, 4, 4] }]; // mean 4 ± 0
    expect(compared({ random, scores, trainings: [] })).toEqual([
      { links: 3, seed: 7, mean: 4, random: 1, standardErrors: 3 },
    ]);
  });
});
