// What a training run reads: tokens in two parts, the tokenizer, and the floor under the loss where it is known.

import { ConfigError } from '../errors.ts';
import { type Merge, trainBpe } from '../text/bpe_train.ts';
import { characterTokenizer } from '../text/characters.ts';
import { requireContext, splitText } from '../text/corpus.ts';
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
  /** Whether the tokenizer came from outside; otherwise it is made of the texts. */
  readonly tokenizerGiven: boolean;
  readonly train: Int32Array;
  /** Views on `train`, one for each text. */
  readonly sources: readonly Int32Array[];
  /** The weights of the sources in each phase of the training. */
  readonly phases: readonly Phase[];
  /** The last part of each text. */
  readonly validation: Int32Array;
  /** Characters per token of the held-out part: 1 where tokens are characters. */
  readonly charactersPerToken: number;
  /** Bytes of UTF-8 per token of the held-out part; null where the tokens do not give it back, as unknown words do not. */
  readonly bytesPerToken: number | null;
  /** The source's entropy per token, in nats: no model's expected loss is lower. Null for text from outside. */
  readonly entropyFloor: number | null;
}

/**
 * Tokens of the texts, the last part of each held out; without a text, of the built-in corpus. A token is a character, or
 * with `settings.vocabularySize` one of a byte-level BPE that is trained on what is not held out.
 * @param tokenizer a ready one, in place of these
 * @param onMerge told of each merge of a BPE as it is made
 * @throws DataError for a short text, ConfigError for phases that are not for as many texts, and for two tokenizers.
 */
export function trainingData(
  given: TrainingText | readonly TrainingText[] | null,
  settings: TrainSettings,
  tokenizer: Tokenizer | null = null,
  onMerge?: (merge: Merge) => void,
): TrainingData {
  const { corpusSeed: seed, corpusCharacters: characters } = settings;
  const texts = given === null ? [builtIn({ seed, characters })] : [given].flat();
  const content = texts.map((text) => text.content).join('');
  const parts = texts.map((text) => splitText(text.content, settings.validation));
  const { vocabularySize } = settings;
  const used = tokenizerFor(content, parts, { vocabularySize, onMerge }, tokenizer);
  // `<|endoftext|>` between the documents of a file is the token.
  const encoded = parts.map(({ train, validation }) => ({
    train: used.encode(train, { specials: 'allow' }),
    validation: used.encode(validation, { specials: 'allow' }),
  }));
  for (const part of encoded) requireParts(part, settings.context);
  const train = joined(encoded.map((part) => part.train));
  const heldOut = joined(encoded.map((part) => part.validation));
  const heldOutText = parts.map((part) => part.validation).join('');
  const whole = used.decode(heldOut) === heldOutText;
  const charactersPerToken = [...heldOutText].length / heldOut.length;
  let begin = 0;
  const sources = encoded.map((part) => train.subarray(begin, (begin += part.train.length)));
  return {
    name: texts.map(({ name }) => name).join(' + '),
    files: texts.flatMap(({ file }) => file ?? []),
    content,
    tokenizer: used,
    tokenizerGiven: tokenizer !== null,
    train,
    sources,
    phases: phasesOf(settings, sources),
    validation: heldOut,
    charactersPerToken,
    bytesPerToken: whole ? new TextEncoder().encode(heldOutText).length / heldOut.length : null,
    entropyFloor:
      given === null && whole ? entropyRate().natsPerCharacter * charactersPerToken : null,
  };
}

/** What a token of the data is called. */
export function tokenUnit({ charactersPerToken }: TrainingData): 'character' | 'token' {
  return charactersPerToken === 1 ? 'character' : 'token';
}

interface TokenizerOptions extends Pick<TrainSettings, 'vocabularySize'> {
  readonly onMerge: ((merge: Merge) => void) | undefined;
}

/** Characters are those of all of the text: none may be unknown. Merges are learned from the training parts alone. */
function tokenizerFor(
  content: string,
  parts: readonly { readonly train: string }[],
  { vocabularySize, onMerge }: TokenizerOptions,
  given: Tokenizer | null,
): Tokenizer {
  if (vocabularySize === null) return given ?? characterTokenizer(content);
  if (given) {
    throw new ConfigError(
      `vocabularySize is ${vocabularySize}, for a tokenizer made of the text, and one is given; set vocabularySize to null`,
    );
  }
  return trainBpe(
    parts.map(({ train }) => train),
    { vocabularySize, ...(onMerge && { onMerge }) },
  );
}

/** @throws DataError where a part of a text is too short for one context. */
function requireParts(
  { train, validation }: { readonly train: Int32Array; readonly validation: Int32Array },
  context: number,
): void {
  requireContext(train.length + validation.length, context, 'the text');
  requireContext(train.length, context, 'the training part');
  requireContext(validation.length, context, 'the validation part');
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
