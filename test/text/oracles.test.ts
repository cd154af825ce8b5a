// Ids equal those of gpt-tokenizer and of @huggingface/tokenizers. Here 2,000 texts; 10,000 in test/long.

import { expect, it } from 'vitest';
import {
  checkAgainstGptTokenizer,
  checkAgainstHuggingFace,
  checkTrained,
} from './oracle_checks.ts';
import { gptTokenizerIds, published } from './oracles.ts';
import { adversarialStrings } from './strings.ts';

const strings = adversarialStrings(2000);

checkAgainstGptTokenizer(strings);
checkAgainstHuggingFace(['cl100k'], strings.slice(0, 1000));
checkTrained(strings.slice(0, 500));

// The one difference, in two of its three vocabularies: its decoder drops a leading U+FEFF, so that the bytes ef bb bf,
// which are a token, never come together there inside a piece. Hugging Face's reader gives the ids that we give.
it('gpt-tokenizer does not join the bytes of U+FEFF', () => {
  const tokenizer = published('cl100k');
  expect(tokenizer.bytesOf(3305)).toEqual(Uint8Array.of(0xef, 0xbb, 0xbf));
  expect([...tokenizer.encode('\f\ufeffa')]).toEqual([200, 3305, 64]);
  expect(gptTokenizerIds('cl100k', '\f\ufeffa')).not.toEqual([200, 3305, 64]);
});
