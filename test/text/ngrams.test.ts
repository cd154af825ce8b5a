import { describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import { nGramModel } from '../../src/text/ngrams.ts';

const WORDS = ['ate', 'ball', 'cheese', 'mouse', 'the'];
const idsOf = (sentence: string) => sentence.split(' ').map((word) => WORDS.indexOf(word));

/** Every sequence of at most `length` of the five words. */
function sequences(length: number): number[][] {
  if (length === 0) return [[]];
  const shorter = sequences(length - 1);
  const longest = shorter.filter((sequence) => sequence.length === length - 1);
  return [...shorter, ...longest.flatMap((sequence) => WORDS.map((_, id) => [...sequence, id]))];
}

const MOUSE = 'the mouse ate the cheese';
const CHEESE = 'the cheese ate the mouse';
const SALAD = 'mouse the the cheese ate';

/** 10,000 sentences in which these three have the probabilities of the lecture: .02, .01 and .0001. */
const corpus = [
  ...Array<number[]>(200).fill(idsOf(MOUSE)),
  ...Array<number[]>(100).fill(idsOf(CHEESE)),
  idsOf(SALAD),
  ...Array<number[]>(9699).fill(idsOf('the ball')),
];
const model = (order: number, options = {}) =>
  nGramModel(corpus, { order, vocabularySize: WORDS.length, ...options });

describe('n-gram models', () => {
  it('E1: the probabilities of all sequences of at most three words sum to 1', () => {
    const all = sequences(3);
    expect(all).toHaveLength(1 + 5 + 25 + 125);
    for (const order of [1, 2, 3]) {
      const { logProbability } = model(order, { maximumLength: 3, smoothing: 0.5 });
      const sum = all.reduce((sum, sequence) => sum + Math.exp(logProbability(sequence)), 0);
      expect(sum).toBeCloseTo(1, 12);
    }
  });

  it('E1: the log-probabilities of the next words sum to that of the sentence', () => {
    const { next, logProbability } = model(2);
    const sentence = idsOf(MOUSE);
    const parts = sentence.map((id, i) => Math.log(next(sentence.slice(0, i))[id]!));
    const end = Math.log(next(sentence)[WORDS.length]!);
    expect(parts.reduce((a, b) => a + b, end)).toBeCloseTo(logProbability(sentence), 12);
    expect(next(sentence).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  });

  it('E1: a fitted model gives .02, .01 and .0001, and one of bigrams their order', () => {
    const probability = (order: number) => {
      const { logProbability } = model(order, { smoothing: 1e-6 });
      return [MOUSE, CHEESE, SALAD].map((sentence) => Math.exp(logProbability(idsOf(sentence))));
    };
    const [mouse, cheese, salad] = probability(6);
    expect(mouse).toBeCloseTo(0.02, 6);
    expect(cheese).toBeCloseTo(0.01, 6);
    expect(salad).toBeCloseTo(0.0001, 6);
    const [first, second, third] = probability(2);
    expect(first).toBeGreaterThan(second!);
    expect(second).toBeGreaterThan(third!);
  });

  it('refuses ids and options out of range', () => {
    expect(() => nGramModel([[0, 5]], { order: 2, vocabularySize: 5 })).toThrow(DataError);
    expect(() => model(0)).toThrow(ConfigError);
    expect(() => model(2, { smoothing: 0 })).toThrow(ConfigError);
  });
});
