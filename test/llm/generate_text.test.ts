// Text as it comes: half characters, stop texts, end tokens.

import { beforeAll, describe, expect, it } from 'vitest';
import { type GenerateTextOptions, generateText } from '../../src/llm/generate_text.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { trainBpe } from '../../src/text/bpe_train.ts';
import { device } from '../device.ts';

const CORPUS = 'the cat ate the 今天 cheese, the mouse ate the cat. ';
let model: Transformer;
const tokenizer = trainBpe(CORPUS, { vocabularySize: 270 });

beforeAll(async () => {
  model = new Transformer(new Initialiser(device, 1), {
    vocabularySize: tokenizer.vocabularySize,
    context: 64,
    layers: 1,
    heads: 2,
    keyValueHeads: 2,
    width: 16,
    hidden: 32,
    positions: 'rope',
    norm: 'rmsNorm',
    activation: 'gelu',
    bias: false,
    tiedEmbeddings: false,
    dropout: 0,
  });
  const random = randomStream(2, 0);
  for (const x of model.parameters())
    x.write(Array.from(await x.data(), (v) => v + 0.2 * random.normal()));
});

async function run(options: Partial<GenerateTextOptions> = {}, prompts = ['the cat', 'a']) {
  const parts = prompts.map(() => [] as string[]);
  const rows = await generateText(device, { model, tokenizer }, prompts, {
    maxNewTokens: 40,
    seed: 3,
    readEvery: 3,
    onText: (row, text) => parts[row]!.push(text),
    ...options,
  });
  return { rows, parts };
}

describe('generateText', () => {
  it('the parts joined are the text, which is that of the tokens', async () => {
    const { rows, parts } = await run();
    for (const [i, row] of rows.entries()) {
      expect(parts[i]!.join('')).toBe(row.text);
      expect(row.text).toBe(tokenizer.decode(row.newIds));
      expect(row.newIds).toHaveLength(40);
      expect(row.logProbs).toHaveLength(40);
      expect(row.promptIds).toEqual(Array.from(tokenizer.encode(['the cat', 'a'][i]!)));
      expect(row.finishReason).toBe('length');
    }
    expect(parts[0]!.length).toBeGreaterThan(5);
  });

  it('stops before a stop text, in the middle of a token or across tokens, and tells nothing of it', async () => {
    const free = (await run()).rows[0]!;
    for (let length = 1; length <= 4; length++) {
      const stop = free.text.slice(9, 9 + length);
      const at = free.text.indexOf(stop);
      const { rows, parts } = await run({ stopTexts: [stop, 'never written'] }, ['the cat']);
      expect(rows[0]!.text).toBe(free.text.slice(0, at));
      expect(parts[0]!.join('')).toBe(rows[0]!.text);
      expect(rows[0]!.finishReason).toBe('stopText');
      const { newIds } = rows[0]!;
      expect(tokenizer.decode(newIds)).toContain(stop);
      expect(newIds).toEqual(free.newIds.slice(0, newIds.length));
      expect(newIds.length).toBeLessThan(free.newIds.length);
    }
  });

  it('an end token ends the text and is no part of it', async () => {
    const free = (await run()).rows[0]!;
    const end = free.newIds[12]!;
    const at = free.newIds.indexOf(end);
    const [row] = (await run({ ends: [end] })).rows;
    expect(row!.newIds).toEqual(free.newIds.slice(0, at + 1));
    expect(row!.text).toBe(tokenizer.decode(free.newIds.slice(0, at)));
    expect(row!.finishReason).toBe('end');
  });

  it('an empty prompt and an empty stop text are refused', async () => {
    await expect(run({}, [''])).rejects.toThrow('prompt 0 is empty');
    await expect(run({ stopTexts: [''] })).rejects.toThrow('a stop text is empty');
  });
});
