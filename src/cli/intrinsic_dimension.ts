// shadegrad intrinsic-dimension: the experiment that a task takes far fewer dimensions than its network has parameters.

import type { Command } from 'commander';
import { intrinsicExperiment } from '../llm/intrinsic_experiment.ts';
import { crossing, summariseIntrinsic } from '../llm/intrinsic_report.ts';
import { addExperiment } from './experiment.ts';

export function addIntrinsicDimension(program: Command): void {
  addExperiment(program, {
    name: 'intrinsic-dimension',
    description: 'a network learns in a random subspace of few dimensions',
    about:
      "Trains a network on MNIST's digits in random subspaces of its parameters, and whole. The setting data names the\n" +
      'folder of t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz.',
    examples: [
      ['shadegrad intrinsic-dimension --set data=mnist', 'all of it'],
      ['shadegrad intrinsic-dimension --set data=mnist --set dimensions=[100,400]', 'a part of it'],
    ],
    presets: { small: {}, gpu: { shrink: 1, hidden: [200, 200], steps: 3000 } },
    experiment: intrinsicExperiment,
    lines: (result, settings) => {
      const summary = summariseIntrinsic(result, settings);
      const rows = summary.dimensions.map(
        ({ dimension, mean }) => `d = ${dimension}\t${(100 * mean).toFixed(2)} % right`,
      );
      return [...rows, `90 % of the whole network: ${crossing(summary)}`];
    },
  });
}
