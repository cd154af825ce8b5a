// Exposure bias of a model of the built-in stories: how unlikely its samples are under the grammar, by position.

import type { Device } from '../ops/device.ts';
import { type ExposureCurve, exposureCurve } from '../text/exposure.ts';
import { generateCorpus } from '../text/grammar.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { sampleText } from './sample.ts';
import type { Transformer } from './transformer.ts';

export interface ExposureBiasOptions {
  /** Texts of the model, and as many of the source. Default 64. */
  readonly samples?: number;
  /** Characters of each. */
  readonly characters: number;
  /** Characters per point of the curves. Default 16. */
  readonly width?: number;
  readonly seed: number;
}

/** The curve of the model's samples at temperature 1, and that of true stories. */
export async function exposureBias(
  device: Device,
  model: Transformer,
  tokenizer: Tokenizer,
  { samples = 64, characters, width = 16, seed }: ExposureBiasOptions,
): Promise<{ readonly model: ExposureCurve; readonly source: ExposureCurve }> {
  const texts: string[] = [];
  for (let stream = 0; stream < samples; stream++) {
    const options = { prompt: '\n', tokens: characters, seed, stream };
    texts.push(await sampleText(device, model, tokenizer, options));
  }
  // A seed for each, so that the texts are independent.
  const stories = texts.map((_, i) =>
    generateCorpus({ seed: seed * samples + i, characters }).slice(0, characters),
  );
  return {
    model: exposureCurve(texts, { width }),
    source: exposureCurve(stories, { width }),
  };
}
