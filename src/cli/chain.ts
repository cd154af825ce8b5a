// shadegrad chain: the experiment that a graph policy swims with chains of other lengths than it learned with.

import type { Command } from 'commander';
import { chainExperiment } from '../rl/chain_experiment.ts';
import { compared } from '../rl/chain_report.ts';
import { addExperiment } from './experiment.ts';

export function addChain(program: Command): void {
  addExperiment(program, {
    name: 'chain',
    description: 'a graph policy learns to swim, and swims with chains of other lengths',
    about:
      'Trains a message-passing policy by PPO on a MuJoCo chain for each seed, and tries it, as it is, with longer chains.',
    examples: [['shadegrad chain --set seeds=[1] --set steps=20000', 'a part of it']],
    presets: { small: {}, gpu: { steps: 1_000_000, copies: 256 } },
    experiment: chainExperiment,
    lines: (result) =>
      compared(result).map(
        ({ links, seed, mean, random, standardErrors }) =>
          `${links} links, seed ${seed}\treturn ${mean.toFixed(2)}\trandom ${random.toFixed(2)}\t${standardErrors.toFixed(1)} standard errors`,
      ),
  });
}
