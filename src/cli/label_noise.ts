// shadegrad label-noise: the experiment what a reward model learns from labels that are wrong.

import type { Command } from 'commander';
import { labelNoiseExperiment } from '../posttrain/label_noise_experiment.ts';
import { percent, summariseNoise } from '../posttrain/label_noise_report.ts';
import { addExperiment } from './experiment.ts';

export function addLabelNoise(program: Command): void {
  addExperiment(program, {
    name: 'label-noise',
    description: 'a reward model learns from labels that are wrong, up to their Bayes ceiling',
    about:
      'Draws pairs of stories from a small model, labels them by rule with flips and uncertainty, and trains reward models.',
    examples: [['shadegrad label-noise --set flips=[0,0.2] --set seeds=[1]', 'a part of it']],
    presets: { small: {}, gpu: { curveLabels: 4992, width: 128, baseSteps: 2000 } },
    experiment: labelNoiseExperiment,
    lines: (result, { labels }) => {
      const { curve, uncertain } = summariseNoise(result);
      return [
        ...curve.map(({ flips, accuracy, ceiling, truth }) => {
          return `p = ${flips}\t${percent(accuracy)} of labels\tat most ${percent(ceiling)}\t${percent(truth)} of the truth`;
        }),
        ...uncertain.map(({ temperature, accuracy, ceiling, truth }) => {
          return `T = ${temperature}, ${labels} labels\t${percent(accuracy)} of labels\tat most ${percent(ceiling)}\t${percent(truth)} of the truth`;
        }),
      ];
    },
  });
}
