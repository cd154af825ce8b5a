// What training asks of a model for a batch of windows: the next token; tokens that were masked; a disturbed text put right.

import { ConfigError } from '../errors.ts';
import type { LinearCrossEntropyOptions } from '../ops/linear_cross_entropy.ts';
import type { RandomStream } from '../tensor/philox.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  bert,
  type Denoising,
  deshuffle,
  dropTokens,
  masked,
  mass,
  prefixLM,
  randomSpans,
  replaceSpans,
} from '../text/denoise.ts';
import { bertReplacements, independentNoise, spanNoise } from '../text/denoise_draws.ts';
import { IGNORED_TARGET, type Windows } from '../text/loader.ts';
import { documentBounds } from '../text/packing.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Batch } from './batch.ts';
import type { TrainSettings } from './settings.ts';
import type { Transformer } from './transformer.ts';

export interface Objective {
  /** @param random what is masked or disturbed is drawn from it. */
  batch(windows: Windows, random: RandomStream): Batch<Int32Array>;
}

/** Predict what follows, from all that comes before it in the window. */
export const NEXT_TOKEN: Objective = {
  batch: ({ inputs, targets }) => ({ ids: inputs, targets }),
};

/** T5's share of tokens that are noise, and the length of its spans (Raffel et al. 2020). */
const RATE = 0.15;
const SPAN = 3;

/**
 * Ids after the tokenizer's V: V is the mask, V + 1 begins what a decoder writes and pads what an encoder reads, V + 2 and on
 * are the sentinels of spans.
 */
export function objectiveOf(
  settings: Pick<TrainSettings, 'objective' | 'context' | 'documentSeparator'>,
  tokenizer: Tokenizer,
): Objective {
  const { objective, context } = settings;
  const V = tokenizer.vocabularySize;
  const separator = separatorOf(settings, tokenizer);
  const documentsOf = ({ inputs }: Windows) => {
    if (separator === null) return {};
    const { bounds, positions } = documentBounds(inputs, { context, separator });
    return { documents: bounds, positions };
  };
  if (objective === 'nextToken') {
    return {
      batch: (windows) => ({
        ids: windows.inputs,
        targets: windows.targets,
        ...documentsOf(windows),
      }),
    };
  }
  if (objective === 'masked') {
    return {
      batch(windows, random) {
        const rows = rowsOf(windows.inputs, context).map((tokens) => {
          const options = { rate: RATE, mask: V, vocabularySize: V };
          return masked(tokens, bertReplacements(random, tokens, options), IGNORED_TARGET);
        });
        const [ids, targets] = [
          rows.flatMap((row) => row.inputs),
          rows.flatMap((row) => row.targets),
        ];
        return {
          ids: Int32Array.from(ids),
          targets: Int32Array.from(targets),
          ...documentsOf(windows),
        };
      },
    };
  }
  return {
    batch({ inputs }, random) {
      const rows = rowsOf(inputs, context).map((tokens) => DENOISE[objective](tokens, random, V));
      return readAndWritten(rows, context, V + 1);
    },
  };
}

type Denoise = (tokens: number[], random: RandomStream, V: number) => Denoising<number>;

const noiseOf = (random: RandomStream, tokens: number[]) =>
  independentNoise(random, tokens.length, RATE);

/** T5's table, each with its choice drawn at random. */
const DENOISE: Readonly<
  Record<Exclude<TrainSettings['objective'], 'nextToken' | 'masked'>, Denoise>
> = {
  prefixLM: (tokens, random) => prefixLM(tokens, 1 + random.integer(tokens.length - 1)),
  bert(tokens, random, V) {
    const shares = { maskShare: 0.9, randomShare: 0.1 };
    const options = { rate: RATE, mask: V, vocabularySize: V, ...shares };
    return bert(tokens, bertReplacements(random, tokens, options));
  },
  deshuffle: (tokens, random) => deshuffle(tokens, random.shuffle([...tokens.keys()])),
  mass: (tokens, random, V) => mass(tokens, noiseOf(random, tokens), V),
  replaceSpans: (tokens, random, V) =>
    replaceSpans(tokens, noiseOf(random, tokens), (n) => V + 2 + n),
  dropTokens: (tokens, random) => dropTokens(tokens, noiseOf(random, tokens)),
  randomSpans(tokens, random, V) {
    const spans = spanNoise(random, tokens.length, { rate: RATE, meanLength: SPAN });
    return randomSpans(tokens, spans, (n) => V + 2 + n);
  },
};

/** For an encoder that reads and a decoder that writes, `context` tokens at most: what is longer is cut. */
function readAndWritten(
  rows: readonly Denoising<number>[],
  context: number,
  start: number,
): Batch<Int32Array> {
  const filled = (value: number) => new Int32Array(rows.length * context).fill(value);
  const [source, sourceMask] = [filled(start), filled(0)];
  const [ids, targets] = [filled(start), filled(IGNORED_TARGET)];
  for (const [row, { inputs, targets: wanted }] of rows.entries()) {
    const at = row * context;
    source.set(inputs, at);
    sourceMask.fill(1, at, at + inputs.length);
    targets.set(wanted.slice(0, context), at);
    ids.set(wanted.slice(0, context - 1), at + 1);
  }
  return { ids, targets, source, sourceMask };
}

const rowsOf = (tokens: Int32Array, context: number): number[][] =>
  Array.from({ length: tokens.length / context }, (_, row) =>
    Array.from(tokens.subarray(row * context, (row + 1) * context)),
  );

function separatorOf(
  { objective, documentSeparator: text }: Pick<TrainSettings, 'objective' | 'documentSeparator'>,
  tokenizer: Tokenizer,
): number | null {
  if (text === null) return null;
  const ids = tokenizer.encode(text, { specials: 'allow' });
  if (ids.length !== 1) {
    throw new ConfigError(
      `documentSeparator is ${JSON.stringify(text)}, which is ${ids.length} tokens; expected one`,
    );
  }
  if (objective === 'nextToken' || objective === 'masked') return ids[0]!;
  throw new ConfigError(
    `documentSeparator does not go with the objective ${objective}: an encoder and a decoder read different texts`,
  );
}

/** The loss of a batch, [B, T] or [B, T, 2] each. */
export function objectiveLoss(
  model: Transformer,
  { ids, targets, source, sourceMask, documents, positions }: Batch<Tensor>,
  options: LinearCrossEntropyOptions & { readonly training?: boolean } = {},
): Tensor {
  if (!source) return model.loss(ids, targets, { ...options, documents, positions });
  const { training = false } = options;
  const memory = model.encode(source, { training, keyMask: sourceMask });
  return model.loss(ids, targets, { ...options, memory, memoryMask: sourceMask });
}
