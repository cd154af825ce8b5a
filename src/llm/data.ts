// What a training run reads: tokens in two parts, the tokenizer, and the floor under the loss where it is known.

import { ConfigError } from '../errors.ts';
import { characterTokenizer } from '../text/characters.ts';
import { split } from '../text/corpus.ts';
import { entropyRate, generateCorpus } from '../text/grammar.ts';
import type { Phase } from '../text/mixture.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { TrainSettings } from './settings.ts';

export interface TrainingText {
  readonly name: string;
  readonly content: string;
  /** The file that it came from; a run remembers it. */
  readonly file?: string;
}

export interface TrainingData {
  readonly name: string;
  /** The files of the texts; none for the built-in corpus. */
  readonly files: readonly string[];
  /** All texts, one after another. */
  readonly content: string;
  readonly tokenizer: Tokenizer;
  readonly train: Int32Array;
  /** Views on `train`, one for each text. */
  readonly sources: readonly Int32Array[];
  /** The weights of the sources in each phase of the training. */
  readonly phases: readonly Phase[];
  /** The last part of each text. */
  readonly validation: Int32Array;
  /** Bytes of UTF-8 per token of the held-out part. */
  readonly bytesPerToken: number;
  /** The source's entropy per character, in nats: no model's expected loss is lower. Null for text from outside. */
  readonly entropyFloor: number | null;
}

/**
 * Characters as tokens, the last part of each text held out; without a text, the built-in corpus.
 * @throws DataError for a short text, ConfigError for phases that are not for as many texts.
 */
export function trainingData(
  given: TrainingText | readonly TrainingText[] | null,
  settings: TrainSettings,
): TrainingData {
  const { corpusSeed: seed, corpusCharacters: characters, validation, context } = settings;
  const texts = given === null ? [builtIn({ seed, characters })] : [given].flat();
  const content = texts.map((text) => text.content).join('');
  const tokenizer = characterTokenizer(content);
  const parts = texts.map((text) => split(tokenizer.encode(text.content), { validation, context }));
  const train = joined(parts.map((part) => part.train));
  const heldOut = joined(parts.map((part) => part.validation));
  let begin = 0;
  const sources = parts.map((part) => train.subarray(begin, (begin += part.train.length)));
  return {
    name: texts.map(({ name }) => name).join(' + '),
    files: texts.flatMap(({ file }) => file ?? []),
    content,
    tokenizer,
    train,
    sources,
    phases: phasesOf(settings, sources),
    validation: heldOut,
    bytesPerToken: new TextEncoder().encode(tokenizer.decode(heldOut)).length / heldOut.length,
    entropyFloor: given === null ? entropyRate().natsPerCharacter : null,
  };
}

function builtIn(corpus: { seed: number; characters: number }): TrainingText {
  return { name: 'built-in stories', content: generateCorpus(corpus) };
}

/** Without weights every crop of all texts is equally likely: each text counts by its size. */
function phasesOf({ phases }: TrainSettings, sources: readonly Int32Array[]): Phase[] {
  return phases.map(([length, ...weights], n) => {
    if (weights.length === 0) return { length: length!, weights: sources.map((x) => x.length) };
    if (weights.length === sources.length) return { length: length!, weights };
    throw new ConfigError(
      `phases: phase ${n + 1} has ${weights.length} weights, and the texts are ${sources.length}; expected one for each`,
    );
  });
}

function joined(parts: readonly Int32Array[]): Int32Array {
  const [only, ...others] = parts;
  if (only && others.length === 0) return only;
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
