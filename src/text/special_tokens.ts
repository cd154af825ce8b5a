// Special tokens for a tokenizer that has none, such as the tags of a reasoning buffer.

import { DataError } from '../errors.ts';
import { addedTokenFinder } from './added_tokens.ts';
import type { Tokenizer } from './tokenizer.ts';

/**
 * The tokenizer with these tokens after its own, each one id. In a text they are found before anything else, if `specials` allows it.
 * @throws DataError for none, and for one that is empty or there already.
 */
export function withSpecials(tokenizer: Tokenizer, texts: readonly string[]): Tokenizer {
  const first = tokenizer.vocabularySize;
  const added = texts.map((text, i) => ({ text, id: first + i, special: true }));
  const own = new Map(added.map(({ text, id }) => [text, id]));
  if (own.size === 0 || own.size < texts.length || own.has(''))
    throw new DataError('special tokens: expected at least one, none empty or twice');
  const known = texts.find((text) => tokenizer.specials.has(text));
  if (known !== undefined)
    throw new DataError(`special tokens: the tokenizer has ${JSON.stringify(known)} already`);
  const find = addedTokenFinder(added);
  return {
    vocabularySize: first + texts.length,
    specials: new Map([...tokenizer.specials, ...own]),
    encode(text, options = {}) {
      const { specials = 'refuse' } = options;
      if (specials === 'text') return tokenizer.encode(text, options);
      const ids: number[] = [];
      let done = 0;
      for (const { token, at } of find(text)) {
        if (specials !== 'allow' && !specials.includes(token.text)) throw refused(token.text, at);
        ids.push(...tokenizer.encode(text.slice(done, at), options), token.id);
        done = at + token.text.length;
      }
      ids.push(...tokenizer.encode(text.slice(done), options));
      return Int32Array.from(ids);
    },
    decode(ids) {
      let text = '';
      let plain: number[] = [];
      const flush = () => {
        text += tokenizer.decode(plain);
        plain = [];
      };
      for (const id of Array.from(ids)) {
        const special = texts[id - first];
        if (special === undefined) plain.push(id);
        else {
          flush();
          text += special;
        }
      }
      flush();
      return text;
    },
    bytesOf: (id) => {
      const special = texts[id - first];
      return special === undefined ? tokenizer.bytesOf(id) : new TextEncoder().encode(special);
    },
    toJSON: () => ({ type: 'specials', specials: texts, tokenizer: tokenizer.toJSON() }),
  };
}

function refused(text: string, at: number): DataError {
  return new DataError(
    `encode: the text holds the special token ${JSON.stringify(text)} at character ${at}; ` +
      "with specials: 'allow' it becomes the token's id, with 'text' it is encoded like any other text",
  );
}
