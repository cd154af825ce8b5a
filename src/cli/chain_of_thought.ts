// shadegrad chain-of-thought: the experiment that models solve longer problems when they write the steps.

import type { Command } from 'commander';
import { chainExperiment } from '../llm/chain_of_thought.ts';
import { summariseChains } from '../llm/chain_of_thought_report.ts';
import { addExperiment } from './experiment.ts';

export function addChainOfThought(program: Command): void {
  addExperiment(program, {
    name: 'chain-of-thought',
    description: 'word problems answered at once, or step by step',
    about:
      'Teaches small models word problems with answers alone, or with the steps before them, or both by the prompt: what it asks for,\nor what two solved problems in it show (zero-shot, few-shot, and with chains of thought). Then asks for held-out ones.',
    examples: [
      ['shadegrad chain-of-thought --set seeds=[1] --set maxSteps=3', 'a part of it'],
      ['shadegrad chain-of-thought --resume', 'goes on with the newest run'],
    ],
    presets: { small: {}, gpu: { examples: 20000, steps: 5000, width: 64, learningRate: 3e-3 } },
    experiment: chainExperiment,
    lines: (result) =>
      summariseChains(result).map(({ taught, asked, mean }) => {
        return `taught ${taught}, asked ${asked}\t${mean.map((share) => share.toFixed(3)).join('\t')}`;
      }),
  });
}
