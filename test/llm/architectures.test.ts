// Every kind of transformer against float64, what sees what in it, and the cache against no cache.

import { describe, expect, it } from 'vitest';
import { KeyValueCache } from '../../src/llm/key_value_cache.ts';
import { sinusoidalPositions } from '../../src/llm/sinusoids.ts';
import { type ForwardOptions, Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { backward, noGrad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';
import { transformerReference, type Weights } from '../reference/transformer.ts';

const BASE: TransformerConfig = {
  vocabularySize: 11,
  context: 9,
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

const KINDS: Record<string, TransformerConfig> = {
  'as Llama': { ...BASE, normEps: 1e-5, ropeBase: 500_000 },
  'as Qwen2: biases of queries, keys and values alone': { ...BASE, qkvBias: true },
  'as Qwen3: norms of queries and keys, wide heads': { ...BASE, qkNorm: true, headSize: 6 },
  'as GPT-2': {
    ...BASE,
    keyValueHeads: 4,
    positions: 'learned',
    norm: 'layerNorm',
    activation: 'geluTanh',
    bias: true,
    tiedEmbeddings: true,
  },
  'as nanochat: squared ReLU': { ...BASE, activation: 'relu2', qkNorm: true },
  'RoPE as in the paper': { ...BASE, positions: 'ropeInterleaved', activation: 'gelu' },
  'sinusoidal positions': { ...BASE, positions: 'sinusoidal' },
  'no positions': { ...BASE, positions: 'none' },
  encoder: { ...BASE, architecture: 'encoder', positions: 'learned' },
};

/** With weights of a size at which every part is felt. */
async function makeModel(config: TransformerConfig): Promise<Transformer> {
  const model = new Transformer(new Initialiser(device, 1), config);
  const random = randomStream(3, 0);
  for (const x of model.parameters()) {
    const values = await x.data();
    x.write(Array.from(values, (v) => v + 0.3 * random.normal()));
  }
  return model;
}

async function weightsOf(model: Transformer): Promise<Weights> {
  const weights = new Map<string, { shape: readonly number[]; data: ArrayLike<number> }>();
  for (const [name, x] of model.namedTensors())
    weights.set(name, { shape: x.shape, data: await x.data() });
  return weights;
}

function randomIds(length: number, seed: number): number[] {
  const random = randomStream(seed, 0);
  return Array.from({ length }, () => random.integer(BASE.vocabularySize));
}

const asTensor = (...rows: number[][]) =>
  device.tensor(Int32Array.from(rows.flat()), { shape: [rows.length, rows[0]!.length] });

async function logitsOf(model: Transformer, ids: Tensor, options: ForwardOptions = {}) {
  const logits = device.scope(() => noGrad(() => model.forward(ids, options)));
  const values = await logits.data();
  logits.dispose();
  return values;
}

describe('E14 the logits are those of float64', () => {
  it.each(Object.entries(KINDS))('%s', async (_, config) => {
    const model = await makeModel(config);
    const weights = await weightsOf(model);
    const rows = [randomIds(7, 1), randomIds(7, 2)];
    const want = rows.flatMap((ids) => transformerReference(weights, config, { ids }).flat());
    const got = await logitsOf(model, asTensor(...rows));
    const top = Math.max(...want.map(Math.abs));
    expectClose(got, Float64Array.from(want), { rtol: 0, atol: 2e-6 * top }, 'logits');
    model.dispose();
  });

  it('with padding hidden by a mask', async () => {
    const config = KINDS.encoder!;
    const model = await makeModel(config);
    const visible = [true, true, false, true, true, false, false];
    const ids = randomIds(7, 4);
    const want = transformerReference(await weightsOf(model), config, { ids, visible }).flat();
    const keyMask = device.tensor(Int32Array.from(visible, Number), { shape: [1, 7] });
    const got = await logitsOf(model, asTensor(ids), { keyMask });
    const top = Math.max(...want.map(Math.abs));
    expectClose(got, Float64Array.from(want), { rtol: 0, atol: 2e-6 * top }, 'logits');
    model.dispose();
  });
});

it('E7 sinusoidal positions: position 1 of width 8', () => {
  const row = sinusoidalPositions(2, 8).subarray(8);
  const want = [0.841471, 0.540302, 0.099833, 0.995004, 0.01, 0.99995, 0.001, 0.9999995];
  expectClose(row, Float64Array.from(want), { rtol: 0, atol: 5e-7 }, 'sin, cos');
});

describe('E11 an encoder', () => {
  it('lets every output see every token', async () => {
    const config = KINDS.encoder!;
    const model = await makeModel(config);
    const ids = randomIds(6, 5);
    const before = await logitsOf(model, asTensor(ids));
    for (let j = 0; j < ids.length; j++) {
      const changed = ids.with(j, (ids[j]! + 1) % config.vocabularySize);
      const after = await logitsOf(model, asTensor(changed));
      expect(changedPositions(before, after, config)).toEqual(ids.map((_, i) => i));
    }
    model.dispose();
  });

  it('takes no cache and no memory', async () => {
    const model = await makeModel(KINDS.encoder!);
    const ids = asTensor([1, 2]);
    const cache = new KeyValueCache(device, model.config, 1);
    expect(() => model.forward(ids, { cache })).toThrow('takes no cache');
    expect(() => model.forward(ids, { memory: ids })).toThrow("'encoder' takes no memory");
    expect(() => model.encode(ids)).toThrow('expected encoderDecoder');
    cache.dispose();
    model.dispose();
  });
});

function changedPositions(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  { vocabularySize }: TransformerConfig,
): number[] {
  const differs = Array.from(before, (z, i) => z !== after[i]);
  const places = differs.flatMap((d, i) => (d ? [Math.floor(i / vocabularySize)] : []));
  return [...new Set(places)];
}

describe('E13 an encoder-decoder', () => {
  const config: TransformerConfig = { ...BASE, architecture: 'encoderDecoder' };

  async function outputs(model: Transformer, source: number[], ids: number[]) {
    const memory = device.scope(() => noGrad(() => model.encode(asTensor(source))));
    const logits = await logitsOf(model, asTensor(ids), { memory });
    const read = await memory.data();
    memory.dispose();
    return { logits, read };
  }

  it('computes what float64 computes', async () => {
    const model = await makeModel(config);
    const [source, ids] = [randomIds(5, 6), randomIds(4, 7)];
    const want = transformerReference(await weightsOf(model), config, { ids, source }).flat();
    const { logits } = await outputs(model, source, ids);
    const top = Math.max(...want.map(Math.abs));
    expectClose(logits, Float64Array.from(want), { rtol: 0, atol: 2e-6 * top }, 'logits');
    model.dispose();
  });

  it('is causal in what it writes and sees all of what it reads', async () => {
    const model = await makeModel(config);
    const [source, ids] = [randomIds(5, 6), randomIds(4, 7)];
    const before = await outputs(model, source, ids);
    const next = (id: number) => (id + 1) % config.vocabularySize;
    const later = await outputs(model, source, ids.with(2, next(ids[2]!)));
    expect(changedPositions(before.logits, later.logits, config)).toEqual([2, 3]);
    const other = await outputs(model, source.with(4, next(source[4]!)), ids);
    expect(changedPositions(before.logits, other.logits, config)).toEqual([0, 1, 2, 3]);
    const width = { ...config, vocabularySize: config.width };
    expect(changedPositions(before.read, other.read, width)).toEqual([0, 1, 2, 3, 4]);
    model.dispose();
  });

  it('L11 is what reads both ways and then writes; a decoder, whose name is printed there, reads one way', async () => {
    const ids = randomIds(5, 6);
    const other = ids.with(4, (ids[4]! + 1) % config.vocabularySize);
    const width = { ...config, vocabularySize: config.width };
    const [both, decoder] = [await makeModel(config), await makeModel(BASE)];
    const read = async (source: number[]) => (await outputs(both, source, [0])).read;
    expect(changedPositions(await read(ids), await read(other), width)).toEqual([0, 1, 2, 3, 4]);
    const [before, after] = [
      await logitsOf(decoder, asTensor(ids)),
      await logitsOf(decoder, asTensor(other)),
    ];
    expect(changedPositions(before, after, BASE)).toEqual([4]);
    for (const model of [both, decoder]) model.dispose();
  });

  it('learns the one example of the table by heart: loss below 0.01', async () => {
    const [table, sentence] = [
      'name: Clowns — eatType: coffee shop',
      '\nClowns is a coffee shop\n',
    ];
    const alphabet = [...new Set(table + sentence)];
    const encode = (text: string) => Array.from(text, (c) => alphabet.indexOf(c));
    const model = new Transformer(new Initialiser(device, 1), {
      ...config,
      vocabularySize: alphabet.length,
      context: table.length,
      layers: 1,
      width: 32,
      hidden: 64,
      checkpointing: true,
    });
    const optimizer = new AdamW(model.namedParameters(), { lr: 1e-2, weightDecay: 0 });
    const [source, written] = [asTensor(encode(table)), encode(sentence)];
    const [ids, targets] = [asTensor(written.slice(0, -1)), asTensor(written.slice(1))];
    const loss = (training: boolean) => {
      const memory = model.encode(source, { training });
      return model.loss(ids, targets, { memory, training });
    };
    for (let step = 0; step < 80; step++) {
      device.scope(() => {
        backward(loss(true));
        optimizer.step({ zeroGrad: true });
      });
    }
    expect(await device.scope(() => noGrad(() => loss(false))).item()).toBeLessThan(0.01);
    expect(() => model.forward(ids)).toThrow('needs the memory that encode() gives');
    optimizer.dispose();
    model.dispose();
  });
});

describe('F1 tokens one by one through a cache give the logits of all at once', () => {
  const CACHED = Object.entries(KINDS).filter(([name]) => name !== 'encoder');

  it.each(CACHED)('%s', async (_, config) => {
    const model = await makeModel(config);
    const cache = new KeyValueCache(device, config, 2);
    const rows = [randomIds(8, 8), randomIds(8, 9)];
    const lengths = [3, 5]; // prompts of different lengths, padded to the longer
    const all = await Promise.all(rows.map((ids) => logitsOf(model, asTensor(ids))));
    const want = (row: number, position: number) => {
      const V = config.vocabularySize;
      return Float64Array.from(all[row]!.slice(position * V, (position + 1) * V));
    };
    const V = config.vocabularySize;
    const first = await logitsOf(model, asTensor(...rows.map((ids) => ids.slice(0, 5))), { cache });
    cache.setLengths(lengths);
    const close = { rtol: 0, atol: 1e-5 };
    for (const [row, length] of lengths.entries()) {
      const at = (row * 5 + length - 1) * V;
      expectClose(first.slice(at, at + V), want(row, length - 1), close, `prompt ${row}`);
    }
    for (let step = 0; step < 3; step++) {
      const next = rows.map((ids, row) => [ids[lengths[row]! + step]!]);
      const logits = await logitsOf(model, asTensor(...next), { cache });
      cache.advance();
      for (const [row, length] of lengths.entries()) {
        const got = logits.slice(row * V, (row + 1) * V);
        expectClose(got, want(row, length + step), close, `row ${row}, token ${length + step}`);
      }
    }
    cache.dispose();
    model.dispose();
  });

  it.each(CACHED)('several at once behind those that were kept: %s', async (_, config) => {
    const model = await makeModel(config);
    const cache = new KeyValueCache(device, config, 2, 5);
    const rows = [randomIds(8, 8), randomIds(8, 9)];
    const logits = async (begin: number, end: number) =>
      logitsOf(model, asTensor(...rows.map((ids) => ids.slice(begin, end))), { cache });
    const all = await logitsOf(model, asTensor(...rows));
    const V = config.vocabularySize;
    await logits(0, 5);
    cache.keep(3);
    cache.reserve(8);
    const found = await logits(3, 7); // over what was there
    for (const row of [0, 1]) {
      const want = Float64Array.from(all.slice((row * 8 + 3) * V, (row * 8 + 7) * V));
      const got = found.slice(row * 4 * V, (row + 1) * 4 * V);
      expectClose(got, want, { rtol: 0, atol: 1e-5 }, `row ${row}`);
    }
    cache.keep(7);
    const last = await logits(7, 8);
    const want = Float64Array.from(all.slice(7 * V, 8 * V));
    expectClose(last.slice(0, V), want, { rtol: 0, atol: 1e-5 }, 'the last token');
    cache.dispose();
    model.dispose();
  });

  it('a second call of several tokens, and a token past the end, are refused', async () => {
    const model = await makeModel(BASE);
    const cache = new KeyValueCache(device, BASE, 1, 3);
    await logitsOf(model, asTensor([1, 2, 3]), { cache });
    expect(() => model.forward(asTensor([1, 2]), { cache })).toThrow(
      'after the first call it is one',
    );
    cache.setLengths([3]);
    await expect(logitsOf(model, asTensor([1]), { cache })).rejects.toThrow('into 3 positions');
    cache.keep(0);
    const [again, without] = [
      await logitsOf(model, asTensor([4, 5]), { cache }),
      await logitsOf(model, asTensor([4, 5])),
    ];
    expect(again).toEqual(without);
    cache.dispose();
    model.dispose();
  });
});
