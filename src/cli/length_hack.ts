// shadegrad length-hack: the experiment that a reward for length makes answers long, and what repairs it.

import type { Command } from 'commander';
import { lengthHackExperiment } from '../posttrain/length_hack.ts';
import { summarise } from '../posttrain/length_hack_report.ts';
import { addExperiment } from './experiment.ts';

export function addLengthHack(program: Command): void {
  addExperiment(program, {
    name: 'length-hack',
    description: 'a reward for length makes answers long and bad; a penalty or more KL repairs it',
    about:
      'PPO on a model of stories, for the gold reward and a little for each token, and for that with a penalty on over-long answers or a larger coefficient of the KL.',
    examples: [['shadegrad length-hack --set seeds=[1] --set perToken=0.2', 'a part of it']],
    presets: { small: {}, gpu: { seeds: [1, 2, 3, 4, 5], answers: 256, width: 128 } },
    experiment: lengthHackExperiment,
    lines: (result, settings) =>
      summarise(result, settings).map(({ name, before, after }) => {
        return `${name}\t${after.length.mean.toFixed(1)} tokens from ${before.length.mean.toFixed(1)}\tgold ${after.gold.mean.toFixed(2)} from ${before.gold.mean.toFixed(2)}\tKL ${after.kl.mean.toFixed(1)}`;
      }),
  });
}
