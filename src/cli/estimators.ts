// shadegrad estimators: the experiment that a policy gradient with less noise learns sooner.

import type { Command } from 'commander';
import { estimatorsExperiment } from '../rl/estimators_experiment.ts';
import { areaText, ratioText, summarise } from '../rl/estimators_report.ts';
import { addExperiment } from './experiment.ts';

export function addEstimators(program: Command): void {
  addExperiment(program, {
    name: 'estimators',
    description: 'REINFORCE by four estimates of the gradient: their variance, and what it costs',
    about:
      'Measures the variance of four estimates of the policy gradient on the same episodes, and trains CartPole with each.',
    examples: [['shadegrad estimators --set seeds=[1,2] --set steps=10000', 'a part of it']],
    presets: { small: {}, gpu: {} },
    experiment: estimatorsExperiment,
    lines: (result) =>
      summarise(result).map(
        (each) => `${each.label}\tvariance ${ratioText(each)}\tmean return ${areaText(each)}`,
      ),
  });
}
