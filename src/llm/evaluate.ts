// The mean loss of a model over fixed windows of tokens, and the units that it is told in.

import { add } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { randomStream } from '../tensor/philox.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { evaluationWindows, IGNORED_TARGET } from '../text/loader.ts';
import { type Batch, mapBatch, shapeOf } from './batch.ts';
import type { TrainingData } from './data.ts';
import { NEXT_TOKEN, type Objective, objectiveLoss } from './objectives.ts';
import type { TrainSettings } from './settings.ts';
import type { Transformer } from './transformer.ts';

export interface EvaluationOptions {
  /** Windows per forward pass. */
  readonly batch: number;
  /** Most tokens to look at, spread evenly; 0: all. */
  readonly maximumTokens: number;
  /** What is asked of the model; what that hides or disturbs is the same each time. Default: the next token. */
  readonly objective?: Objective;
}

const SEED = 0x6576616c; // 'eval'

/** Mean negative log-likelihood per target, in nats. The same windows each time; the sum stays on the device. */
export function evaluateLoss(
  device: Device,
  model: Transformer,
  tokens: Int32Array,
  { batch, maximumTokens, objective = NEXT_TOKEN }: EvaluationOptions,
): Promise<number> {
  const { context } = model.config;
  const maximum =
    maximumTokens === 0 ? undefined : Math.max(1, Math.floor(maximumTokens / context));
  const windows = evaluationWindows(tokens, { context, ...(maximum && { maximum }) });
  const all = objective.batch(windows, randomStream(SEED));
  const loss = (rows: Batch<Tensor>) => objectiveLoss(model, rows, { reduction: 'sum' });
  return evaluateRows(device, loss, all, { batch, count: windows.starts.length });
}

/**
 * The mean over the counted targets of `count` rows; `batch` rows per forward pass.
 * @param lossOf the sum of the losses of such rows
 */
export async function evaluateRows(
  device: Device,
  lossOf: (rows: Batch<Tensor>) => Tensor,
  all: Batch<Int32Array>,
  { batch, count }: { readonly batch: number; readonly count: number },
): Promise<number> {
  let total = device.zeros([]);
  for (let row = 0; row < count; row += batch) {
    const rows = Math.min(batch, count - row);
    const next = device.scope(() =>
      noGrad(() => {
        const inputs = mapBatch(all, (values, name) => {
          const width = values.length / count;
          const part = values.subarray(row * width, (row + rows) * width);
          return device.tensor(part, { shape: shapeOf(name, part, rows) });
        });
        return add(total, lossOf(inputs));
      }),
    );
    total.dispose();
    total = next;
    device.submit();
  }
  const sum = await total.item();
  total.dispose();
  return sum / all.targets.reduce((n, target) => n + (target === IGNORED_TARGET ? 0 : 1), 0);
}

/** e^loss: a model that guessed evenly among so many tokens would be as good. `loss` in nats per token. */
export function perplexity(loss: number): number {
  return Math.exp(loss);
}

/** Bits per byte of UTF-8, which compares models whatever their tokens are. `loss` in nats per token. */
export function bitsPerByte(loss: number, bytesPerToken: number): number {
  return loss / Math.LN2 / bytesPerToken;
}

/** What a loss means for the text. */
export interface TextUnits {
  readonly perplexity: number;
  /** Null where the tokens do not give the text back. */
  readonly bitsPerByte: number | null;
}

/** Of the loss of the next token; null for other objectives, whose loss is not the likelihood of a text. */
export function textUnits(
  loss: number,
  { data, settings }: { readonly data: TrainingData; readonly settings: TrainSettings },
): TextUnits | null {
  if (settings.objective !== 'nextToken') return null;
  const { bytesPerToken } = data;
  const bits = bytesPerToken === null ? null : bitsPerByte(loss, bytesPerToken);
  return { perplexity: perplexity(loss), bitsPerByte: bits };
}
