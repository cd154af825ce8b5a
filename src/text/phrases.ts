// The phrase tokenizer: one token for each of a list of phrases, for texts that are made of nothing else. Lines that are all
// alike take few tokens with it, and so more of them fit a model's context.

import { DataError } from '../errors.ts';
import type { Tokenizer } from './tokenizer.ts';

/**
 * @param phrases each once; `phrases[i]` has the id i. Where several fit, the longest is taken
 * @throws DataError for no phrases, an empty one, or one that is there twice
 */
export function phraseTokenizer(phrases: readonly string[]): Tokenizer {
  const idOf = new Map(phrases.map((phrase, id) => [phrase, id]));
  if (phrases.length === 0 || idOf.size < phrases.length || idOf.has('')) {
    throw new DataError('phrases: there are none, or one is empty or there twice');
  }
  const escaped = [...phrases]
    .sort((a, b) => b.length - a.length) // of alternatives a regular expression takes the first that fits
    .map((phrase) => phrase.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const next = new RegExp(escaped.join('|'), 'y');
  const phraseOf = (id: number): string => {
    const phrase = phrases[id];
    if (phrase !== undefined) return phrase;
    throw new DataError(`phrases: id ${id} is not one of 0 to ${phrases.length - 1}`);
  };
  return {
    vocabularySize: phrases.length,
    specials: new Map(),
    encode(text) {
      const ids: number[] = [];
      next.lastIndex = 0;
      for (let at = 0; at < text.length; at = next.lastIndex) {
        const phrase = next.exec(text)?.[0];
        if (phrase === undefined) {
          const rest = JSON.stringify(text.slice(at, at + 12));
          throw new DataError(`phrases: no phrase fits ${rest} at character ${at}`);
        }
        ids.push(idOf.get(phrase)!);
      }
      return Int32Array.from(ids);
    },
    decode: (ids) => Array.from(ids, phraseOf).join(''),
    bytesOf: (id) => new TextEncoder().encode(phraseOf(id)),
    toJSON: () => ({ type: 'phrases', phrases }),
  };
}
