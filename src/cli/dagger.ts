// shadegrad dagger: the experiment that cloning errs where no demonstration was, and DAgger does not.

import type { Command } from 'commander';
import { daggerExperiment } from '../rl/dagger_experiment.ts';
import { shown, summarise } from '../rl/dagger_report.ts';
import { addExperiment } from './experiment.ts';

export function addDagger(program: Command): void {
  addExperiment(program, {
    name: 'dagger',
    description:
      'cloning errs where no demonstration was, DAgger asks there; PPO goes on from a clone',
    about:
      'Clones a scripted expert from few labels and trains DAgger with as many; clones a noisy expert, and lets PPO go on\n' +
      'from the clone and begin from scratch: ten minutes on two cores.',
    examples: [
      ['shadegrad dagger', 'all of it: ten seeds'],
      ['shadegrad dagger --set seeds=[1,2] --set warmSeeds=[1]', 'a part of it'],
    ],
    presets: { small: {}, gpu: {} },
    experiment: daggerExperiment,
    lines(result, { rounds, labels, threshold }) {
      const { cloning, dagger, p, ...found } = summarise(result);
      return [
        `${rounds * labels} labels\tcloning ${shown(cloning)}\tDAgger ${shown(dagger)}\tp ${p.toFixed(4)}`,
        `noisy expert ${shown(found.noisyExpert)}\tits clone ${shown(found.noisyClone)}`,
        `PPO to ${threshold}\tfrom the clone ${shown(found.fromClone, 0)} steps\tfrom scratch ${shown(found.fromScratch, 0)} steps`,
      ];
    },
  });
}
