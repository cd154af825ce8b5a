// Byte-level BPE applied: published ids, special tokens, whatever text, and the time that it takes.

import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { bpeTokenizer } from '../../src/text/bpe.ts';
import { trainBpe } from '../../src/text/bpe_train.ts';
import { generateCorpus } from '../../src/text/grammar.ts';
import { SPLIT_PATTERNS, splitter } from '../../src/text/split_patterns.ts';
import { trainWords } from '../../src/text/words.ts';
import { gptTokenizerIds, PUBLISHED, published } from './oracles.ts';
import { adversarialStrings, wellFormed } from './strings.ts';

const cl100k = published('cl100k');
const r50k = published('r50k');

describe('published vectors', () => {
  it('E6: the sentence of OpenAI’s tokenizer page has 14 tokens, in GPT-4 and in GPT-2', () => {
    const text = 'Large language models are one of the most significant inventions of this decade.';
    const ids = [35353, 4221, 4211, 527, 832, 315, 279, 1455, 5199, 85149, 315, 420, 13515, 13];
    expect(text).toHaveLength(80);
    expect([...cl100k.encode(text)]).toEqual(ids);
    expect(r50k.encode(text)).toHaveLength(14);
  });

  it('GPT-4: mixed scripts, and a special token', () => {
    expect([...cl100k.encode('hello123!!!? (안녕하세요!) 😉')]).toEqual([
      15339, 4513, 12340, 30, 320, 31495, 230, 75265, 243, 92245, 16715, 57037,
    ]);
    const text = '<|endoftext|>hello world';
    expect([...cl100k.encode(text, { specials: 'allow' })]).toEqual([100257, 15339, 1917]);
  });

  it('E5: two Chinese characters are six bytes, and come back', () => {
    expect(Buffer.from('今天').toString('hex')).toBe('e4bb8ae5a4a9');
    expect([...cl100k.encode('今天')]).toEqual([37271, 36827]);
    expect(cl100k.decode([37271, 36827])).toBe('今天');
    const bytes = bpeTokenizer({ ...cl100k.model, merges: new Int32Array(), wholePieces: false });
    const ofBytes = Array.from(bytes.encode('今天'), (id) => bytes.bytesOf(id)[0]);
    expect(ofBytes).toEqual([0xe4, 0xbb, 0x8a, 0xe5, 0xa4, 0xa9]);
  });

  it('L6: the bytes of the slide, 62 11 4e ca, are UTF-16, and of another word', () => {
    const printed = Uint8Array.of(0x62, 0x11, 0x4e, 0xca);
    expect(new TextDecoder('utf-16be').decode(printed)).toBe('我今');
    expect(new TextDecoder().decode(printed)).not.toBe('今天');
  });
});

describe('any text', () => {
  const sentences = ['什么是机器学习?', '機械学習とは何ですか?', 'GPT-4', "don't"];

  it('E2: texts in which spaces separate no words come back byte by byte', () => {
    const small = trainBpe(generateCorpus({ seed: 1, characters: 5000 }), { vocabularySize: 300 });
    for (const text of sentences) {
      expect(text.split(' ')).toHaveLength(1); // split at spaces, each is one word
      for (const tokenizer of [cl100k, r50k, small]) {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }
    }
    const words = trainWords('What is machine learning? I do not know.', 100);
    expect([...words.encode('什么是机器学习')]).toEqual([words.unknownId]);
  });

  it('comes back, with U+FFFD for halves of surrogate pairs, under every pattern', () => {
    const strings = adversarialStrings(300, 2);
    for (const pattern of SPLIT_PATTERNS) {
      const tokenizer = trainBpe(strings, { vocabularySize: 600, pattern });
      for (const text of strings) {
        const ids = tokenizer.encode(text, { specials: 'text' });
        expect(tokenizer.decode(ids)).toBe(wellFormed(text));
      }
    }
  });

  it('is cut into pieces without loss', () => {
    const strings = adversarialStrings(300, 3);
    for (const pattern of SPLIT_PATTERNS) {
      const split = splitter(pattern);
      for (const text of strings) {
        const pieces: string[] = [];
        split(text, (piece) => pieces.push(piece));
        expect(pieces.join('')).toBe(text);
        expect(pieces).not.toContain('');
      }
    }
  });

  it('keeps U+FEFF at its beginning', () => {
    expect(cl100k.decode(cl100k.encode('\ufeffusing'))).toBe('\ufeffusing');
  });

  it('has no ids when it is empty', () => {
    expect(cl100k.encode('')).toHaveLength(0);
    expect(cl100k.decode([])).toBe('');
  });

  it('has the same ids again when pieces come from the cache, and when it was emptied', () => {
    const text = generateCorpus({ seed: 3, characters: 3000 });
    const first = r50k.encode(text);
    for (let i = 0; i < 140_000; i += 1000) {
      r50k.encode(Array.from({ length: 1000 }, (_, j) => ` ${(i + j).toString(36)}`).join(''));
    }
    expect(r50k.encode(text)).toEqual(first);
  });

  it('that lacks a token for one of its bytes is refused', () => {
    const lacking = cl100k.model.tokens.map((token) => (token === '\x00' ? '' : token));
    const tokenizer = bpeTokenizer({ ...cl100k.model, tokens: lacking });
    expect(() => tokenizer.encode('a \0')).toThrow('no token for byte 0x00');
  });
});

describe('special tokens', () => {
  const text = 'one<|endoftext|>two<|endofprompt|>';

  it('are refused unless they are allowed, with the token and where it is', () => {
    expect(() => cl100k.encode(text)).toThrow(DataError);
    expect(() => cl100k.encode(text)).toThrow('"<|endoftext|>" at character 3');
    const some = { specials: ['<|endoftext|>'] };
    expect(() => cl100k.encode(text, some)).toThrow('"<|endofprompt|>" at character 19');
    expect([...cl100k.encode('one<|endoftext|>', some)]).toEqual([606, 100257]);
  });

  it('become their ids, or text', () => {
    const ids = [...cl100k.encode(text, { specials: 'allow' })];
    expect(ids).toEqual([606, 100257, 20375, 100276]);
    expect(cl100k.decode(ids)).toBe(text);
    const asText = cl100k.encode(text, { specials: 'text' });
    expect([...asText]).toEqual(gptTokenizerIds('cl100k', text));
    expect(Math.max(...asText)).toBeLessThan(100257);
  });

  it('are listed with their ids', () => {
    expect(Object.fromEntries(cl100k.specials)).toEqual(PUBLISHED.cl100k.specials);
    expect(cl100k.vocabularySize).toBe(100277);
  });

  it('are found from the left, the longest first; those that are not special always', () => {
    const added = [
      { text: '<a>', id: 300, special: true },
      { text: '<a><b>', id: 301, special: true },
      { text: '<tool>', id: 302, special: false },
      { text: 'ool>x', id: 303, special: false },
    ];
    const tokenizer = bpeTokenizer({ ...trainBpe('abc', { vocabularySize: 257 }).model, added });
    const ids = (text: string) => [...tokenizer.encode(text, { specials: 'allow' })];
    expect(ids('<a><b><a>')).toEqual([301, 300]);
    expect(ids('<a><c')).toEqual([300, 60, 99]);
    expect([...tokenizer.encode('<tool>x')]).toEqual([302, 120]);
    expect([...tokenizer.encode('<a><tool>', { specials: 'text' })]).toEqual([60, 97, 62, 302]);
  });
});

it.each([-1, 100256, 100277, 0.5, Number.NaN])('refuses to decode the id %s', (id) => {
  expect(() => cl100k.decode([0, id])).toThrow(DataError);
  expect(() => cl100k.decode([0, id])).toThrow(`id ${id} at position 1`);
  expect(() => cl100k.bytesOf(id)).toThrow(DataError);
});

describe('time', () => {
  const MEGABYTE = 1 << 20;
  const hard = {
    'one letter': 'a'.repeat(MEGABYTE),
    spaces: ' '.repeat(MEGABYTE),
    'letters in no order': Array.from({ length: MEGABYTE }, (_, i) =>
      String.fromCharCode(97 + (((i * 2654435761) >>> 7) % 26)),
    ).join(''),
  };

  it.each(Object.entries(hard))(
    'a megabyte without a break takes less than two seconds of the processor: %s',
    (_, text) => {
      const begin = process.cpuUsage();
      const ids = cl100k.encode(text);
      expect(process.cpuUsage(begin).user).toBeLessThan(2_000_000);
      expect(cl100k.decode(ids)).toBe(text);
    },
  );

  it('a run that the pattern cannot match is an error of ours', () => {
    expect(() => r50k.encode('語'.repeat(1 << 22))).toThrow(DataError);
  });
});
