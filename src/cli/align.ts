// shadegrad align: PPO, DPO and best of n against a reward that is known.

import type { Command } from 'commander';
import { alignExperiment } from '../posttrain/align_experiment.ts';
import { addExperiment } from './experiment.ts';

export function addAlign(program: Command): void {
  addExperiment(program, {
    name: 'align',
    description: 'PPO, DPO and best of n for a reward that is known: what each gains, at what KL',
    about:
      'A model of stories is trained; then best of 16, PPO on the true reward, and DPO on its labels answer the same held-out\n' +
      'beginnings. About six minutes a seed on two cores, and four for the base.',
    examples: [
      ['shadegrad align', 'three seeds'],
      ["shadegrad align --set 'seeds=[1]' --set beta=0.02", 'one seed, held less'],
    ],
    presets: {
      small: {},
      gpu: { baseSteps: 6000, rollouts: 200, answers: 256, heldOut: 1024, pairs: 10_000 },
    },
    experiment: alignExperiment,
    lines: ({ results }) =>
      results.map(
        ({ seed, method, gold, kl, winRate }) =>
          `seed ${seed}  ${method.padEnd(10)}  gold ${gold.mean.toFixed(3)} ± ${gold.margin.toFixed(3)}  KL ${kl.toFixed(2)}  wins ${(100 * winRate).toFixed(1)} %`,
      ),
  });
}
