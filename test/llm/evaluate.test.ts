// The loss on held-out text, and text drawn from a model.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { evaluateLoss } from '../../src/llm/evaluate.ts';
import { sampleText } from '../../src/llm/sample.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import { Device } from '../../src/ops/device.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { noGrad } from '../../src/tensor/tape.ts';
import { characterTokenizer } from '../../src/text/characters.ts';

const CONTEXT = 8;
const tokenizer = characterTokenizer('abcdefghijk\n');
let device: Device;
let model: Transformer;

beforeAll(async () => {
  device = await Device.open({ announce: null });
  model = new Transformer(new Initialiser(device, 1), {
    vocabularySize: tokenizer.vocabularySize,
    context: CONTEXT,
    layers: 1,
    heads: 2,
    keyValueHeads: 2,
    width: 16,
    hidden: 32,
    positions: 'learned',
    norm: 'layerNorm',
    activation: 'gelu',
    bias: true,
    tiedEmbeddings: false,
    dropout: 0.5, // must not act outside training
  });
  // Far from uniform, so that windows and characters differ.
  for (const x of model.parameters()) {
    const random = randomStream(x.size, 0);
    x.write(Array.from(await x.data(), (v) => v + 0.5 * random.normal()));
  }
});
afterAll(() => device.destroy());

/** Σ over the targets of -log p(target | the window before it), one window alone. */
async function windowLoss(tokens: Int32Array, start: number, skip: number): Promise<number> {
  const loss = device.scope(() =>
    noGrad(() => {
      const row = (from: number) =>
        device.tensor(tokens.slice(from, from + CONTEXT), { shape: [1, CONTEXT] });
      return crossEntropy(model.forward(row(start)), row(start + 1), { reduction: 'none' });
    }),
  );
  return Array.from(await loss.data())
    .slice(skip)
    .reduce((a, b) => a + b, 0);
}

describe('evaluateLoss', () => {
  const random = randomStream(2, 0);
  const tokens = Int32Array.from({ length: 5 * CONTEXT + 4 }, () => random.integer(12));

  test.each([1, 2, 3, 64])(
    'is the mean over all targets, each counted once; %i windows at a time',
    async (batch) => {
      // Five whole windows, then one that overlaps the fifth: of its targets the last 3 are new.
      let sum = 0;
      for (let i = 0; i < 5; i++) sum += await windowLoss(tokens, i * CONTEXT, 0);
      sum += await windowLoss(tokens, tokens.length - 1 - CONTEXT, CONTEXT - 3);
      const loss = await evaluateLoss(device, model, tokens, { batch, maximumTokens: 0 });
      expect(loss).toBeCloseTo(sum / (tokens.length - 1), 5);
    },
  );

  test('with a bound on tokens takes that many windows, spread evenly', async () => {
    const last = tokens.length - 1 - CONTEXT;
    const windows = [0, Math.floor(last / 2), last];
    let sum = 0;
    for (const start of windows) sum += await windowLoss(tokens, start, 0);
    const options = { batch: 2, maximumTokens: 3 * CONTEXT + 5 };
    const loss = await evaluateLoss(device, model, tokens, options);
    expect(loss).toBeCloseTo(sum / (3 * CONTEXT), 5);
  });

  test('leaves nothing behind on the device', async () => {
    const options = { batch: 4, maximumTokens: 0 };
    await evaluateLoss(device, model, tokens, options);
    const { bytesInUse, tensors } = device.memory();
    await evaluateLoss(device, model, tokens, options);
    expect(device.memory()).toMatchObject({ bytesInUse, tensors });
  });
});

describe('sampleText', () => {
  const greedy = { tokens: 3 * CONTEXT, temperature: 0, seed: 1 };

  test('at temperature 0 takes the likeliest token; where the context is full, after its later half', async () => {
    const ids = Array.from(tokenizer.encode('abc'));
    let begin = 0;
    for (let i = 0; i < greedy.tokens; i++) {
      if (ids.length - begin > CONTEXT) begin = ids.length - CONTEXT / 2;
      const window = ids.slice(begin);
      const logits = device.scope(() =>
        noGrad(() =>
          model.forward(device.tensor(Int32Array.from(window), { shape: [1, window.length] })),
        ),
      );
      const last = Array.from(await logits.data()).slice(-tokenizer.vocabularySize);
      ids.push(last.indexOf(Math.max(...last)));
    }
    const expected = tokenizer.decode(ids.slice(3));
    expect(await sampleText(device, model, tokenizer, { prompt: 'abc', ...greedy })).toBe(expected);
    expect(await sampleText(device, model, tokenizer, { prompt: 'abc', ...greedy, seed: 2 })).toBe(
      expected,
    );
  });

  test('a prompt longer than the context counts by its end', async () => {
    const end = 'cabafedg';
    const [long, short] = await Promise.all(
      [`kkkkk${end}`, end].map((prompt) =>
        sampleText(device, model, tokenizer, { prompt, ...greedy }),
      ),
    );
    expect(long).toBe(short);
  });

  test('draws follow the seed and the stream', async () => {
    const draw = (options: { seed: number; stream?: number }) =>
      sampleText(device, model, tokenizer, { prompt: '\n', tokens: 20, ...options });
    const text = await draw({ seed: 1 });
    expect(text).toHaveLength(20);
    expect(await draw({ seed: 1, stream: 0 })).toBe(text);
    expect(await draw({ seed: 1, stream: 1 })).not.toBe(text);
    expect(await draw({ seed: 2 })).not.toBe(text);
  });

  test('an empty prompt is refused', async () => {
    await expect(
      sampleText(device, model, tokenizer, { prompt: '', tokens: 1, seed: 1 }),
    ).rejects.toThrow(
      new DataError('sampleText: the prompt is empty; give at least one character'),
    );
  });
});
