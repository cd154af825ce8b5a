// Text from a model, one token after another: logits of the last position, temperature, a draw.

import { DataError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { reshape, slice } from '../ops/view.ts';
import { randomStream } from '../tensor/philox.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tokenizer } from '../text/characters.ts';
import type { Transformer } from './transformer.ts';

export interface SampleOptions {
  readonly prompt: string;
  /** New tokens. */
  readonly tokens: number;
  /** Logits are divided by it; 0 takes the most likely token. Default 1. */
  readonly temperature?: number;
  readonly seed: number;
  /** Samples of different streams are independent. Default 0. */
  readonly stream?: number;
}

const STREAM = 0x73616d70; // 'samp': the draws of a seed that belong to samples

/** The continuation of the prompt, without the prompt. @throws DataError for an empty prompt: what would it continue? */
export async function sampleText(
  device: Device,
  model: Transformer,
  tokenizer: Tokenizer,
  { prompt, tokens, temperature = 1, seed, stream = 0 }: SampleOptions,
): Promise<string> {
  const random = randomStream(seed, STREAM, { step: stream });
  const ids = Array.from(tokenizer.encode(prompt));
  const begin = ids.length;
  if (begin === 0)
    throw new DataError('sampleText: the prompt is empty; give at least one character');
  for (let i = 0; i < tokens; i++) {
    const logits = await lastLogits(device, model, ids);
    ids.push(draw(logits, temperature, random.uniform()));
  }
  return tokenizer.decode(ids.slice(begin));
}

/** Logits [V] that follow the last `context` ids. The window has one size, so that nothing is allocated as it fills. */
async function lastLogits(
  device: Device,
  model: Transformer,
  ids: readonly number[],
): Promise<ArrayLike<number>> {
  const { context, vocabularySize } = model.config;
  const window = ids.slice(-context);
  // Positions after the last are causally invisible to it.
  const padded = Int32Array.from({ length: context }, (_, i) => window[i] ?? 0);
  const logits = device.scope(() =>
    noGrad(() => {
      const all = model.forward(device.tensor(padded, { shape: [1, context] }));
      const last = window.length - 1;
      return reshape(slice(all, { start: [0, last, 0], end: [1, last + 1, vocabularySize] }), [
        vocabularySize,
      ]);
    }),
  );
  const values = await logits.data();
  logits.dispose();
  return values;
}

/** The index where the cumulative softmax(logits / temperature) passes `uniform`. */
function draw(logits: ArrayLike<number>, temperature: number, uniform: number): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  if (temperature === 0) return best;
  const weights = Array.from(logits, (z) => Math.exp((z - logits[best]!) / temperature));
  let rest = uniform * weights.reduce((a, b) => a + b, 0);
  const index = weights.findIndex((weight) => (rest -= weight) < 0);
  return index === -1 ? best : index;
}
