// The mean loss of a model over fixed windows of tokens.

import { add } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { noGrad } from '../tensor/tape.ts';
import { evaluationWindows, IGNORED_TARGET } from '../text/loader.ts';
import type { Transformer } from './transformer.ts';

export interface EvaluationOptions {
  /** Windows per forward pass. */
  readonly batch: number;
  /** Most tokens to look at, spread evenly; 0: all. */
  readonly maximumTokens: number;
}

/** Mean negative log-likelihood per token, in nats. The same windows each time; the sum stays on the device. */
export async function evaluateLoss(
  device: Device,
  model: Transformer,
  tokens: Int32Array,
  { batch, maximumTokens }: EvaluationOptions,
): Promise<number> {
  const { context } = model.config;
  const maximum =
    maximumTokens === 0 ? undefined : Math.max(1, Math.floor(maximumTokens / context));
  const { inputs, targets, starts } = evaluationWindows(tokens, {
    context,
    ...(maximum && { maximum }),
  });
  let total = device.zeros([]);
  for (let row = 0; row < starts.length; row += batch) {
    const rows = Math.min(batch, starts.length - row);
    const range = [row * context, (row + rows) * context] as const;
    const next = device.scope(() =>
      noGrad(() => {
        const ids = device.tensor(inputs.subarray(...range), { shape: [rows, context] });
        const expected = device.tensor(targets.subarray(...range), { shape: [rows, context] });
        return add(total, model.loss(ids, expected, { reduction: 'sum' }));
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
