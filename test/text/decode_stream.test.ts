// Text from ids as they come: nothing is lost, and no character comes in two parts.

import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { trainBpe } from '../../src/text/bpe_train.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { decodeStream } from '../../src/text/tokenizer.ts';
import { adversarialStrings } from './strings.ts';

const strings = adversarialStrings(300, 5);
const tokenizer = trainBpe(strings.slice(0, 100), { vocabularySize: 400 });

function pushed(ids: ArrayLike<number>): string[] {
  const stream = decodeStream(tokenizer);
  return [...Array.from(ids, (id) => stream.push(id)), stream.end()];
}

describe('decodeStream', () => {
  it('gives a character with its last byte', () => {
    const bytes = [...new TextEncoder().encode('é今😀')];
    const text = ['', 'é', '', '', '今', '', '', '', '😀', ''];
    expect(pushed(bytes)).toEqual(text);
  });

  it('gives, joined, what decode gives, and no half of a surrogate pair', () => {
    for (const text of strings) {
      const ids = tokenizer.encode(text, { specials: 'text' });
      const parts = pushed(ids);
      expect(parts.join('')).toBe(tokenizer.decode(ids));
      expect(parts.filter((part) => /\p{Surrogate}/u.test(part))).toEqual([]);
    }
  });

  it('does so for ids that no text has, too', () => {
    let state = 1;
    for (let run = 0; run < 500; run++) {
      const ids = Array.from({ length: 12 }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return 0x80 + (state >>> 25); // continuation bytes and leading bytes of two, three and four
      });
      expect(pushed(ids).join('')).toBe(tokenizer.decode(ids));
    }
  });

  it('ends an unfinished character with U+FFFD', () => {
    expect(pushed([0x61, 0xf0, 0x9f])).toEqual(['a', '', '', '\ufffd']);
  });

  it('keeps U+FEFF at the beginning', () => {
    expect(pushed(tokenizer.encode('\ufeffa')).join('')).toBe('\ufeffa');
  });

  it('refuses an id out of range', () => {
    expect(() => decodeStream(tokenizer).push(400)).toThrow(DataError);
  });

  it('takes any tokenizer', () => {
    const characters = characterTokenizer('añ😀');
    const stream = decodeStream(characters);
    const parts = Array.from(characters.encode('ñ😀a'), (id) => stream.push(id));
    expect(parts).toEqual(['ñ', '😀', 'a']);
  });
});
