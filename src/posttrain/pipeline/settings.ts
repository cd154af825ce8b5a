// Settings of the pipeline: what its smallest run takes, and what a GPU would.

import {
  between,
  type Checks,
  nonNegative,
  nonNegativeInteger,
  positive,
  positiveInteger,
} from '../../io/config.ts';

/** Eight minutes on two cores. */
export const PIPELINE_DEFAULTS = {
  seed: 1,

  // The text, and the model
  characters: 600_000,
  sums: 12_000,
  /** The share of them that are written with a wrong digit. */
  slips: 0.5,
  vocabularySize: 512,
  layers: 2,
  heads: 4,
  width: 64,
  pretrainSteps: 700,
  pretrainBatch: 16,
  pretrainLearningRate: 5e-3,

  // Supervised fine-tuning by LoRA, on instructions and sums
  rank: 16,
  examples: 4000,
  finetuneSteps: 250,
  finetuneBatch: 16,
  finetuneLearningRate: 3e-3,

  // Preferences of a simulated labeller, and the reward model
  pairs: 1600,
  heldOutPairs: 400,
  /** Of the labeller: how far apart two rewards must be for a clear choice. */
  labelTemperature: 0.5,
  /** The share of labels that are wrong. */
  labelFlips: 0.05,
  rewardBatch: 16,
  rewardLearningRate: 2e-3,

  // PPO against the reward model
  beta: 0.05,
  rlhfRollouts: 40,
  rlhfAnswers: 64,
  rlhfLearningRate: 1e-3,

  // GRPO on sums
  verifiableRollouts: 60,
  verifiableAnswers: 256,
  groupSize: 8,
  verifiableLearningRate: 1e-3,

  /** Held-out prompts of an evaluation. */
  evaluated: 128,
};

export type PipelineSettings = typeof PIPELINE_DEFAULTS;

export const PIPELINE_CHECKS: Checks<PipelineSettings> = {
  seed: nonNegativeInteger,
  characters: positiveInteger,
  sums: positiveInteger,
  slips: between(0, 1),
  vocabularySize: positiveInteger,
  layers: positiveInteger,
  heads: positiveInteger,
  width: positiveInteger,
  pretrainSteps: positiveInteger,
  pretrainBatch: positiveInteger,
  pretrainLearningRate: positive,
  rank: positiveInteger,
  examples: positiveInteger,
  finetuneSteps: positiveInteger,
  finetuneBatch: positiveInteger,
  finetuneLearningRate: positive,
  pairs: positiveInteger,
  heldOutPairs: positiveInteger,
  labelTemperature: nonNegative,
  labelFlips: nonNegative,
  rewardBatch: positiveInteger,
  rewardLearningRate: positive,
  beta: nonNegative,
  rlhfRollouts: positiveInteger,
  rlhfAnswers: positiveInteger,
  rlhfLearningRate: positive,
  verifiableRollouts: positiveInteger,
  verifiableAnswers: positiveInteger,
  groupSize: positiveInteger,
  verifiableLearningRate: positive,
  evaluated: positiveInteger,
};

export const PIPELINE_PRESETS = {
  small: {},
  /** One minute, to see that everything works; little is learned. */
  minute: {
    characters: 100_000,
    sums: 2000,
    layers: 1,
    heads: 2,
    width: 32,
    pretrainSteps: 120,
    pretrainBatch: 8,
    examples: 400,
    finetuneSteps: 60,
    pairs: 192,
    heldOutPairs: 64,
    rlhfRollouts: 8,
    rlhfAnswers: 32,
    verifiableRollouts: 8,
    verifiableAnswers: 32,
    groupSize: 8,
    evaluated: 32,
  },
  /** A model of 5 million parameters and ten times the text. */
  gpu: {
    characters: 8_000_000,
    sums: 200_000,
    vocabularySize: 1024,
    layers: 6,
    heads: 8,
    width: 256,
    pretrainSteps: 4000,
    pretrainBatch: 48,
    pretrainLearningRate: 2e-3,
    examples: 15_000,
    finetuneSteps: 1000,
    finetuneBatch: 32,
    pairs: 4992,
    heldOutPairs: 1024,
    rlhfRollouts: 150,
    rlhfAnswers: 256,
    verifiableRollouts: 150,
    verifiableAnswers: 512,
    evaluated: 512,
  },
} satisfies Record<'small' | 'minute' | 'gpu', Partial<PipelineSettings>>;
