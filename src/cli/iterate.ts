// shadegrad iterate: preferences in rounds.

import type { Command } from 'commander';
import { iterateExperiment } from '../posttrain/iterate.ts';
import { addExperiment } from './experiment.ts';

export function addIterate(program: Command): void {
  addExperiment(program, {
    name: 'iterate',
    description:
      'sample, label, refit, optimise, repeat: reward models that are shown what their policies write',
    about:
      'A model of stories is optimised for a reward model of a few labels; what it then writes is labelled, and so on. The true\n' +
      'reward, which only the labeller sees, is measured after each round.',
    examples: [
      ['shadegrad iterate', 'three rounds, three seeds'],
      ["shadegrad iterate --set rounds=5 --set 'seeds=[1]'", 'more rounds, one seed'],
    ],
    presets: {
      small: {},
      gpu: {
        baseSteps: 6000,
        rounds: 5,
        labels: 1000,
        iterations: 100,
        answers: 128,
        heldOut: 512,
      },
    },
    experiment: iterateExperiment,
    lines: ({ rounds }) =>
      rounds.map(
        ({ seed, round, gold, kl, accuracy }) =>
          `seed ${seed}  round ${round}  gold ${gold.mean.toFixed(3)} ± ${gold.margin.toFixed(3)}  KL ${kl.toFixed(2)}${accuracy === null ? '' : `  right on fresh pairs ${(100 * accuracy).toFixed(1)} %`}`,
      ),
  });
}
