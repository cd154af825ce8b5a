// Settings of fine-tuning: defaults, what each value may be, and what they mean for the parameters.

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
import { CHAT_TEMPLATES, type ChatTemplateName } from '../text/chat_template.ts';
import type { StepSettings } from './steps.ts';
import type { Method } from './trainable.ts';

export const FINETUNE_DEFAULTS = {
  seed: 1337,

  // What is trained
  method: 'lora' as Method['kind'],
  rank: 8,
  alpha: 16,
  rankStabilised: false,
  loraDropout: 0,
  targets: ['query', 'value'],
  /** Of the method lastK. */
  lastLayers: 1,
  /** Width of the middle, of the method adapter. */
  bottleneck: 16,
  /** What the model's own matrices are kept in where they are not trained. */
  weights: 'stored' as 'stored' | '8bit',

  // The data
  template: 'lines' as ChatTemplateName,
  /** The last part of the examples, held out. */
  validation: 0.1,

  // The optimisation
  /** As TRL. */
  epochs: 3,
  /** Null: what the epochs take. */
  steps: null as number | null,
  batch: 8,
  accumulate: 1,
  /** Null: 1e-4 where the model's own matrices are trained, 1e-3 else (LoRA wants about ten times the rate). */
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
  checkpointEvery: 100,
  /** Most seconds from one checkpoint to the next, where steps are slow; null: the steps alone say when. */
  checkpointSeconds: null as number | null,
  logEvery: 10,
};

export type FinetuneSettings = typeof FINETUNE_DEFAULTS;

export const FINETUNE_CHECKS: Checks<FinetuneSettings> = {
  seed: nonNegativeInteger,
  method: oneOf('full', 'lastK', 'bitfit', 'adapter', 'lora'),
  rank: positiveInteger,
  alpha: positive,
  loraDropout: between(0, 0.9),
  lastLayers: nonNegativeInteger,
  bottleneck: positiveInteger,
  weights: oneOf('stored', '8bit'),
  template: oneOf(...CHAT_TEMPLATES),
  validation: between(0, 0.9),
  epochs: positive,
  steps: nullOr(positiveInteger),
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
  checkpointSeconds: nullOr(positive),
  logEvery: positiveInteger,
};

export const FINETUNE_HELP: Readonly<Record<keyof FinetuneSettings, string>> = {
  seed: 'of new parameters, the order of examples, and dropout',
  method: 'full, lastK, bitfit, adapter (bottlenecks) or lora',
  rank: 'of lora',
  alpha: 'of lora: the update is scaled by alpha / rank',
  rankStabilised: 'of lora: by alpha over the root of the rank instead: true or false',
  loraDropout: 'of lora: share of its inputs that are zeroed while training',
  targets: 'of lora: ends of the names of linear layers, * for any characters',
  lastLayers: 'of lastK: blocks that are trained, besides the last norm and the head',
  bottleneck: 'of adapter: width of the middle',
  weights: "of lora and adapter: the model's own matrices as stored, or rounded to 8bit",
  template: `how messages become text: ${CHAT_TEMPLATES.join(', ')}`,
  validation: 'part of the examples, at their end, that is held out',
  epochs: 'times that every example is seen',
  steps: 'of training; null: by the epochs',
  batch: 'examples per step',
  accumulate: 'parts of the batch, computed one after another: less memory',
  learningRate: 'highest; null: 1e-4 for full and lastK, 1e-3 for the others',
  warmup: 'share of the steps in which the rate rises',
  beta1: "of AdamW: decay of the gradient's mean",
  beta2: "of AdamW: decay of its square's mean",
  eps: 'of AdamW: added to the root of that mean',
  weightDecay: 'of matrices, not of norms and biases',
  gradClip: 'largest norm of the gradient; 0: no limit',
  evaluateEvery: 'steps from one evaluation to the next',
  checkpointEvery: 'steps from one checkpoint to the next',
  checkpointSeconds: 'most seconds between two, where steps are slow; null: no limit',
  logEvery: 'steps, at most, between reports of the loss',
};

/** What the settings say is trained. */
export function methodOf(settings: FinetuneSettings): Method {
  const { method: kind, rank, alpha, rankStabilised, loraDropout: dropout, targets } = settings;
  if (kind === 'lora') return { kind, rank, alpha, rankStabilised, dropout, targets };
  if (kind === 'lastK') return { kind, layers: settings.lastLayers };
  if (kind === 'adapter') return { kind, size: settings.bottleneck };
  return { kind };
}

/** The optimisation of so many examples. */
export function stepSettings(settings: FinetuneSettings, examples: number): StepSettings {
  const { method, epochs, batch, warmup } = settings;
  const steps = settings.steps ?? Math.max(1, Math.ceil((epochs * examples) / batch));
  const learningRate =
    settings.learningRate ?? (method === 'full' || method === 'lastK' ? 1e-4 : 1e-3);
  return {
    ...settings,
    steps,
    learningRate,
    minLearningRate: learningRate / 10,
    warmupSteps: Math.floor(warmup * steps),
    decaySteps: null,
  };
}
