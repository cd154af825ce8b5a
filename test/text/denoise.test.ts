// The seven denoising objectives: T5's table word by word, what holds for any text, and what is drawn.

import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import * as denoise from '../../src/text/denoise.ts';
import { bertReplacements, independentNoise, spanNoise } from '../../src/text/denoise_draws.ts';

const SENTENCE = 'Thank you for inviting me to your party last week .';
const words = SENTENCE.split(' ');
const noiseAt = (...places: number[]) => words.map((_, i) => places.includes(i));
const sentinel = (n: number) => ['<X>', '<Y>', '<Z>'][n]!;

const asText = ({ inputs, targets }: denoise.Denoising<string>) => [
  inputs.join(' '),
  targets.join(' '),
];

describe('G2 the rows of the table, given what was hidden', () => {
  it.each([
    [
      'prefix language modelling',
      denoise.prefixLM(words, 4),
      'Thank you for inviting',
      'me to your party last week .',
    ],
    [
      'BERT-style',
      denoise.bert(
        words,
        new Map([
          [2, '<M>'],
          [3, '<M>'],
          [8, 'apple'],
        ]),
      ),
      'Thank you <M> <M> me to your party apple week .',
      SENTENCE,
    ],
    [
      'MASS-style',
      denoise.mass(words, noiseAt(2, 3, 8), '<M>'),
      'Thank you <M> <M> me to your party <M> week .',
      SENTENCE,
    ],
    [
      'i.i.d. noise, replace spans',
      denoise.replaceSpans(words, noiseAt(2, 3, 8), sentinel),
      'Thank you <X> me to your party <Y> week .',
      '<X> for inviting <Y> last <Z>',
    ],
    [
      'i.i.d. noise, drop tokens',
      denoise.dropTokens(words, noiseAt(2, 3, 8)),
      'Thank you me to your party week .',
      'for inviting last',
    ],
    [
      'random spans',
      denoise.randomSpans(
        words,
        [
          { start: 2, length: 3 },
          { start: 6, length: 3 },
        ],
        sentinel,
      ),
      'Thank you <X> to <Y> week .',
      '<X> for inviting me <Y> your party last <Z>',
    ],
  ])('%s', (_, row, inputs, targets) => expect(asText(row)).toEqual([inputs, targets]));

  // The printed row has a word that the sentence lacks, "fun", so that no order of the sentence gives it.
  const PRINTED = 'party me for your to . last fun you inviting week Thank';

  it('deshuffling, of the sentence with the word that the printed row adds', () => {
    const original = 'Thank you for inviting me to your fun party last week .';
    const tokens = original.split(' ');
    const order = PRINTED.split(' ').map((word) => tokens.indexOf(word));
    expect(asText(denoise.deshuffle(tokens, order))).toEqual([PRINTED, original]);
  });

  it('deshuffling, of the sentence itself: as printed but for that word', () => {
    const order = PRINTED.split(' ')
      .filter((word) => word !== 'fun')
      .map((word) => words.indexOf(word));
    expect(asText(denoise.deshuffle(words, order))).toEqual([
      'party me for your to . last you inviting week Thank',
      SENTENCE,
    ]);
  });
});

describe('of any text', () => {
  const random = randomStream(5, 0);
  const texts = Array.from({ length: 200 }, (_, length) =>
    Array.from({ length }, () => random.integer(20)),
  );
  const isSentinel = (token: number) => token >= 100;

  /** The text again: each sentinel of the inputs gives way to what follows it in the targets. */
  function filled({ inputs, targets }: denoise.Denoising<number>): number[] {
    return inputs.flatMap((token) => {
      if (!isSentinel(token)) return [token];
      const begin = targets.indexOf(token) + 1;
      return targets.slice(
        begin,
        targets.findIndex((x, i) => i >= begin && isSentinel(x)),
      );
    });
  }

  it('spans are restored by what stands behind their sentinels, and the last sentinel ends the targets', () => {
    for (const tokens of texts) {
      const spans = spanNoise(random, tokens.length, { rate: 0.3, meanLength: 2 });
      const noise = independentNoise(random, tokens.length, 0.3);
      for (const row of [
        denoise.randomSpans(tokens, spans, (n) => 100 + n),
        denoise.replaceSpans(tokens, noise, (n) => 100 + n),
      ]) {
        expect(filled(row)).toEqual(tokens);
        const sentinels = row.targets.filter(isSentinel);
        expect(sentinels).toEqual(sentinels.map((_, n) => 100 + n));
        expect(row.targets.at(-1)).toBe(sentinels.at(-1));
        expect(row.inputs.filter(isSentinel)).toEqual(sentinels.slice(0, -1));
      }
    }
  });

  it('of the same noise, spans and runs of noise give the same', () => {
    for (const tokens of texts.slice(2)) {
      const spans = spanNoise(random, tokens.length, { rate: 0.2, meanLength: 3 });
      const noise = tokens.map((_, i) =>
        spans.some(({ start, length }) => start <= i && i < start + length),
      );
      const bySpans = denoise.randomSpans(tokens, spans, (n) => 100 + n);
      expect(denoise.replaceSpans(tokens, noise, (n) => 100 + n)).toEqual(bySpans);
    }
  });

  it('an encoder is asked for just the tokens that were replaced', () => {
    const tokens = texts[50]!;
    const replacements = bertReplacements(random, tokens, { mask: 20, vocabularySize: 20 });
    const { inputs, targets } = denoise.masked(tokens, replacements, -100);
    tokens.forEach((token, i) => {
      expect(targets[i]).toBe(replacements.has(i) ? token : -100);
      expect(inputs[i]).toBe(replacements.get(i) ?? token);
    });
  });
});

describe('what is drawn', () => {
  it('spans: as many tokens and spans as the rate and the mean length say, apart, after a gap', () => {
    const random = randomStream(1, 0);
    for (let n = 0; n < 300; n++) {
      const spans = spanNoise(random, 100, { rate: 0.15, meanLength: 3 });
      expect(spans).toHaveLength(5);
      expect(spans.reduce((sum, { length }) => sum + length, 0)).toBe(15);
      spans.forEach(({ start, length }, i) => {
        const before = spans[i - 1] ?? { start: 0, length: 0 };
        expect(start).toBeGreaterThan(before.start + before.length);
        expect(length).toBeGreaterThanOrEqual(1);
        expect(start + length).toBeLessThanOrEqual(100);
      });
    }
  });

  it('spans: every way to divide the tokens equally often', () => {
    const random = randomStream(2, 0);
    // 4 of 8 tokens in 2 spans: (1, 3), (2, 2), (3, 1), and the gaps likewise: 9 ways.
    const counts = new Map<string, number>();
    const draws = 9000;
    for (let n = 0; n < draws; n++) {
      const key = JSON.stringify(spanNoise(random, 8, { rate: 0.5, meanLength: 2 }));
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(9);
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(26.1); // 8 degrees of freedom, p = 0.001
  });

  it('independent noise, and the masks, random tokens and stays of BERT, in their shares within 4 σ', () => {
    const random = randomStream(3, 0);
    const n = 200_000;
    const share = (count: number, of: number, p: number) =>
      expect(Math.abs(count - p * of)).toBeLessThan(4 * Math.sqrt(p * (1 - p) * of));
    share(independentNoise(random, n, 0.15).filter((x) => x).length, n, 0.15);
    const tokens = new Int32Array(n).fill(7);
    const replacements = [
      ...bertReplacements(random, tokens, { mask: 1000, vocabularySize: 1000 }).values(),
    ];
    share(replacements.length, n, 0.15);
    share(replacements.filter((x) => x === 1000).length, replacements.length, 0.8);
    const stayed = 0.1 + 0.1 / 1000; // a random token may be the token itself
    share(replacements.filter((x) => x === 7).length, replacements.length, stayed);
  });
});

describe('refused', () => {
  it.each([
    [
      'a prefix longer than the text',
      () => denoise.prefixLM(words, 12),
      'prefixLM: a prefix of 12',
    ],
    [
      'a position past the end',
      () => denoise.bert(words, new Map([[11, 'x']])),
      'bert: position 11',
    ],
    [
      'an order that repeats',
      () => denoise.deshuffle(['a', 'b'], [0, 0]),
      'expected each position once',
    ],
    ['an order past the end', () => denoise.deshuffle(['a', 'b'], [0, 2]), 'deshuffle: position 2'],
    ['noise of another length', () => denoise.mass(words, [true], 'M'), 'mass: noise for 1 of 11'],
    [
      'spans that overlap',
      () =>
        denoise.randomSpans(
          words,
          [
            { start: 0, length: 3 },
            { start: 2, length: 1 },
          ],
          sentinel,
        ),
      'randomSpans: span 1 is 1 tokens from 2 on',
    ],
    ['a rate above 1', () => independentNoise(randomStream(1), 3, 1.5), 'rate is 1.5'],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(ConfigError);
    expect(act).toThrow(message);
  });
});
