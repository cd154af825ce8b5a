// shadegrad self-instruct: the experiment that a model learns from tasks that it has made up.

import type { Command } from 'commander';
import { selfInstructExperiment } from '../llm/self_instruct.ts';
import { summariseSelfInstruct } from '../llm/self_instruct_report.ts';
import { addExperiment } from './experiment.ts';

export function addSelfInstruct(program: Command): void {
  addExperiment(program, {
    name: 'self-instruct',
    description: 'a model learns from tasks that it has made up',
    about:
      'From 175 seed tasks a small model makes up others, and learns from those that are new, or new and right, round after round.',
    examples: [
      ['shadegrad self-instruct --set rounds=8', 'twice the rounds'],
      ['shadegrad self-instruct --set temperature=0.7', 'tasks that are more alike'],
    ],
    presets: { small: {}, gpu: { drawn: 4096, rounds: 8, tuningSteps: 400 } },
    experiment: selfInstructExperiment,
    lines: (results) =>
      summariseSelfInstruct(results).map(({ filter, rounds }) => {
        const told = rounds.map(({ solved, pool }) => `${solved.toFixed(3)} (${pool.toFixed(0)})`);
        return `${filter}\tsolved (tasks) by round\t${told.join('\t')}`;
      }),
  });
}
