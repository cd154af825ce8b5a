import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { trainWords, UNKNOWN_WORD, wordTokenizer } from '../../src/text/words.ts';

describe('trainWords', () => {
  it('numbers words by how often they occur, of equal ones the first', () => {
    const tokenizer = trainWords('the cat saw the dog and the bird', 4);
    expect(tokenizer.toJSON().words).toEqual([' the', 'the', ' cat']);
    expect([...tokenizer.encode('the cat and the cat')]).toEqual([2, 3, 0, 1, 3]);
    expect(tokenizer.vocabularySize).toBe(4);
  });

  it('decodes what it encoded where all words are known', () => {
    const text = 'Well, "don\'t" count 123  words!\n\nThey are  known.';
    const tokenizer = trainWords(text, 1000);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('shows unknown words as such', () => {
    const tokenizer = wordTokenizer(['a', ' b']);
    expect(tokenizer.decode(tokenizer.encode('a b c'))).toBe(`a b${UNKNOWN_WORD}`);
  });
});

it('is made again from its JSON', () => {
  const tokenizer = trainWords('some text with some words', 10);
  const again = wordTokenizer(JSON.parse(JSON.stringify(tokenizer)).words);
  expect(again.encode('some words')).toEqual(tokenizer.encode('some words'));
});

it('refuses what is no vocabulary, and ids out of range', () => {
  expect(() => trainWords('', 10)).toThrow(DataError);
  expect(() => wordTokenizer(['a', 'a'])).toThrow(DataError);
  expect(() => wordTokenizer(['a']).decode([0, 2])).toThrow('id 2 at position 1');
  expect(() => wordTokenizer(['a']).bytesOf(-1)).toThrow(DataError);
});
