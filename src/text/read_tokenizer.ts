// A tokenizer from its JSON, whatever its kind.

import { DataError } from '../errors.ts';
import { type ParsedObject, quoted } from '../io/json.ts';
import { bpeTokenizer } from './bpe.ts';
import { characterTokenizer } from './characters.ts';
import { withSpecials } from './special_tokens.ts';
import type { Tokenizer } from './tokenizer.ts';
import { bpeModel, parseTokenizerFile } from './tokenizer_json.ts';
import { wordTokenizer } from './words.ts';

/**
 * Makes a tokenizer again from what `JSON.stringify(tokenizer)` gave, or from Hugging Face's tokenizer.json.
 * @param what names the file in errors
 * @throws DataError for what is malformed, and for kinds that are not known
 */
export function readTokenizer(text: string, what = 'tokenizer.json'): Tokenizer {
  return tokenizerOf(parseTokenizerFile(text, what), what);
}

function tokenizerOf(file: ParsedObject, what: string): Tokenizer {
  const type = file.get('type');
  if (type === undefined) return bpeTokenizer(bpeModel(file, what));
  const [alphabet, words] = [file.get('alphabet'), file.get('words')];
  if (type === 'characters' && typeof alphabet === 'string') return characterTokenizer(alphabet);
  if (type === 'words' && Array.isArray(words) && words.every((word) => typeof word === 'string')) {
    return wordTokenizer(words);
  }
  const [specials, inner] = [file.get('specials'), file.get('tokenizer')];
  if (type === 'specials' && Array.isArray(specials) && inner instanceof Map) {
    if (specials.every((each) => typeof each === 'string'))
      return withSpecials(tokenizerOf(inner, `${what}: tokenizer`), specials);
  }
  throw new DataError(
    `${what}: type is ${quoted(String(type))}; expected "characters" with an alphabet, "words" with words, ` +
      '"specials" with specials and a tokenizer, or a tokenizer.json of Hugging Face',
  );
}
