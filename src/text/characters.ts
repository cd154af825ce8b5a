// The character tokenizer: one token per Unicode code point of a fixed alphabet.

import { DataError } from '../errors.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface CharacterTokenizer extends Tokenizer {
  /** `characterTokenizer(alphabet)` makes the same tokenizer again. */
  toJSON(): { type: 'characters'; alphabet: string };
}

/**
 * A tokenizer for the characters that occur in `text`, sorted by code point. An alphabet is a text as well.
 * @throws DataError for an empty text.
 */
export function characterTokenizer(text: string): CharacterTokenizer {
  // Iterating a string gives code points, not UTF-16 halves.
  const alphabet = [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  if (alphabet.length === 0)
    throw new DataError('characters: the text is empty; it must hold at least one character');
  const idOf = new Map(alphabet.map((character, id) => [character, id]));
  const characterOf = (id: number, position: number): string => {
    const character = alphabet[id];
    if (character !== undefined) return character;
    throw new DataError(
      `characters: id ${id} at position ${position} is not one of 0 to ${alphabet.length - 1}`,
    );
  };

  return {
    vocabularySize: alphabet.length,
    specials: new Map(),
    encode(text) {
      const ids = new Int32Array(text.length);
      let count = 0;
      for (const character of text) {
        const id = idOf.get(character);
        if (id === undefined) throw unknownCharacter(character, count, alphabet.length);
        ids[count++] = id;
      }
      return ids.slice(0, count);
    },
    decode: (ids) => Array.from(ids, characterOf).join(''),
    bytesOf: (id) => new TextEncoder().encode(characterOf(id, 0)),
    toJSON: () => ({ type: 'characters', alphabet: alphabet.join('') }),
  };
}

function unknownCharacter(character: string, position: number, size: number): DataError {
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return new DataError(
    `characters: ${JSON.stringify(character)} (U+${code}) at position ${position} is not among the ${size} characters ` +
      'of the alphabet; make the tokenizer from all of the text, or leave that character out',
  );
}
