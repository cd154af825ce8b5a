// shadegrad dagger: the experiment that cloning errs where no demonstration was, and DAgger does not.

import type { Command } from 'commander';
import { daggerExperiment } from '../rl/dagger_experiment.ts';
import { LABELS, shown, summarise } from '../rl/dagger_report.ts';
import { addExperiment } from './experiment.ts';

export function addDagger(program: Command): void {
  addExperiment(program, {
    name: 'dagger',
    description:
      'cloning and DAgger from few labels of an expert, and PPO that goes on from a clone',
    about:
      'Clones a scripted expert from few labels, of one demonstration and of several, and trains DAgger with as many; clones\n' +
      'a noisy expert, and lets PPO go on from the clone and begin from scratch: ten minutes on two cores.',
    examples: [
      ['shadegrad dagger', 'all of it: ten seeds'],
      ['shadegrad dagger --set seeds=[1,2] --set warmSeeds=[1]', 'a part of it'],
    ],
    presets: { small: {}, gpu: {} },
    experiment: daggerExperiment,
    lines(result, { environment, warmEnvironment, rounds, labels, threshold }) {
      const { fromClone, fromScratch, ...found } = summarise(result);
      const p = (value: number) => `p ${value.toFixed(4)}`;
      return [
        `${environment}, ${rounds * labels} labels\tDAgger ${shown(found.dagger)}`,
        `\t${LABELS.cloning} ${shown(found.cloning)}\t${p(found.p)}`,
        `\t${LABELS['same-starts']} ${shown(found.sameStarts)}\t${p(found.pSameStarts)}`,
        `${warmEnvironment}\tnoisy expert ${shown(found.noisyExpert)}\tits clone ${shown(found.noisyClone)}`,
        `\tPPO to ${threshold}: from the clone ${shown(fromClone, 0)} steps, from scratch ${shown(fromScratch, 0)}\t${p(found.pScratch)}`,
      ];
    },
  });
}
