// Generation against the plain way: the whole sequence through the model for every token.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../../src/llm/generate.ts';
import { sampleText } from '../../src/llm/sample.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Device } from '../../src/ops/device.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { noGrad } from '../../src/tensor/tape.ts';
import { characterTokenizer } from '../../src/text/characters.ts';

const LLAMA: TransformerConfig = {
  vocabularySize: 29,
  context: 40,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  width: 16,
  hidden: 24,
  positions: 'rope',
  norm: 'rmsNorm',
  activation: 'swiglu',
  bias: false,
  tiedEmbeddings: false,
  dropout: 0,
};
const GPT: TransformerConfig = {
  ...LLAMA,
  positions: 'learned',
  norm: 'layerNorm',
  activation: 'gelu',
  tiedEmbeddings: true,
};

let device: Device;
const models = new Map<TransformerConfig, Transformer>();
beforeAll(async () => {
  device = await Device.open({ announce: null });
  for (const config of [LLAMA, GPT]) models.set(config, await roughModel(config));
});
afterAll(() => device.destroy());

/** With weights large enough that tokens depend on the whole text before them. */
async function roughModel(config: TransformerConfig): Promise<Transformer> {
  const model = new Transformer(new Initialiser(device, 1), config);
  const random = randomStream(3, 0);
  for (const x of model.parameters())
    x.write(Array.from(await x.data(), (v) => v + 0.3 * random.normal()));
  return model;
}

/** Logits after the last of `ids`. */
async function lastLogits(model: Transformer, ids: readonly number[]): Promise<number[]> {
  const logits = device.scope(() =>
    noGrad(() => model.forward(device.tensor(Int32Array.from(ids), { shape: [1, ids.length] }))),
  );
  const values = await logits.data();
  logits.dispose();
  return Array.from(values.slice(-model.config.vocabularySize));
}

async function greedily(model: Transformer, prompt: readonly number[], tokens: number) {
  const ids = [...prompt];
  const logProbs: number[] = [];
  for (let i = 0; i < tokens; i++) {
    const logits = await lastLogits(model, ids);
    const top = Math.max(...logits);
    ids.push(logits.indexOf(top));
    logProbs.push(-Math.log(logits.reduce((sum, z) => sum + Math.exp(z - top), 0)));
  }
  return { newIds: ids.slice(prompt.length), logProbs };
}

const PROMPTS = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2]];

describe.each([
  ['RoPE, grouped keys, SwiGLU', LLAMA],
  ['learned positions, layer norm, tied', GPT],
])('F1 greedy, %s', (_, config) => {
  it('prompts of different lengths give token for token what the whole forward pass gives', async () => {
    const model = models.get(config)!;
    const results = await generate(device, model, PROMPTS, { maxNewTokens: 20, temperature: 0 });
    for (const [row, prompt] of PROMPTS.entries()) {
      const want = await greedily(model, prompt, 20);
      expect(results[row]!.newIds).toEqual(want.newIds);
      for (const [i, logProb] of results[row]!.logProbs.entries())
        expect(Math.abs(logProb - want.logProbs[i]!)).toBeLessThan(1e-4);
      expect(results[row]!.finishReason).toBe('length');
    }
  });
});

describe('draws', () => {
  it('are the same again for the same seed, and others for another', async () => {
    const model = models.get(LLAMA)!;
    const run = (seed: number) => generate(device, model, PROMPTS, { maxNewTokens: 25, seed });
    const first = await run(5);
    expect(await run(5)).toEqual(first);
    expect((await run(6))[0]!.newIds).not.toEqual(first[0]!.newIds);
    // Seeds of rows follow one another: row 1 of seed 5 has the seed of row 0 of seed 6.
    const alone = await generate(device, model, [PROMPTS[1]!], { maxNewTokens: 25, seed: 6 });
    expect(alone[0]!.newIds).toEqual(first[1]!.newIds);
  });

  it('tell the log-probability of each token under the model', async () => {
    const model = models.get(LLAMA)!;
    const [row] = await generate(device, model, [PROMPTS[0]!], {
      maxNewTokens: 6,
      seed: 1,
      topK: 5,
    });
    const ids = [...PROMPTS[0]!];
    for (const [i, id] of row!.newIds.entries()) {
      const logits = await lastLogits(model, ids);
      const top = Math.max(...logits);
      const logSum = top + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - top), 0));
      expect(Math.abs(row!.logProbs[i]! - (logits[id]! - logSum))).toBeLessThan(1e-4);
      ids.push(id);
    }
  });

  it('end at an end token, and the others go on', async () => {
    const model = models.get(LLAMA)!;
    const free = await generate(device, model, PROMPTS, { maxNewTokens: 25, seed: 5 });
    const end = free[0]!.newIds[7]!;
    const ended = await generate(device, model, PROMPTS, {
      maxNewTokens: 25,
      seed: 5,
      ends: [end],
    });
    for (const [row, { newIds, finishReason }] of ended.entries()) {
      const all = free[row]!.newIds;
      const at = all.indexOf(end);
      expect(newIds).toEqual(at < 0 ? all : all.slice(0, at + 1));
      expect(finishReason).toBe(at < 0 ? 'length' : 'end');
    }
  });

  it('come in parts, and stop when asked', async () => {
    const model = models.get(LLAMA)!;
    const parts: number[][] = PROMPTS.map(() => []);
    let calls = 0;
    const results = await generate(device, model, PROMPTS, {
      maxNewTokens: 25,
      readEvery: 4,
      onTokens: (rows) => {
        calls++;
        for (const [row, ids] of rows.entries()) parts[row]!.push(...ids);
      },
      stop: ([first]) => first!.length >= 9,
    });
    expect(results.map(({ newIds }) => newIds)).toEqual(parts);
    expect(results[0]!.newIds).toHaveLength(10); // two at once, then fours
    expect(results[0]!.finishReason).toBe('stopped');
    expect(calls).toBe(3);
  });

  it('leave no memory behind', async () => {
    const model = models.get(GPT)!;
    const run = () => generate(device, model, PROMPTS, { maxNewTokens: 5 });
    await run();
    const { tensors, bytesInUse } = device.memory();
    await run();
    expect(device.memory()).toMatchObject({ tensors, bytesInUse });
  });
});

describe('what does not fit is refused', () => {
  it.each([
    [[[]], { maxNewTokens: 3 }, 'prompt 0 is empty'],
    [[[29]], { maxNewTokens: 3 }, 'prompt 0 holds 29, expected ids in 0 … 28'],
    [[[1, 2]], { maxNewTokens: 40 }, "exceeds the model's context of 40 (at most 39 fit)"],
    [[[1]], { maxNewTokens: 2.5 }, 'maxNewTokens is 2.5, expected a whole number'],
    [[[1]], { maxNewTokens: 2, seed: [1, 2] }, '2 seeds for 1 prompts'],
    [[[1]], { maxNewTokens: 2, topK: 0 }, 'topK is 0'],
  ])('%j %j', async (prompts, options, message) => {
    await expect(generate(device, models.get(LLAMA)!, prompts, options)).rejects.toThrow(message);
  });
});

describe('samples', () => {
  it('go on beyond the context', async () => {
    const tokenizer = characterTokenizer('abcdefghijklmnopqrstuvwxyz .\n');
    const model = models.get(LLAMA)!;
    const options = { prompt: 'once ', tokens: 150, seed: 3 };
    const text = await sampleText(device, model, tokenizer, options);
    expect(text).toHaveLength(150);
    expect(await sampleText(device, model, tokenizer, options)).toBe(text);
    const other = await sampleText(device, model, tokenizer, { ...options, stream: 1 });
    expect(other).not.toBe(text);
  });
});
