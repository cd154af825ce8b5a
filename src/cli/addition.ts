// shadegrad addition: the experiment that sums are learned with their digits in reverse.

import type { Command } from 'commander';
import { additionExperiment } from '../llm/addition_experiment.ts';
import { addExperiment } from './experiment.ts';

export function addAddition(program: Command): void {
  addExperiment(program, {
    name: 'addition',
    description: '3-digit sums, their digits in reverse or as usual',
    about:
      'Teaches a small model for each seed to add, with the digits of the sum from the lowest up and as usual, and asks for held-out sums.',
    examples: [
      ['shadegrad addition --set seeds=[1]', 'one seed'],
      [
        'shadegrad addition --set digits=2 --set examples=1000',
        'shorter sums, of which there are fewer',
      ],
    ],
    presets: { small: {}, gpu: { steps: 3000, batch: 128 } },
    experiment: additionExperiment,
    lines: ({ results }) =>
      results.map(({ seed, reversed, exact, places }) => {
        const digits = places.map((share) => share.toFixed(3)).join(' ');
        return `${reversed ? 'reversed' : 'plain'}, seed ${seed}\t${(100 * exact).toFixed(1)} % exact\tdigits from the lowest ${digits}`;
      }),
  });
}
