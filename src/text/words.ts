// The word tokenizer: one token per word with the space in front of it, per number, run of signs or of white space. It is
// what BPE is compared with: a word that it has not seen is unknown, however alike it is to one that it has.

import { DataError } from '../errors.ts';
import { splitter } from './split_patterns.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface WordTokenizer extends Tokenizer {
  /** The token of words that are not in the vocabulary; it decodes to `UNKNOWN_WORD`. */
  readonly unknownId: number;
  /** `wordTokenizer(words)` makes the same tokenizer again. */
  toJSON(): { type: 'words'; words: readonly string[] };
}

export const UNKNOWN_WORD = '<unk>';

const split = splitter('gpt2');

/**
 * A tokenizer for the most frequent words of `text`, in the order of their counts, of equal ones the first seen.
 * @param vocabularySize with the token for unknown words
 * @throws DataError for an empty text
 */
export function trainWords(text: string, vocabularySize: number): WordTokenizer {
  const counts = new Map<string, number>();
  split(text, (word) => counts.set(word, (counts.get(word) ?? 0) + 1));
  const byCount = [...counts].sort(([, a], [, b]) => b - a).map(([word]) => word);
  return wordTokenizer(byCount.slice(0, Math.max(1, vocabularySize - 1)));
}

/** @param words each once; `words[i]` has the id i + 1, unknown ones 0 */
export function wordTokenizer(words: readonly string[]): WordTokenizer {
  if (words.length === 0) throw new DataError('words: there are none; expected at least one word');
  const all = [UNKNOWN_WORD, ...words];
  const idOf = new Map(words.map((word, i) => [word, i + 1]));
  if (idOf.size < words.length || idOf.has('')) {
    throw new DataError('words: a word is empty, or there twice');
  }
  const wordOf = (id: number, position: number): string => {
    const word = all[id];
    if (word !== undefined) return word;
    throw new DataError(
      `words: id ${id} at position ${position} is not one of 0 to ${words.length}`,
    );
  };
  return {
    vocabularySize: all.length,
    unknownId: 0,
    specials: new Map(),
    encode(text) {
      const ids: number[] = [];
      split(text, (word) => ids.push(idOf.get(word) ?? 0));
      return Int32Array.from(ids);
    },
    decode: (ids) => Array.from(ids, wordOf).join(''),
    bytesOf: (id) => new TextEncoder().encode(wordOf(id, 0)),
    toJSON: () => ({ type: 'words', words }),
  };
}
