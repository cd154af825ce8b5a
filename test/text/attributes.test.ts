import { describe, expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import {
  attributeDocument,
  attributeTokenizer,
  describe as described,
  drawTask,
  HEIGHTS,
  isGood,
  isHeldOut,
  type LabelledProduct,
  NO_PRODUCT,
  posterior,
} from '../../src/text/attributes.ts';
import { phraseTokenizer } from '../../src/text/phrases.ts';

describe('attribute documents', () => {
  test('J5: a line is "red, 12 cm tall? Yes", as in the lecture, in three tokens', () => {
    const text = attributeDocument(1, 0, 33);
    const lines = text.slice(1).split('\n');
    expect(lines).toHaveLength(33);
    for (const line of lines)
      expect(line).toMatch(/^([a-z]+|N\/A), (\d+ cm tall|N\/A)\? (Yes|No)$/);
    const tokenizer = attributeTokenizer();
    const ids = tokenizer.encode(text);
    expect(ids).toHaveLength(3 * 33);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(described({ colour: 0, height: 12 })).toBe('red, 12 cm tall');
    expect(NO_PRODUCT).toBe('N/A, N/A');
  });

  test('follow from seed and number, have every product once, and label it by the rule', () => {
    expect(attributeDocument(1, 5, 8)).toBe(attributeDocument(1, 5, 8));
    expect(attributeDocument(1, 5, 8)).not.toBe(attributeDocument(1, 6, 8));
    const { rule, products } = drawTask(3, 4);
    expect(new Set(products.map(({ colour, height }) => colour * HEIGHTS + height)).size).toBe(256);
    for (const product of products) expect(product.good).toBe(isGood(rule, product));
  });

  test('J6: no document has a rule that is held out, and those are about an eighth of all', () => {
    for (let i = 0; i < 100; i++) {
      expect(isHeldOut(drawTask(1, i).rule)).toBe(false);
      expect(isHeldOut(drawTask(1, i, { heldOut: true }).rule)).toBe(true);
    }
  });

  test('J6: the posterior is the share of the rules that agree with the examples', () => {
    const { products } = drawTask(7, 0);
    const shots = products.slice(0, 3);
    const rules = Array.from({ length: 1500 }, (_, i) => drawTask(8, i).rule);
    const agrees = (rule: readonly number[], some: readonly LabelledProduct[]) =>
      some.every((x) => isGood(rule, x) === x.good);
    const left = rules.filter((rule) => agrees(rule, shots));
    expect(left.length).toBeGreaterThan(150);
    for (const product of products.slice(100, 120)) {
      const share = left.filter((rule) => isGood(rule, product)).length / left.length;
      expect(Math.abs(posterior(shots, product) - share)).toBeLessThan(
        4 * Math.sqrt(0.25 / left.length),
      );
    }
  });
});

describe('phraseTokenizer', () => {
  test('takes the longest phrase that fits, signs of regular expressions included', () => {
    const tokenizer = phraseTokenizer(['a', 'a?', '(b', ' ']);
    expect([...tokenizer.encode('a? a(b')]).toEqual([1, 3, 0, 2]);
    expect(tokenizer.decode([1, 3, 0, 2])).toBe('a? a(b');
    expect(() => tokenizer.encode('a ac')).toThrow('no phrase fits "c" at character 3');
    expect(() => tokenizer.decode([4])).toThrow(DataError);
  });

  test('refuses no phrases, empty ones and doubles', () => {
    for (const phrases of [[], ['a', ''], ['a', 'a']])
      expect(() => phraseTokenizer(phrases)).toThrow(DataError);
  });
});
