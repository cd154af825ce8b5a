import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { parseTiktokenRanks, type TiktokenOptions } from '../../src/text/tiktoken_ranks.ts';

const line = (token: string, rank: number) =>
  `${Buffer.from(token, 'latin1').toString('base64')} ${rank}\n`;
const bytes = Array.from({ length: 256 }, (_, i) => line(String.fromCharCode(i), i)).join('');
const read = (more = '', options: Partial<TiktokenOptions> = {}) =>
  parseTiktokenRanks(bytes + more, { pattern: 'gpt2', ...options });

describe('parseTiktokenRanks', () => {
  it('joins two neighbours whose bytes are a token, the lowest rank first, the leftmost of equal ones', () => {
    const tokenizer = read(line('bc', 256) + line('ab', 257) + line('abc', 258) + line('aa', 259));
    const ids = (text: string) => [...tokenizer.encode(text)];
    expect(ids('xabc')).toEqual([120, 258]); // bc, then a + bc
    expect(ids('abd')).toEqual([257, 100]);
    expect(ids('xaaa')).toEqual([120, 259, 97]);
  });

  it('takes a piece that is a token as it is', () => {
    const tokenizer = read(line('xyz', 256)); // no merges lead to it
    expect([...tokenizer.encode('xyz')]).toEqual([256]);
    expect([...tokenizer.encode('xyzz')]).toEqual([120, 121, 122, 122]);
  });

  it('fills gaps with special tokens, which may lie above with gaps', () => {
    const specials = { '<|a|>': 256, '<|b|>': 300 };
    const tokenizer = read(line('ab', 257), { specials });
    expect([...tokenizer.encode('ab<|b|>', { specials: 'allow' })]).toEqual([257, 300]);
    expect(tokenizer.vocabularySize).toBe(301);
  });

  it.each([
    ['no rank', 'YWI=\n', 'line 257: expected a token in base64 and its rank, got "YWI="'],
    ['no base64', '!!! 256\n', 'line 257: expected'],
    ['half of base64', 'YWIjd 256\n', 'line 257: expected'],
    ['a negative rank', 'YWI= -1\n', 'line 257: expected'],
    ['a huge rank', 'YWI= 9999999\n', 'line 257: rank 9999999'],
    ['a token twice', line('a', 256), 'line 257: the token YQ== is there twice'],
    ['a rank twice', line('ab', 97), 'line 257: rank 97 is given twice'],
    ['a gap', line('ab', 257), 'no token has the rank 256'],
    ['a huge token', line('a'.repeat(600), 256), 'line 257: 600 bytes; at most 512'],
  ])('refuses %s', (_, more, message) => {
    expect(() => read(more, { what: 'x.tiktoken' })).toThrow(DataError);
    expect(() => read(more, { what: 'x.tiktoken' })).toThrow(`x.tiktoken: ${message}`);
  });

  it('refuses special tokens with ids that are taken, shared or no ids', () => {
    for (const specials of [{ x: 97 }, { x: 256, y: 256 }, { x: -1 }, { x: 0.5 }, { '': 256 }]) {
      expect(() => read('', { specials: specials as unknown as Record<string, number> })).toThrow(
        DataError,
      );
    }
  });
});
