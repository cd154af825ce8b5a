// Supervised fine-tuning: next-token loss on completions alone, of all parameters, a few, or adapters on a frozen model.
// Examples are padded at their ends to the longest; a batch's loss is the mean over all its counted tokens, whether it is
// computed at once or in parts.

import { checkSettings, resolveSettings } from '../io/config.ts';
import { type Linear, withAdapter } from '../nn/linear.ts';
import { crossEntropy } from '../ops/cross_entropy.ts';
import type { Device } from '../ops/device.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Batch } from './batch.ts';
import { evaluateRows } from './evaluate.ts';
import { FINETUNE_CHECKS, FINETUNE_DEFAULTS, type FinetuneSettings } from './finetune_settings.ts';
import { countedIn, type Example, longest, padded } from './supervised.ts';
import type { Transformer } from './transformer.ts';
import {
  adapterOf,
  type ItemLoss,
  type TuneOptions,
  type TuneResult,
  Tuner,
  type TuneStart,
  type TuningData,
  tune,
} from './tuner.ts';

export { ADAPTER } from './tuner.ts';

export type FinetuneData = TuningData<Example>;

export interface FinetuneOptions extends TuneOptions {
  readonly settings?: Partial<FinetuneSettings>;
  /**
   * A new output layer that is trained with the model, in the place of its own: the ids that count are then its classes.
   * Default: the model's, of tokens.
   */
  readonly head?: Linear;
}

export type FinetuneStart = TuneStart;
export type FinetuneResult = TuneResult<FinetuneSettings>;

/**
 * Trains the model in place. What is not trained keeps its bits; adapters are in the model under `ADAPTER` afterwards, and are
 * not selected.
 * @throws ConfigError for a bad setting or one that leaves nothing to train, DataError for a loss that is not finite, and for a
 *   checkpoint that is of another model.
 */
export async function finetune(
  device: Device,
  model: Transformer,
  data: FinetuneData,
  { settings, head, ...options }: FinetuneOptions = {},
): Promise<FinetuneResult> {
  const checked = checkSettings(resolveSettings(FINETUNE_DEFAULTS, settings), FINETUNE_CHECKS);
  return tune(finetuner(device, model, data, checked, head), options);
}

export function finetuner(
  device: Device,
  model: Transformer,
  data: FinetuneData,
  settings: FinetuneSettings,
  head?: Linear,
): Tuner<Example> {
  return new Tuner(
    device,
    model,
    data,
    settings,
    lossOf(device, model, data, settings, head),
    head,
  );
}

/** Of the tokens that count. */
function lossOf(
  device: Device,
  model: Transformer,
  { train, heldOut }: FinetuneData,
  settings: FinetuneSettings,
  head?: Linear,
): ItemLoss<Example> {
  const length = longest([...train, ...heldOut]);
  const sum = ({ ids, targets }: Batch<Tensor>, training: boolean) => {
    if (!head) return model.loss(ids, targets, { training, reduction: 'sum' });
    const logits = head.forward(model.hidden(ids, { training }));
    return crossEntropy(logits, targets, { reduction: 'sum' });
  };
  return {
    positions: length,
    rows: (examples) => padded(examples, length),
    sum: (rows) => sum(rows, true),
    count: countedIn,
    async evaluate(examples, batch) {
      const adapted = (rows: Batch<Tensor>) =>
        withAdapter(model, adapterOf(settings), () => sum(rows, false));
      const options = { batch, count: examples.length };
      return { loss: await evaluateRows(device, adapted, padded(examples, length), options) };
    },
  };
}
