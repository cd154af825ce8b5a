// The character tokenizer: one token per Unicode code point of a fixed alphabet.

import { DataError } from '../errors.ts';

/** What every tokenizer can do. */
export interface Tokenizer {
  /** Ids run from 0 to vocabularySize - 1. */
  readonly vocabularySize: number;
  /** @throws DataError for a text that has no ids. */
  encode(text: string): Int32Array;
  /** @throws DataError for an id out of range. */
  decode(ids: ArrayLike<number>): string;
  /** All that is needed to make the tokenizer again. */
  toJSON(): unknown;
}

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

  return {
    vocabularySize: alphabet.length,
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
    decode(ids) {
      return Array.from(ids, (id, position) => {
        const character = alphabet[id];
        if (character !== undefined) return character;
        throw new DataError(
          `characters: id ${id} at position ${position} is not one of 0 to ${alphabet.length - 1}`,
        );
      }).join('');
    },
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
