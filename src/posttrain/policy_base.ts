// The model that post-training starts from: what of it learns, what stays as the reference, and how it is written at the end.

import { type Checks, listOf, oneOf, positive, positiveInteger } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import { ADAPTER } from '../llm/finetune.ts';
import { type FinetuneBase, openFinetuneBase } from '../llm/finetune_base.ts';
import { saveTuned } from '../llm/finetune_run.ts';
import { trainable } from '../llm/trainable.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import type { Speaker } from './speaker.ts';

export interface TuningSettings {
  /** 'lora': an adapter learns, and the frozen model beneath it is the reference; 'full': all learns, beside a second copy. */
  readonly method: 'lora' | 'full';
  readonly rank: number;
  /** The adapter's update is scaled by alpha / rank. */
  readonly alpha: number;
  /** Which layers get an update: see `LoraMethod`. */
  readonly targets: readonly string[];
}

export const TUNING_DEFAULTS: TuningSettings = {
  method: 'lora',
  rank: 16,
  alpha: 32,
  targets: ['attention.*', 'mlp.*'],
};

const text = { expected: 'text', accepts: (value: unknown) => typeof value === 'string' };

export const TUNING_CHECKS: Checks<TuningSettings> = {
  method: oneOf('lora', 'full'),
  rank: positiveInteger,
  alpha: positive,
  targets: listOf(text) as never,
};

export interface PolicyBase extends Pick<FinetuneBase, 'model' | 'tokenizer'> {
  readonly policy: Speaker;
  /** The same to the bit after training. */
  readonly reference: Speaker;
  /** Writes what was learned, as `shadegrad finetune` does. @param baseModel where the base came from */
  save(folder: Folder, about: { readonly step: number; readonly baseModel: string }): Promise<void>;
  dispose(): void;
}

/** @throws CheckpointError or DataError that says what the folder lacks, ConfigError for targets that match nothing. */
export async function openPolicyBase(
  device: Device,
  folder: Folder,
  { seed, method, rank, alpha, targets }: TuningSettings & { readonly seed: number },
): Promise<PolicyBase> {
  const open = () => openFinetuneBase(device, folder, { method, weights: 'stored' });
  const base = await open();
  const { model, tokenizer } = base;
  const save: PolicyBase['save'] = (to, about) => saveTuned(to, base, { kind: method, ...about });
  if (method === 'full') {
    const copy = await open();
    return {
      ...{ model, tokenizer, save },
      policy: { model, adapter: null },
      reference: { model: copy.model, adapter: null },
      dispose() {
        for (const each of [model, copy.model]) each.dispose();
      },
    };
  }
  const lora = { kind: 'lora', rank, alpha, targets } as const;
  trainable(model, new Initialiser(device, seed), lora, ADAPTER);
  return {
    ...{ model, tokenizer, save },
    policy: { model, adapter: ADAPTER },
    reference: { model, adapter: null },
    dispose: () => model.dispose(),
  };
}
