import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import {
  fewShotPrompt,
  GIFT,
  PRODUCT,
  pattern,
  SENTIMENT,
  SENTIMENT_WORDS,
  SUMMARY,
  textify,
} from '../../src/text/patterns.ts';

describe('patterns, word by word as in the lectures', () => {
  test('J1: a review, and "This movie is [great/awful]."', () => {
    const review = 'I laughed all the way.';
    expect(SENTIMENT.prompt(review)).toBe('I laughed all the way. This movie is');
    expect(SENTIMENT.filled(review, SENTIMENT_WORDS.positive)).toBe(
      'I laughed all the way. This movie is great.',
    );
    expect(SENTIMENT_WORDS).toEqual({ positive: 'great', negative: 'awful' });
  });

  test('J1: a document, and "TL;DR:"', () => {
    expect(SUMMARY.prompt('A long text.')).toBe('A long text. TL;DR:');
    expect(SUMMARY.filled('A long text.', 'Short.')).toBe('A long text. TL;DR: Short.');
  });

  test('J3: (red, 12) in natural language, with a descriptive prompt', () => {
    const input = textify({ colour: 'red', height: 12 });
    expect(input).toBe('the product is red and 12 cm tall');
    expect(GIFT.prompt(input)).toBe(
      'the product is red and 12 cm tall; will it be a good gift for a kid?',
    );
  });

  test('J5: examples in the prompt', () => {
    const shots = [
      { input: 'red, 12 cm tall', label: 'Yes' },
      { input: 'blue, 15 cm tall', label: 'No' },
    ];
    expect(fewShotPrompt(PRODUCT, shots, 'orange, 9 cm tall')).toBe(
      'red, 12 cm tall? Yes\nblue, 15 cm tall? No\norange, 9 cm tall?',
    );
    const translation = pattern('[input] = [label];');
    const demonstration = [{ input: 'le chat', label: 'the cat' }];
    expect(fewShotPrompt(translation, demonstration, 'le chien', ' ')).toBe(
      'le chat = the cat; le chien =',
    );
  });

  test.each(['no holes', '[input] only', '[label] before [input]', '[input] [input] [label]'])(
    '%s: refused',
    (text) => {
      expect(() => pattern(text)).toThrow(ConfigError);
      expect(() => pattern(text)).toThrow(JSON.stringify(text));
    },
  );
});
