// The comparisons with other tokenizers, for a short and a long run.

import { expect, it } from 'vitest';
import { bpeTokenizer } from '../../src/text/bpe.ts';
import { trainBpe } from '../../src/text/bpe_train.ts';
import { SPLIT_PATTERNS } from '../../src/text/split_patterns.ts';
import { parseTokenizerJson } from '../../src/text/tokenizer_json.ts';
import { gptTokenizerIds, huggingFace, PUBLISHED, published } from './oracles.ts';
import { wellFormed } from './strings.ts';

type Name = keyof typeof PUBLISHED;
type Encode = (text: string) => ArrayLike<number>;

function expectSame(strings: readonly string[], ours: Encode, theirs: Encode): void {
  const different = strings.filter((text) => {
    const [a, b] = [Array.from(ours(text)), Array.from(theirs(text))];
    return a.length !== b.length || a.some((id, i) => id !== b[i]);
  });
  expect(different).toEqual([]);
}

export function checkAgainstGptTokenizer(strings: readonly string[]): void {
  it.each(Object.keys(PUBLISHED) as Name[])(
    `ids equal those of gpt-tokenizer on ${strings.length} texts: %s`,
    (name) => {
      const tokenizer = published(name);
      // See the test on U+FEFF in oracles.test.ts.
      const texts = strings.map((text) => (name === 'r50k' ? text : text.replaceAll('\ufeff', '')));
      const encode = (text: string) => tokenizer.encode(text, { specials: 'text' });
      expectSame(texts, encode, (text) => gptTokenizerIds(name, text));
      const lost = strings.filter((text) => tokenizer.decode(encode(text)) !== wellFormed(text));
      expect(lost).toEqual([]);
    },
  );
}

export function checkAgainstHuggingFace(names: readonly Name[], strings: readonly string[]): void {
  it.each(names)(
    `ids equal those of @huggingface/tokenizers, from our tokenizer.json, on ${strings.length} texts: %s`,
    (name) => {
      const { model } = published(name);
      const added = [{ text: '<|endoftext|>', id: model.tokens.length, special: true }];
      const tokenizer = bpeTokenizer({ ...model, added });
      const theirs = huggingFace(JSON.parse(JSON.stringify(tokenizer)));
      expectSame(strings, (text) => tokenizer.encode(text, { specials: 'allow' }), theirs);
    },
  );
}

/** Of every pattern a tokenizer that has just been trained, written as tokenizer.json, read by us and by others. */
export function checkTrained(strings: readonly string[]): void {
  it.each(SPLIT_PATTERNS)(
    `a trained tokenizer has the same ids in @huggingface/tokenizers on ${strings.length} texts: %s`,
    (pattern) => {
      const tokenizer = trainBpe(strings, { vocabularySize: 1000, pattern });
      const json = JSON.stringify(tokenizer);
      const [again, theirs] = [parseTokenizerJson(json), huggingFace(JSON.parse(json))];
      const ours = (text: string) => tokenizer.encode(text, { specials: 'allow' });
      // Where Rust's Digits takes all of Unicode's, that of the JavaScript library takes ASCII's.
      const known = strings.filter((text) => pattern !== 'smollm' || !/(?![0-9])\p{N}/u.test(text));
      expect(known.length).toBeGreaterThan(strings.length / 4);
      expectSame(known, ours, theirs);
      expectSame(strings, ours, (text) => again.encode(text, { specials: 'allow' }));
    },
  );
}
