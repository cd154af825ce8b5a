// BPE training: the lecture's example, published ones, the definition taken word by word, and the time that it takes.

import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import { type TrainBpeOptions, trainBpe } from '../../src/text/bpe_train.ts';
import { generateCorpus } from '../../src/text/grammar.ts';
import { splitter } from '../../src/text/split_patterns.ts';

/** The tokens that training made, in their order. */
function merged(texts: string | string[], options: Partial<TrainBpeOptions> = {}): string[] {
  const { model } = trainBpe(texts, { vocabularySize: 1000, specials: [], ...options });
  return model.tokens.slice(256);
}

describe('the example of the lecture', () => {
  const texts = ['the_car', 'the_cat', 'the_rat'];
  const three = { vocabularySize: 256 + 3 };

  it('E4: the_car, the_cat, the_rat give th, the, ca, where no merge crosses the _', () => {
    expect(merged(texts, { ...three, pattern: 'gpt2' })).toEqual(['th', 'the', 'ca']);
    // Ties: `th` and `he` occur three times, `ca` and `at` twice; the first that is seen is taken.
    const occurring = new Set('the_car the_cat the_rat'.replaceAll(' ', ''));
    expect([...occurring].sort().join('')).toBe('_acehrt'); // the printed vocabulary lacks the _
  });

  it('each merge is told as it is made, with its count', () => {
    const told: unknown[] = [];
    merged(texts, { ...three, pattern: 'gpt2', onMerge: (merge) => told.push(merge) });
    expect(told).toEqual([
      { rank: 0, left: 't', right: 'h', count: 3 },
      { rank: 1, left: 'th', right: 'e', count: 3 },
      { rank: 2, left: 'c', right: 'a', count: 2 },
    ]);
  });

  it('L5: with merges across the _, as printed, ca does not come third', () => {
    const printed = merged(texts, { vocabularySize: 256 + 4, pattern: 'none' });
    expect(printed).toEqual(['th', 'the', 'the_', 'the_c']);
  });
});

describe('the size of the Pile', () => {
  const BYTES = 825 * 2 ** 30;

  it('L16: 825 GiB are no 1.2 trillion tokens, as a token of a byte-level tokenizer has at least a byte', () => {
    const { model } = trainBpe('a', { vocabularySize: 256, specials: [] });
    expect(model.tokens).toHaveLength(256); // one for each byte: no text has more tokens than bytes
    expect(BYTES).toBeLessThan(1.2e12);
    // 300 to 400 billion tokens are of 2.2 to 3 bytes, which a small tokenizer makes of text.
    const text = generateCorpus({ seed: 1, characters: 20_000 });
    const tokenizer = trainBpe(text, { vocabularySize: 512, specials: [] });
    const bytesPerToken = text.length / tokenizer.encode(text).length;
    expect(bytesPerToken).toBeGreaterThan(BYTES / 400e9);
  });
});

describe('published examples', () => {
  it('minbpe: aaabdaaabac in three merges', () => {
    const tokenizer = trainBpe('aaabdaaabac', { vocabularySize: 259, specials: [] });
    expect([...tokenizer.encode('aaabdaaabac')]).toEqual([258, 100, 258, 97, 99]);
  });

  it('Hugging Face: with pairs that occur once left alone, re, are and is', () => {
    const words = 'roses are are red voilets blue BERT is is big and so GPT-2'.split(' ');
    expect(merged(words, { pattern: 'none' })).toEqual(['re', 'are', 'is']);
  });
});

/** The definition, word by word: count all pairs anew, take the most frequent, the first of equal ones, join it. */
function naive(texts: readonly string[], merges: number, minFrequency: number): string[] {
  const split = splitter('gpt2');
  let pieces: string[][] = [];
  for (const text of texts) {
    split(text, (piece) => pieces.push(Array.from(Buffer.from(piece).toString('latin1'))));
  }
  const made: string[] = [];
  while (made.length < merges) {
    const counts = new Map<string, [left: string, right: string, count: number]>();
    for (const piece of pieces) {
      for (let i = 0; i + 1 < piece.length; i++) {
        const [left, right] = [piece[i]!, piece[i + 1]!];
        const key = JSON.stringify([left, right]);
        const [, , count] = counts.get(key) ?? [left, right, 0];
        counts.set(key, [left, right, count + 1]);
      }
    }
    const most = [...counts.values()].reduce((best, pair) => (pair[2] > best[2] ? pair : best), [
      '',
      '',
      0,
    ] as [string, string, number]);
    if (most[2] < minFrequency) break;
    pieces = pieces.map((piece) => joined(piece, most[0], most[1]));
    made.push(most[0] + most[1]);
  }
  return made;
}

function joined(piece: readonly string[], left: string, right: string): string[] {
  const out: string[] = [];
  for (let i = 0; i < piece.length; i++) {
    if (piece[i] === left && piece[i + 1] === right) out.push(left + piece[++i]!);
    else out.push(piece[i]!);
  }
  return out;
}

describe('training', () => {
  it('E3: merges the most frequent pair, of equal ones the first, until the vocabulary is full', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'aa', 'é'), maxLength: 12 });
    const text = fc.array(word, { minLength: 1, maxLength: 12 }).map((words) => words.join(' '));
    const texts = fc.array(text, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 3 }), check),
      { numRuns: 200, seed: 4 },
    );
    function check(texts: string[], merges: number, minFrequency: number) {
      fc.pre(texts.join('') !== '');
      const options = { vocabularySize: 256 + merges, minFrequency };
      expect(merged(texts, options)).toEqual(naive(texts, merges, minFrequency));
    }
  });

  it('is the definition on a longer text as well', () => {
    const text = generateCorpus({ seed: 2, characters: 3000 });
    expect(merged(text, { vocabularySize: 256 + 150 })).toEqual(naive([text], 150, 2));
  });

  it('gives ids to bytes, merges, specials, in this order, and encodes as it merged', () => {
    const text = generateCorpus({ seed: 2, characters: 3000 });
    const tokenizer = trainBpe(text, { vocabularySize: 400, specials: ['<|a|>', '<|b|>'] });
    expect(tokenizer.vocabularySize).toBe(400);
    expect([...tokenizer.specials]).toEqual([
      ['<|a|>', 398],
      ['<|b|>', 399],
    ]);
    expect(tokenizer.bytesOf(0x41)).toEqual(Uint8Array.of(0x41));
    expect(tokenizer.encode(text).length).toBeLessThan(text.length / 2);
  });

  it('ends when no pair is frequent enough', () => {
    expect(trainBpe('abcd', { vocabularySize: 5000 }).vocabularySize).toBe(257);
  });

  it('does not learn the text of special tokens', () => {
    const text = 'ab<|endoftext|>'.repeat(50);
    expect(merged(text, { specials: ['<|endoftext|>'] })).toEqual(['ab']);
  });

  it('refuses an empty text, and a vocabulary that has no room', () => {
    expect(() => trainBpe('', { vocabularySize: 300 })).toThrow(DataError);
    expect(() => trainBpe('ab', { vocabularySize: 256 })).toThrow(ConfigError);
    expect(() => trainBpe('ab', { vocabularySize: 256 })).toThrow('at least 257');
    expect(() => trainBpe('ab', { vocabularySize: 300, specials: ['x', 'x'] })).toThrow(
      ConfigError,
    );
  });
});

describe('time', () => {
  const milliseconds = (work: () => void) => {
    const begin = performance.now();
    work();
    return performance.now() - begin;
  };

  const shakespeare = '../shared/data/tinyshakespeare.txt';
  if (!existsSync(shakespeare)) console.warn(`no ${shakespeare}: a generated text takes its place`);
  const megabyte = existsSync(shakespeare)
    ? readFileSync(shakespeare, 'utf8')
    : generateCorpus({ seed: 1, characters: 1_115_394 });

  it('a megabyte to 8,192 tokens takes less than 15 seconds', () => {
    expect(milliseconds(() => trainBpe(megabyte, { vocabularySize: 8192 }))).toBeLessThan(15_000);
  });

  it('does not grow with vocabulary times text: half a megabyte without a break, 2,000 merges', () => {
    const text = megabyte.slice(0, 1 << 19);
    const train = () => trainBpe(text, { vocabularySize: 2257, pattern: 'none' });
    expect(milliseconds(train)).toBeLessThan(15_000);
    const same = () => trainBpe('a'.repeat(1 << 19), { vocabularySize: 2257, pattern: 'none' });
    expect(milliseconds(same)).toBeLessThan(15_000);
  });
});
