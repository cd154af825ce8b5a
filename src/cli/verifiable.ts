// shadegrad verifiable: the experiment that a model learns from rewards that a program computes.

import type { Command } from 'commander';
import { TASK_FAMILIES } from '../posttrain/tasks/index.ts';
import { verifiableExperiment } from '../posttrain/verifiable_experiment.ts';
import { shown, verifiableCurves } from '../posttrain/verifiable_report.ts';
import { addExperiment } from './experiment.ts';

export function addVerifiable(program: Command): void {
  const families = Object.values(TASK_FAMILIES).map(
    ({ name, about }) => `  ${name.padEnd(16)}${about}`,
  );
  addExperiment(program, {
    name: 'verifiable',
    description: 'tasks whose answers a program checks, learned by GRPO: pass@1, pass@k, majority',
    about: `Teaches a small model solved tasks of which a part have slips, then lets it learn from its own answers to others, which a
program calls right or wrong. Held-out tasks show pass@1, pass@k and the majority along the way, longer ones apart.

Tasks:
${families.join('\n')}`,
    examples: [
      ['shadegrad verifiable', 'sums'],
      ['shadegrad verifiable --set task=derivatives --set seeds=[1]', 'derivatives, one seed'],
    ],
    presets: { small: {}, gpu: { width: 64, prompts: 64, iterations: 200, heldOut: 300 } },
    experiment: verifiableExperiment,
    lines(result) {
      const { heldOut, longer } = verifiableCurves(result);
      const line =
        (kind: string) =>
        ({ label, means }: (typeof heldOut)[number]) =>
          `${kind}\t${label}\t${shown(means[0]!)} before\t${shown(means.at(-1)!)} after`;
      return [...heldOut.map(line('held out')), ...longer.map(line('longer'))];
    },
  });
}
