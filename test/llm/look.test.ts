// What is shown of a model is what it computes: attention weights against the attention itself, distributions against draws.

import { describe, expect, test } from 'vitest';
import { lookInto } from '../../src/llm/look.ts';
import { nextTokens } from '../../src/llm/next_tokens.ts';
import { type SampleOptions, sampleText } from '../../src/llm/sample.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { sampleInto, samplingState } from '../../src/ops/sample.ts';
import type { SamplingOptions } from '../../src/ops/sampling_options.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { device } from '../device.ts';

const CONFIG: TransformerConfig = {
  vocabularySize: 13,
  context: 9,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  width: 16,
  hidden: 20,
  positions: 'rope',
  norm: 'rmsNorm',
  activation: 'swiglu',
  bias: false,
  tiedEmbeddings: false,
  dropout: 0,
};

describe('the attention that is shown', () => {
  test('sums to 1 over what a position may see, and is softmax(q kᵀ / √D) in float64', async () => {
    const model = new Transformer(new Initialiser(device, 1), CONFIG);
    for (const x of model.parameters())
      if (x.rank === 2) x.write((await x.data()).map((v) => 20 * v));
    const ids = [3, 1, 4, 1, 5, 9, 2, 6, 5];
    const T = ids.length;
    const { attention, logits } = await lookInto(device, model, ids);
    expect(logits).toHaveLength(T * CONFIG.vocabularySize);
    expect(attention).toHaveLength(2 * 4 * T * T);
    for (let row = 0; row < 2 * 4 * T; row++) {
      const weights = [...attention.subarray(row * T, (row + 1) * T)];
      expect(weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 5);
      expect(weights.slice((row % T) + 1).every((w) => w === 0)).toBe(true);
    }
    const want = await firstLayerWeights(model, ids);
    const worst = want.reduce((most, w, i) => Math.max(most, Math.abs(w - attention[i]!)), 0);
    expect(worst).toBeLessThan(1e-5);
    expect(Math.max(...want.filter((_, i) => i % T !== Math.floor(i / T) % T))).toBeGreaterThan(
      0.5,
    );
    model.dispose();
  });

  test('is refused for no tokens, and more than the context', async () => {
    const model = new Transformer(new Initialiser(device, 1), CONFIG);
    await expect(lookInto(device, model, [])).rejects.toThrow('0 tokens, expected 1 to 9');
    await expect(lookInto(device, model, new Array(10).fill(1))).rejects.toThrow('10 tokens');
    model.dispose();
  });
});

/** Of the first layer, [H, T, T], from its parameters. */
async function firstLayerWeights(model: Transformer, ids: readonly number[]): Promise<number[]> {
  const { width: C, heads: H, keyValueHeads, ropeBase = 10000 } = CONFIG;
  const D = C / H;
  const [block] = model.blocks;
  const tokens = await model.tokens.weight.data();
  const gain = await block!.attentionNorm.weight.data();
  const weight = await block!.attention.qkv.weight.data();
  const normed = ids.map((id) => {
    const x = Array.from(tokens.subarray(id * C, (id + 1) * C));
    const root = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / C + 1e-6);
    return x.map((v, c) => (v / root) * gain[c]!);
  });
  const projected = (t: number, head: number) => {
    const own = Array.from({ length: D }, (_, d) =>
      normed[t]!.reduce((sum, v, c) => sum + v * weight[(head * D + d) * C + c]!, 0),
    );
    return own.map((v, d) => {
      const pair = d % (D / 2);
      const angle = t * ropeBase ** ((-2 * pair) / D);
      const other = d < D / 2 ? -own[d + D / 2]! : own[d - D / 2]!;
      return v * Math.cos(angle) + other * Math.sin(angle);
    });
  };
  return Array.from({ length: H }, (_, h) =>
    ids.map((_, i) => {
      const q = projected(i, h);
      const keys = ids.map((_, j) => projected(j, H + Math.floor((h * keyValueHeads) / H)));
      const scores = keys.map((k) => k.reduce((sum, v, d) => sum + v * q[d]!, 0) / Math.sqrt(D));
      const seen = scores.map((score, j) => (j <= i ? Math.exp(score) : 0));
      const total = seen.reduce((sum, v) => sum + v, 0);
      return seen.map((v) => v / total);
    }),
  ).flat(2);
}

describe('the distribution that is shown', () => {
  const random = randomStream(5, 0);
  const V = 40;
  const logits = Float32Array.from({ length: V }, () => Math.fround(3 * random.normal()));
  logits[7] = logits[3]!; // equals: the lower id comes first

  test.each<SamplingOptions>([
    {},
    { temperature: 0.5 },
    { topK: 5 },
    { topP: 0.7 },
    { topK: 8, topP: 0.6, temperature: 1.7 },
    { minP: 0.1 },
    { temperature: 0 },
  ])('%j: tokens are drawn as often as it says, and those that it cuts never', async (options) => {
    const shown = nextTokens(logits, options);
    expect(shown.map(({ id }) => id).sort((a, b) => a - b)).toEqual([...logits.keys()]);
    expect(shown.reduce((sum, { drawn }) => sum + drawn, 0)).toBeCloseTo(1, 10);
    const [rows, steps] = [500, 40];
    const seeds = Array.from({ length: rows }, (_, i) => 11 + i);
    const state = samplingState(device, seeds, { capacity: steps, vocabularySize: V });
    const lengths = device.zeros([rows], { dtype: 'i32' });
    const all = device.tensor(Array.from({ length: rows }, () => [...logits]).flat(), {
      shape: [rows, V],
    });
    for (let step = 0; step < steps; step++) sampleInto(state, all, lengths, options);
    const drawn = await state.drawn.data();
    const counts = new Array<number>(V).fill(0);
    for (let i = 0; i < drawn.length; i += 2) counts[drawn[i]!]!++;
    for (const { id, drawn: share } of shown) {
      const n = rows * steps;
      const deviation = Math.sqrt(n * share * (1 - share));
      expect(Math.abs(counts[id]! - n * share), `token ${id}`).toBeLessThanOrEqual(4.5 * deviation);
    }
    const logProb = new Float32Array(Uint32Array.from(drawn.slice(0, 2)).buffer)[1]!;
    const { probability } = shown.find(({ id }) => id === drawn[0])!;
    if (options.temperature !== 0) expect(Math.exp(logProb)).toBeCloseTo(probability, 5);
    for (const x of [lengths, all]) x.dispose();
    state.dispose();
  });
});

test('a text that is drawn by these options has them too: of the likeliest token alone, it is the greedy one', async () => {
  const model = new Transformer(new Initialiser(device, 3), CONFIG);
  const tokenizer = characterTokenizer('abcdefghijklm');
  const text = (options: Partial<SampleOptions>) =>
    sampleText(device, model, tokenizer, { prompt: 'ab', tokens: 20, seed: 5, ...options });
  const greedy = await text({ temperature: 0 });
  expect(await text({ topK: 1 })).toBe(greedy);
  expect(await text({ topP: 1e-6 })).toBe(greedy);
  expect(await text({ minP: 1 })).toBe(greedy);
  expect(await text({})).not.toBe(greedy);
  model.dispose();
});
