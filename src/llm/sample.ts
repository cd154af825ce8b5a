// Text from a model that learns: samples of any length, beyond the model's context too.

import { DataError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import type { SamplingOptions } from '../ops/sampling_options.ts';
import { randomStream } from '../tensor/philox.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { generate } from './generate.ts';
import type { Transformer } from './transformer.ts';

export interface SampleOptions extends Pick<SamplingOptions, 'topK' | 'topP' | 'minP'> {
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
const MOST_SEEDS = 2 ** 31;

/**
 * The continuation of the prompt, or of its last `context` tokens, without the prompt. Where the context is full, the later
 * half of it is the prompt of what follows.
 * @throws DataError for an empty prompt: what would it continue?
 */
export async function sampleText(
  device: Device,
  model: Transformer,
  tokenizer: Tokenizer,
  { prompt, tokens, temperature = 1, seed, stream = 0, ...cuts }: SampleOptions,
): Promise<string> {
  const ids = Array.from(tokenizer.encode(prompt));
  const begin = ids.length;
  if (begin === 0)
    throw new DataError('sampleText: the prompt is empty; give at least one character');
  const { context } = model.config;
  const random = randomStream(seed, STREAM, { step: stream });
  while (ids.length < begin + tokens) {
    const left = begin + tokens - ids.length;
    const window = ids.slice(ids.length === begin ? -context : -Math.ceil(context / 2));
    const [sample] = await generate(device, model, [window], {
      maxNewTokens: Math.min(left, context + 1 - window.length),
      temperature,
      ...cuts,
      seed: random.integer(MOST_SEEDS),
      readEvery: context,
    });
    ids.push(...sample!.newIds);
  }
  return tokenizer.decode(ids.slice(begin));
}
