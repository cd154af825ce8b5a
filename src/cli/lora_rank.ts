// shadegrad lora-rank: the experiment that LoRA comes nearer to full fine-tuning as its rank grows.

import type { Command } from 'commander';
import { rankExperiment } from '../llm/rank_experiment.ts';
import { summarise } from '../llm/rank_report.ts';
import { addExperiment } from './experiment.ts';

export function addLoraRank(program: Command): void {
  addExperiment(program, {
    name: 'lora-rank',
    description: 'LoRA comes nearer to full fine-tuning as its rank grows',
    about:
      'Trains a small model for each seed, and tunes it to another task with each rank and in full: four minutes on two cores.',
    examples: [['shadegrad lora-rank --set ranks=[1,4,16] --set seeds=[1]', 'a part of it']],
    presets: { small: {}, gpu: { width: 128, heads: 8, ranks: [1, 2, 4, 8, 16, 32] } },
    experiment: rankExperiment,
    lines: (result, settings) =>
      summarise(result, settings).map(({ rank, trained, mean }) => {
        return `${rank === null ? 'full' : `rank ${rank}`}\t${trained} values\t${mean.toFixed(4)} nats`;
      }),
  });
}
