// Settings of reward models: defaults, what each value may be, and the presets of those who published theirs.

import {
  between,
  type Checks,
  nonNegative,
  nonNegativeInteger,
  nullOr,
  oneOf,
  positive,
  positiveInteger,
} from '../io/config.ts';
import type { StepSettings } from '../llm/steps.ts';
import { CHAT_TEMPLATES, type ChatTemplateName } from '../text/chat_template.ts';
import { END_OF_TEXT, type Tokenizer } from '../text/tokenizer.ts';
import { TIES, type Ties } from './preferences.ts';

export const REWARD_METHODS = ['lora', 'full'] as const;

export const REWARD_DEFAULTS = {
  seed: 1337,

  // What is trained, besides the head
  method: 'lora' as (typeof REWARD_METHODS)[number],
  rank: 8,
  alpha: 16,
  targets: ['query', 'value', 'up'],
  /** Of the head at first; null: 1 / √(width + 1). */
  headStd: null as number | null,

  // The data
  /** Null: document where the tokenizer has its end of text, else lines. */
  template: null as ChatTemplateName | null,
  ties: 'drop' as Ties,
  /** The last part of the preferences, held out. */
  validation: 0.1,

  // The loss
  margin: 0,
  centring: 0,
  /** Answers of the reference whose rewards get mean 0 and variance 1, before training and after it; 0: that is left out. */
  normaliseWith: 256,

  // The optimisation
  /** More is said to be too much (Stiennon et al. 2020). */
  epochs: 1,
  batch: 32,
  accumulate: 1,
  /** Null: 1e-4 where the whole model is trained, 1e-3 else. */
  learningRate: null as number | null,
  /** Share of the steps in which the rate rises; after that it falls to a tenth by a cosine. */
  warmup: 0.1,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  gradClip: 1,

  // What is measured, and when
  evaluateEvery: 50,
  checkpointEvery: 50,
  logEvery: 10,
};

export type RewardSettings = typeof REWARD_DEFAULTS;

/** What differs from the defaults; both of models of hundreds of millions of parameters. */
export const REWARD_PRESETS: Readonly<Record<string, Partial<RewardSettings>>> = {
  /** TRL's RewardTrainer. */
  trl: { learningRate: 1e-4, centring: 0.01, warmup: 0, normaliseWith: 0 },
  /** Ziegler et al. 2019. */
  'lm-human-preferences': { method: 'full', learningRate: 5e-5, eps: 1e-5, warmup: 0 },
};

export const REWARD_CHECKS: Checks<RewardSettings> = {
  seed: nonNegativeInteger,
  method: oneOf(...REWARD_METHODS),
  rank: positiveInteger,
  alpha: positive,
  headStd: nullOr(nonNegative),
  template: nullOr(oneOf(...CHAT_TEMPLATES)),
  ties: oneOf(...TIES),
  validation: between(0, 0.9),
  margin: nonNegative,
  centring: nonNegative,
  normaliseWith: nonNegativeInteger,
  epochs: positive,
  batch: positiveInteger,
  accumulate: positiveInteger,
  learningRate: nullOr(positive),
  warmup: between(0, 0.5),
  beta1: between(0, 1),
  beta2: between(0, 1),
  eps: positive,
  weightDecay: nonNegative,
  gradClip: nonNegative,
  evaluateEvery: positiveInteger,
  checkpointEvery: positiveInteger,
  logEvery: positiveInteger,
};

export const REWARD_HELP: Readonly<Record<keyof RewardSettings, string>> = {
  seed: 'of the head, of LoRA and of the order of preferences',
  method: 'what is trained besides the head: lora, or full for the whole model',
  rank: 'of lora',
  alpha: 'of lora: the update is scaled by alpha / rank',
  targets: 'of lora: ends of the names of linear layers, * for any characters',
  headStd: "deviation of the head's first values; null: 1 / √(width + 1), 0: all rewards equal",
  template: `how messages become text, and what ends an answer: ${CHAT_TEMPLATES.join(', ')}; null: by the tokenizer`,
  ties: 'drop, or half: each answer is the better one with probability 1/2',
  validation: 'part of the preferences, at their end, that is held out',
  margin: "by how much the better answer's reward is to be higher",
  centring: "of the square of a pair's sum, which pulls rewards towards 0",
  normaliseWith: "answers of the base model whose rewards get mean 0 and variance 1; 0: don't",
  epochs: 'times that every preference is seen',
  batch: 'preferences per step',
  accumulate: 'parts of the batch, computed one after another: less memory',
  learningRate: 'highest; null: 1e-4 for full, 1e-3 for lora',
  warmup: 'share of the steps in which the rate rises',
  beta1: "of AdamW: decay of the gradient's mean",
  beta2: "of AdamW: decay of its square's mean",
  eps: 'of AdamW: added to the root of that mean',
  weightDecay: 'of matrices, not of norms and biases',
  gradClip: 'largest norm of the gradient; 0: no limit',
  evaluateEvery: 'steps from one evaluation to the next',
  checkpointEvery: 'steps from one checkpoint to the next',
  logEvery: 'steps, at most, between reports of the loss',
};

/** The template that is meant. */
export const templateOf = (
  { template }: Pick<RewardSettings, 'template'>,
  { specials }: Tokenizer,
): ChatTemplateName => template ?? (specials.has(END_OF_TEXT) ? 'document' : 'lines');

/** The optimisation of so many preferences. */
export function rewardSteps(settings: RewardSettings, preferences: number): StepSettings {
  const { method, epochs, batch, warmup } = settings;
  const steps = Math.max(1, Math.floor((epochs * preferences) / batch));
  const learningRate = settings.learningRate ?? (method === 'full' ? 1e-4 : 1e-3);
  return {
    ...settings,
    steps,
    learningRate,
    minLearningRate: learningRate / 10,
    warmupSteps: Math.floor(warmup * steps),
    decaySteps: null,
  };
}
