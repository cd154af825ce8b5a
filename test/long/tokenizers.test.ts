// Tokenizers on many texts: the ids of others on 10,000, 100,000 that come back, and the time.

import { expect, it } from 'vitest';
import {
  checkAgainstGptTokenizer,
  checkAgainstHuggingFace,
  checkTrained,
} from '../text/oracle_checks.ts';
import { published } from '../text/oracles.ts';
import { checkSpeed } from '../text/speed_check.ts';
import { adversarialStrings, wellFormed } from '../text/strings.ts';

const strings = adversarialStrings(10_000);

checkAgainstGptTokenizer(strings);
checkAgainstHuggingFace(['r50k', 'cl100k', 'o200k'], strings);
checkTrained(strings);
checkSpeed(['r50k', 'cl100k', 'o200k']);

it('100,000 texts come back', () => {
  const tokenizer = published('o200k');
  for (const text of adversarialStrings(100_000, 7)) {
    const back = tokenizer.decode(tokenizer.encode(text, { specials: 'text' }));
    if (back !== wellFormed(text)) expect(back).toBe(wellFormed(text));
  }
});
