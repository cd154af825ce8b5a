// shadegrad preferred: the experiment which model is preferred, by size.

import type { Command } from 'commander';
import { preferredExperiment } from '../posttrain/preferred.ts';
import { summarise } from '../posttrain/preferred_report.ts';
import { addExperiment } from './experiment.ts';

export function addPreferred(program: Command): void {
  addExperiment(program, {
    name: 'preferred',
    description: 'win rate of base, fine-tuned and preference-tuned models over one, by size',
    about:
      'Trains models of stories of several sizes, fine-tunes them on good stories, tunes those to preferences by DPO, and compares all with the largest fine-tuned one.',
    examples: [['shadegrad preferred --set seeds=[1] --set widths=[16,32]', 'a part of it']],
    presets: { small: {}, gpu: { widths: [32, 64, 128, 256], labels: 4000, prompts: 1000 } },
    experiment: preferredExperiment,
    lines: (result, settings) =>
      summarise(result, settings).map(({ kind, parameters, rate, margin, gold }) => {
        const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
        return `${kind}\t${parameters} parameters\twins ${percent(rate)} ± ${percent(margin)}\tgold ${gold.toFixed(2)}`;
      }),
  });
}
