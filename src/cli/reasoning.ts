// shadegrad reasoning: the experiment that a model solves more when it may think in a buffer, and more with a longer one.

import type { Command } from 'commander';
import { reasoningExperiment } from '../posttrain/reasoning_experiment.ts';
import { summariseReasoning } from '../posttrain/reasoning_report.ts';
import { shown } from '../posttrain/verifiable_report.ts';
import { addExperiment } from './experiment.ts';

export function addReasoning(program: Command): void {
  addExperiment(program, {
    name: 'reasoning',
    description: 'sums of several steps with a hidden reasoning buffer or without, by its budget',
    about: `Teaches small models sums of several steps with the steps in a reasoning buffer, or with answers alone, lets both learn from verifiable
rewards with the buffer limited, and then gives it more or less room: accuracy against budget, and with the buffer against without.`,
    examples: [
      ['shadegrad reasoning', 'all of it'],
      ['shadegrad reasoning --set seeds=[1] --set steps=2', 'a part of it'],
    ],
    presets: {
      small: {},
      gpu: {
        width: 64,
        warmSteps: 3000,
        warmLearningRate: 3e-3,
        prompts: 32,
        iterations: 100,
        heldOut: 200,
      },
    },
    experiment: reasoningExperiment,
    lines(result) {
      const { ways, budgets } = summariseReasoning(result);
      return [
        ...ways.map(({ way, before, after }) => {
          return `${way}\t${shown(before)} before\t${shown(after)} after`;
        }),
        ...budgets.map(({ budget, right, thought }) => {
          return `budget ${budget}\t${shown(right)}\tused ${thought.toFixed(1)}`;
        }),
      ];
    },
  });
}
