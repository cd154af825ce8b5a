// A language model as a classifier: of all tokens that could come next, those of the labels alone are compared.
//
//   score(label | prompt) = ln P(label's tokens | prompt) = Σ_t ln P(token_t | prompt, tokens before)
//
// Scores of several labels need no normalising among them: argmax over the labels is that of the full softmax restricted to
// their tokens.

import { ConfigError, DataError } from '../errors.ts';
import { crossEntropy } from '../ops/cross_entropy.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import { reshape } from '../ops/view.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Transformer } from './transformer.ts';

/** What a label is called in the text, by label: `{ yes: 'Yes', no: 'No' }`. */
export type Verbaliser = Readonly<Record<string, string>>;

/** The tokens of each label. */
export interface Labels {
  readonly names: readonly string[];
  readonly ids: readonly Int32Array[];
}

/**
 * The labels' words in tokens.
 * @param gap what stands before a label in the pattern; the tokenizer may join it to the word
 * @throws ConfigError for less than two labels, DataError for a word with an unknown token, and for two that the model could
 *   not tell apart: one begins with the other.
 */
export function encodeLabels(tokenizer: Tokenizer, verbaliser: Verbaliser, gap = ' '): Labels {
  const names = Object.keys(verbaliser);
  if (names.length < 2) {
    throw new ConfigError(`verbaliser: ${names.length} labels; expected two or more`);
  }
  const ids = names.map((name) => encodeWord(tokenizer, name, `${gap}${verbaliser[name]}`));
  for (const [a, first] of ids.entries()) {
    for (const [b, second] of ids.entries()) {
      if (a === b || first.some((id, i) => id !== second[i])) continue;
      throw new DataError(
        `verbaliser: the tokens of ${names[b]} begin with those of ${names[a]}, which would always be as likely; choose other words`,
      );
    }
  }
  return { names, ids };
}

function encodeWord(tokenizer: Tokenizer, name: string, text: string): Int32Array {
  const refuse = (why: string, cause?: unknown) =>
    new DataError(`verbaliser: ${name} is ${JSON.stringify(text)}, ${why}; choose other words`, {
      cause,
    });
  let ids: Int32Array;
  try {
    ids = tokenizer.encode(text);
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    throw refuse(`which the tokenizer cannot write (${cause.message})`, cause);
  }
  const { unknownId } = tokenizer as { readonly unknownId?: number };
  if (unknownId !== undefined && ids.includes(unknownId)) {
    throw refuse('which has a token that the tokenizer does not know');
  }
  if (ids.length === 0) throw refuse('which has no tokens');
  return ids;
}

export interface ScoreOptions {
  /** Rows per forward pass. Default 64. */
  readonly batch?: number;
}

/** A prompt and the tokens of a label before its last: what the model reads. One for all labels of a single token. */
interface Row {
  readonly ids: Int32Array;
  /** Positions whose next token is a label's, and that token; `at` says whose score it adds to. */
  readonly asked: {
    position: number;
    token: number;
    at: readonly [prompt: number, label: number];
  }[];
}

/**
 * ln P(label | prompt) of each prompt (rows) and label (columns), in batched forward passes.
 * @throws DataError for a prompt without tokens, or one that is with its label longer than the model's context
 */
export async function scoreLabels(
  device: Device,
  model: Transformer,
  prompts: readonly Int32Array[],
  labels: Labels,
  { batch = 64 }: ScoreOptions = {},
): Promise<Float64Array[]> {
  const rows = prompts.flatMap((prompt, i) => rowsOf(prompt, i, labels, model.config.context));
  const scores = prompts.map(() => new Float64Array(labels.names.length));
  for (let begin = 0; begin < rows.length; begin += batch) {
    const part = rows.slice(begin, begin + batch);
    const losses = await nextTokenLosses(device, model, part);
    for (const [i, { at }] of part.flatMap(({ asked }) => asked).entries())
      scores[at[0]]![at[1]]! -= losses[i]!;
  }
  return scores;
}

function rowsOf(prompt: Int32Array, index: number, { names, ids }: Labels, context: number): Row[] {
  const rows = new Map<string, Row>();
  if (prompt.length === 0) throw new DataError(`prompt ${index}: it has no tokens`);
  for (const [label, tokens] of ids.entries()) {
    const read = tokens.subarray(0, -1);
    const length = prompt.length + read.length;
    if (length > context) {
      throw new DataError(
        `prompt ${index}: with the label ${names[label]} it has ${length} tokens, the model's context is ${context}; shorten it`,
      );
    }
    const key = read.join();
    const row = rows.get(key) ?? { ids: Int32Array.of(...prompt, ...read), asked: [] };
    rows.set(key, row);
    for (const [t, token] of tokens.entries())
      row.asked.push({ position: prompt.length - 1 + t, token, at: [index, label] });
  }
  return [...rows.values()];
}

/** [rows, length]: tokens from the left, each row padded at its end to the longest. */
export function promptRows(rows: readonly Int32Array[]): { ids: Int32Array; length: number } {
  const length = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const ids = new Int32Array(rows.length * length);
  for (const [i, row] of rows.entries()) ids.set(row, i * length);
  return { ids, length };
}

/** -ln P of what each row asks for. Rows are padded at their ends, which no asked position sees. */
async function nextTokenLosses(
  device: Device,
  model: Transformer,
  rows: readonly Row[],
): Promise<Float32Array> {
  const { ids, length } = promptRows(rows.map(({ ids }) => ids));
  const places = rows.flatMap(({ asked }, i) => asked.map(({ position }) => i * length + position));
  const tokens = rows.flatMap(({ asked }) => asked.map(({ token }) => token));
  const losses = device.scope(() =>
    noGrad(() => {
      const i32 = (values: ArrayLike<number>, shape: readonly number[]) =>
        device.tensor(Int32Array.from(values), { shape });
      const hidden = model.hidden(i32(ids, [rows.length, length]));
      const flat = reshape(hidden, [rows.length * length, model.config.width]);
      const logits = model.logits(embedding(flat, i32(places, [places.length])));
      return crossEntropy(logits, i32(tokens, [tokens.length]), { reduction: 'none' });
    }),
  );
  const values = (await losses.data()) as Float32Array;
  losses.dispose();
  return values;
}

/** The labels' probabilities where nothing else is allowed: softmax of the scores. */
export function labelProbabilities(scores: ArrayLike<number>): number[] {
  const all = Array.from(scores);
  const most = Math.max(...all);
  const weights = all.map((score) => Math.exp(score - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * Contextual calibration (Zhao et al. 2021): what the model says of inputs without content, such as "N/A", is its bias, by
 * which its probabilities are divided. Scores become ln P(label | prompt) - ln mean P(label | prompt without content).
 * @param contentFree scores of the same prompt with such inputs, one or more
 */
export function calibrateScores(
  scores: ArrayLike<number>,
  contentFree: readonly ArrayLike<number>[],
): Float64Array {
  if (contentFree.length === 0) {
    throw new ConfigError(
      'calibrateScores: no scores of an input without content; expected one or more',
    );
  }
  const all = contentFree.map(labelProbabilities);
  return Float64Array.from(scores, (score, label) => {
    const mean = all.reduce((sum, p) => sum + p[label]!, 0) / all.length;
    return score - Math.log(mean);
  });
}

/** The index of the best score, the first of equal ones. */
export function bestLabel(scores: ArrayLike<number>): number {
  return Array.from(scores).reduce((top, score, i, all) => (score > all[top]! ? i : top), 0);
}
