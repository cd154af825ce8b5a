// What a training run reads: tokens in two parts, the tokenizer, and the floor under the loss where it is known.

import { characterTokenizer } from '../text/characters.ts';
import { split } from '../text/corpus.ts';
import { entropyRate, generateCorpus } from '../text/grammar.ts';
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
  /** The file of the text; null for the built-in corpus. */
  readonly file: string | null;
  /** The whole text. */
  readonly content: string;
  readonly tokenizer: Tokenizer;
  readonly train: Int32Array;
  readonly validation: Int32Array;
  /** The source's entropy per character, in nats: no model's expected loss is lower. Null for text from outside. */
  readonly entropyFloor: number | null;
}

/** Characters as tokens, the last part held out; without a text, the built-in corpus. @throws DataError for a short text. */
export function trainingData(text: TrainingText | null, settings: TrainSettings): TrainingData {
  const { corpusSeed: seed, corpusCharacters: characters, validation, context } = settings;
  const content = text?.content ?? generateCorpus({ seed, characters });
  const tokenizer = characterTokenizer(content);
  const parts = split(tokenizer.encode(content), { validation, context });
  const entropyFloor = text ? null : entropyRate().natsPerCharacter;
  const { name = 'built-in stories', file = null } = text ?? {};
  return { name, file, content, tokenizer, ...parts, entropyFloor };
}
