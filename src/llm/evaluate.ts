// The mean loss of a model over fixed windows of tokens.

import { add } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { evaluationWindows, IGNORED_TARGET, type Windows } from '../text/loader.ts';
import type { Transformer } from './transformer.ts';

export interface EvaluationOptions {
  /** Windows per forward pass. */
  readonly batch: number;
  /** Most tokens to look at, spread evenly; 0: all. */
  readonly maximumTokens: number;
}

/** Mean negative log-likelihood per token, in nats. The same windows each time; the sum stays on the device. */
export function evaluateLoss(
  device: Device,
  model: Transformer,
  tokens: Int32Array,
  { batch, maximumTokens }: EvaluationOptions,
): Promise<number> {
  const { context } = model.config;
  const maximum =
    maximumTokens === 0 ? undefined : Math.max(1, Math.floor(maximumTokens / context));
  const windows = evaluationWindows(tokens, { context, ...(maximum && { maximum }) });
  const loss = (ids: Tensor, targets: Tensor) => model.loss(ids, targets, { reduction: 'sum' });
  return evaluateWindows(device, loss, windows, { batch, length: context });
}

/**
 * The mean over the counted targets of windows [rows, length]; `batch` rows per forward pass.
 * @param lossOf the sum of the losses of such rows, by ids and targets
 */
export async function evaluateWindows(
  device: Device,
  lossOf: (ids: Tensor, targets: Tensor) => Tensor,
  { inputs, targets }: Windows,
  { batch, length }: { readonly batch: number; readonly length: number },
): Promise<number> {
  const count = inputs.length / length;
  let total = device.zeros([]);
  for (let row = 0; row < count; row += batch) {
    const rows = Math.min(batch, count - row);
    const range = [row * length, (row + rows) * length] as const;
    const next = device.scope(() =>
      noGrad(() => {
        const ids = device.tensor(inputs.subarray(...range), { shape: [rows, length] });
        const expected = device.tensor(targets.subarray(...range), { shape: [rows, length] });
        return add(total, lossOf(ids, expected));
      }),
    );
    total.dispose();
    total = next;
    device.submit();
  }
  const sum = await total.item();
  total.dispose();
  return sum / targets.reduce((count, target) => count + (target === IGNORED_TARGET ? 0 : 1), 0);
}
