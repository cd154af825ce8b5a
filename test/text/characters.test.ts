import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { characterTokenizer } from '../../src/text/characters.ts';

/** Any code point, lone surrogates included: a text may come from JavaScript and not from UTF-8. */
const codePoint = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));

describe('characterTokenizer', () => {
  it('numbers the characters of a text by code point', () => {
    const tokenizer = characterTokenizer('hello world');
    expect(tokenizer.vocabularySize).toBe(8);
    expect([...tokenizer.encode(' dehlorw')]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(tokenizer.decode([3, 2, 4, 4, 5])).toBe('hello');
  });

  it('takes whole code points, sorted as such and not as UTF-16 halves', () => {
    const tokenizer = characterTokenizer('\u{1f600}\uff01a');
    expect(tokenizer.vocabularySize).toBe(3);
    expect([...tokenizer.encode('a\uff01\u{1f600}')]).toEqual([0, 1, 2]);
  });

  it('decodes what it encoded, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint, minLength: 1 }), (text) => {
        const tokenizer = characterTokenizer(text);
        const ids = tokenizer.encode(text);
        expect(ids).toHaveLength([...text].length);
        expect(tokenizer.decode(ids)).toBe(text);
      }),
    );
  });

  it('is made again from its JSON', () => {
    const tokenizer = characterTokenizer('any old \u{1f600} text\n"');
    const again = characterTokenizer(JSON.parse(JSON.stringify(tokenizer)).alphabet);
    expect(again.toJSON()).toEqual(tokenizer.toJSON());
    expect(again.encode('old text')).toEqual(tokenizer.encode('old text'));
  });

  it('names an unknown character and its position in code points', () => {
    const tokenizer = characterTokenizer('ab\u{1f600}');
    expect(() => tokenizer.encode('a\u{1f600}é')).toThrow(DataError);
    expect(() => tokenizer.encode('a\u{1f600}é')).toThrow('"é" (U+00E9) at position 2');
    expect(() => tokenizer.encode('\n')).toThrow('"\\n" (U+000A) at position 0');
  });

  it.each([-1, 3, 0.5, Number.NaN])('refuses to decode the id %s', (id) => {
    expect(() => characterTokenizer('abc').decode([0, id])).toThrow(
      'at position 1 is not one of 0 to 2',
    );
  });

  it('refuses an empty text', () => {
    expect(() => characterTokenizer('')).toThrow(DataError);
  });
});
