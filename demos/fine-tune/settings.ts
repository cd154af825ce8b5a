// The form's fields as settings of `finetune`.

import { FINETUNE_DEFAULTS, type FinetuneSettings } from '../../src/llm/finetune_settings.ts';
import type { ModelType } from '../../src/llm/hugging_face_config.ts';
import type { ChatTemplateName } from '../../src/text/chat_template.ts';
import { readForm } from '../shared/form.ts';

export type Targets = 'queries' | 'attention' | 'all';

/** What the form offers. */
export interface Choices {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: Targets;
  readonly learningRate: number;
  readonly steps: number;
  readonly batch: number;
  readonly template: ChatTemplateName;
  readonly weights: FinetuneSettings['weights'];
  readonly seed: number;
}

/** Those of the tiny model; a visitor's wants the smaller rate that PEFT's examples have. */
export const DEFAULTS: Choices = {
  rank: 8,
  alpha: 16,
  targets: 'all',
  learningRate: 1e-2,
  steps: 60,
  batch: 8,
  template: 'lines',
  weights: 'stored',
  seed: 1337,
};
export const OWN_LEARNING_RATE = 1e-3;

export function choicesFrom(form: HTMLFormElement): Choices {
  return readForm(form) as unknown as Choices;
}

// GPT-2 has queries, keys and values in one projection, and so has PEFT's format for it.
const TARGETS: Readonly<Record<Targets, (packed: boolean) => string[]>> = {
  queries: (packed) => (packed ? ['attention.qkv'] : ['query', 'value']),
  attention: (packed) => [
    ...(packed ? ['attention.qkv'] : ['query', 'key', 'value']),
    'attention.output',
  ],
  all: (packed) => [...TARGETS.attention(packed), 'mlp.*'],
};

const EVALUATIONS = 10;
/** Work that a lost GPU, or a closed tab, may cost. */
const CHECKPOINT_SECONDS = 8;

export function settingsOf({ targets, ...choices }: Choices, type: ModelType): FinetuneSettings {
  const evaluateEvery = Math.max(1, Math.ceil(choices.steps / EVALUATIONS));
  return {
    ...FINETUNE_DEFAULTS,
    ...choices,
    method: 'lora',
    targets: TARGETS[targets](type === 'gpt2'),
    evaluateEvery,
    checkpointEvery: evaluateEvery,
    checkpointSeconds: CHECKPOINT_SECONDS,
  };
}
