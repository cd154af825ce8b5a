// Preferences that a tiny model learns in a second: of two words of the same letters the one with more a's is the better one.

import { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import type { Device } from '../../src/ops/device.ts';
import { encodePreferences, type Preference } from '../../src/posttrain/preferences.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { characterTokenizer } from '../../src/text/characters.ts';

export const tokenizer = characterTokenizer('abcd=\n');
const CONTEXT = 16;

/** Without positions it could not tell a word's end from its padding. */
export function tinyBase(device: Device, seed = 1): Transformer {
  return new Transformer(new Initialiser(device, seed), {
    vocabularySize: tokenizer.vocabularySize,
    context: CONTEXT,
    layers: 1,
    heads: 2,
    keyValueHeads: 2,
    width: 16,
    hidden: 32,
    positions: 'rope',
    norm: 'rmsNorm',
    activation: 'gelu',
    bias: false,
    tiedEmbeddings: true,
    dropout: 0,
  });
}

const worth = (word: string) => [...word].filter((letter) => letter === 'a').length;

/** `cb=` with two words, of which one has more a's. */
export function tinyPreferences(count: number, seed = 1): Preference[] {
  const random = randomStream(seed);
  const word = (letters: number) =>
    Array.from({ length: letters }, () => 'abcd'[random.integer(4)]).join('');
  const found: Preference[] = [];
  while (found.length < count) {
    const prompt = `${word(1 + random.integer(3))}=`;
    const [first, second] = [word(1 + random.integer(8)), word(1 + random.integer(8))];
    if (worth(first) === worth(second)) continue;
    const [chosen, rejected] = worth(first) > worth(second) ? [first, second] : [second, first];
    found.push({ prompt, chosen, rejected });
  }
  return found;
}

export const inTokens = (preferences: readonly Preference[]) =>
  encodePreferences(preferences, { tokenizer, template: 'lines', context: CONTEXT - 1 });
