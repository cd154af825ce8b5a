// A language model is a distribution over token sequences, and the chain rule makes it one of next tokens:
//
//   p(x_1 … x_L) = Π_i p(x_i | x_1 … x_(i-1)) · p(end | x_1 … x_L)
//
// An n-gram model looks at the last n - 1 tokens alone, and its p are counts:
//
//   p(x | h) = (count(h x) + s) / (count(h) + s (V + 1))        s: additive smoothing, over V tokens and the end

import { ConfigError, DataError } from '../errors.ts';

export interface NGramOptions {
  /** n: 1 looks at nothing, 2 (bigrams) at one token. */
  readonly order: number;
  /** V; ids are 0 to V - 1. */
  readonly vocabularySize: number;
  /** s, above 0: what was never seen stays possible. Default 0.01. */
  readonly smoothing?: number;
  /** A sequence of this length ends for certain. Default: no bound. */
  readonly maximumLength?: number;
}

export interface NGramModel {
  /** p(x | history) of each token, and last of the end: [V + 1]. */
  next(history: readonly number[]): Float64Array;
  /** ln p of a whole sequence, its end included; -Infinity past the maximum length. */
  logProbability(sequence: readonly number[]): number;
}

/** The n-gram model of some sequences. @throws DataError for an id out of range, ConfigError for options out of theirs */
export function nGramModel(
  sequences: Iterable<readonly number[]>,
  {
    order,
    vocabularySize,
    smoothing = 0.01,
    maximumLength = Number.POSITIVE_INFINITY,
  }: NGramOptions,
): NGramModel {
  if (!(Number.isInteger(order) && order >= 1 && smoothing > 0)) {
    throw new ConfigError(
      `nGramModel: order is ${order} and smoothing ${smoothing}; expected an integer from 1 and a number over 0`,
    );
  }
  const end = vocabularySize;
  const contextOf = (history: readonly number[]) =>
    history.slice(Math.max(0, history.length - (order - 1))).join(' ');
  const counts = new Map<string, Float64Array>();

  for (const sequence of sequences) {
    for (let i = 0; i <= sequence.length; i++) {
      const id = i < sequence.length ? sequence[i]! : end;
      if (!(Number.isInteger(id) && id >= 0 && (id < end || i === sequence.length))) {
        throw new DataError(`nGramModel: id ${id} is not one of 0 to ${end - 1}`);
      }
      const context = contextOf(sequence.slice(0, i));
      const row = counts.get(context) ?? new Float64Array(end + 1);
      row[id]! += 1;
      counts.set(context, row);
    }
  }

  const next = (history: readonly number[]): Float64Array => {
    if (history.length >= maximumLength) return new Float64Array(end + 1).fill(1, end);
    const row = counts.get(contextOf(history)) ?? new Float64Array(end + 1);
    const total = row.reduce((sum, count) => sum + count + smoothing, 0);
    return row.map((count) => (count + smoothing) / total);
  };
  return {
    next,
    logProbability(sequence) {
      if (sequence.length > maximumLength) return Number.NEGATIVE_INFINITY;
      return [...sequence, end].reduce(
        (sum, id, i) => sum + Math.log(next(sequence.slice(0, i))[id]!),
        0,
      );
    },
  };
}
