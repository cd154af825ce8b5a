import { describe, expect, test } from 'vitest';
import {
  answersWith,
  CAFETERIA,
  extractAnswer,
  fewShot,
  fewShotChain,
  JANET,
  ROGER,
  reasonedAnswer,
  zeroShot,
  zeroShotChain,
} from '../../src/text/prompts.ts';

describe('J7 prompts', () => {
  test('zero-shot asks directly, few-shot shows an answer before', () => {
    expect(zeroShot(JANET.question)).toBe(
      'Q: While shopping for music online, Janet bought 6 country albums and 2 pop albums. Each album came with a lyric sheet ' +
        'and had 9 songs. How many songs did Janet buy total?\nA:',
    );
    expect(fewShot(JANET.question, [ROGER])).toBe(
      'Q: Roger has 5 tennis balls. He buys 2 more cans of tennis balls. Each can has 3 tennis balls. How many tennis balls ' +
        `does he have now?\nA: The answer is 11.\n\n${zeroShot(JANET.question)}`,
    );
  });

  test('a chain of thought is called for by words, or shown', () => {
    expect(zeroShotChain(JANET.question)).toBe(
      `Q: ${JANET.question}\nA: Let's think step by step.`,
    );
    expect(fewShotChain(CAFETERIA.question, [ROGER])).toBe(
      `Q: ${ROGER.question}\nA: Roger started with 5 balls. 2 cans of 3 tennis balls each is 6 tennis balls. 5 + 6 = 11. ` +
        `The answer is 11.\n\nQ: ${CAFETERIA.question}\nA:`,
    );
    expect(fewShot(JANET.question, [])).toBe(zeroShot(JANET.question));
  });
});

describe('J7 the answer in a text', () => {
  test("the lectures' answers: 11, 9 and 72, and the wrong 27 is wrong", () => {
    for (const [example, answer] of [
      [ROGER, 11],
      [CAFETERIA, 9],
      [JANET, 72],
    ] as const) {
      expect(extractAnswer(reasonedAnswer(example))).toEqual({ value: answer, stated: true });
      expect(answersWith(reasonedAnswer(example), example.answer)).toBe(true);
    }
    expect(answersWith('The answer is 27.', CAFETERIA.answer)).toBe(false);
  });

  test.each([
    ['The answer is 1,234,567 songs.', 1234567],
    ['the answer is: $72', 72],
    ['The answer is **72**.', 72],
    ['The answer is -5 degrees.', -5],
    ['The answer is \u22125.', -5],
    ['The answer is 3.5.', 3.5],
    ['The answer is .5', 0.5],
    ['The answer is 8 * 9 = 72.', 72],
    ['So 8 * 9 = 72. The answer is 72', 72],
    ['The answer is 27. No: 23 - 20 = 3, so the answer is 9.', 9],
    ['The answer is 9.\n\nQ: Tom had 3 books.\nA: The answer is 4.', 9],
  ])('%j states %d', (text, value) => {
    expect(extractAnswer(text)).toEqual({ value, stated: true });
  });

  test.each([
    ['8 * 9 = 72', 72],
    ['Janet buys 72 songs', 72],
    ['23 - 20', 20],
    ['23-20', 20],
    ['1,2345', 2345],
    ['It is 12. The answer is unknown.', 12],
  ])('%j states no answer; its last number is %d', (text, value) => {
    expect(extractAnswer(text)).toEqual({ value, stated: false });
  });

  test('a text without numbers has none', () => {
    expect(extractAnswer('The answer is blue, x2.')).toBeNull();
    expect(extractAnswer('')).toBeNull();
    expect(answersWith('', 0)).toBe(false);
  });
});
