// shadegrad overoptimise: the experiment that a learned reward can be optimised too far.

import type { Command } from 'commander';
import { overoptimiseExperiment } from '../posttrain/overoptimise.ts';
import { summarise } from '../posttrain/overoptimise_report.ts';
import { addExperiment } from './experiment.ts';

export function addOveroptimise(program: Command): void {
  addExperiment(program, {
    name: 'overoptimise',
    description: 'a learned reward, optimised too far: gold beside learned against the root of KL',
    about:
      'A reward model learns from few labels of stories; PPO with several coefficients and best of n optimise it, and the truth that the labels came from is measured.',
    examples: [
      ['shadegrad overoptimise --set seeds=[1] --set betas=[0,0.2]', 'a part of it'],
      ['shadegrad overoptimise --set labels=2000', 'a reward model that knows more'],
    ],
    presets: {
      small: {},
      gpu: { seeds: [1, 2, 3, 4, 5], answers: 256, width: 128, iterations: 200, prompts: 256 },
    },
    experiment: overoptimiseExperiment,
    lines: (result, settings) =>
      summarise(result, settings).map(({ name, kl, learned, gold, margin, best }) => {
        const interval = Number.isFinite(margin) ? ` ± ${margin.toFixed(2)}` : '';
        return `${name}\tKL ${kl.toFixed(2)}\tlearned ${learned.toFixed(2)}\tgold ${gold.toFixed(2)}${interval}\tbest gold ${best.gold.toFixed(2)} at KL ${best.kl.toFixed(2)}`;
      }),
  });
}
