// shadegrad imitation: the experiment that imitating a stronger model teaches what is imitated, and no more.

import type { Command } from 'commander';
import { imitationExperiment } from '../llm/imitation.ts';
import { summariseImitation } from '../llm/imitation_report.ts';
import { addExperiment } from './experiment.ts';

export function addImitation(program: Command): void {
  addExperiment(program, {
    name: 'imitation',
    description: 'learning one family of tasks from what a stronger model writes',
    about:
      'Trains a teacher and two weaker bases, tunes the bases on outputs of the teacher for one family of tasks, and asks for all families.',
    examples: [
      ['shadegrad imitation --set family=R', 'imitates the reversing of words'],
      ['shadegrad imitation --set seeds=[1] --set amounts=[64,1024]', 'a part of it'],
    ],
    presets: { small: {}, gpu: { widths: [16, 32, 64], teacherWidth: 128, teacherSteps: 2000 } },
    experiment: imitationExperiment,
    lines: (results, settings) =>
      summariseImitation(results, settings).map(({ width, examples, imitated, others }) => {
        const who = examples === null ? 'teacher' : `width ${width}, ${examples} outputs`;
        return `${who}\timitated family ${imitated.toFixed(3)}\tothers ${others.toFixed(3)}`;
      }),
  });
}
