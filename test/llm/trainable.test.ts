// What each method trains: how many values, and that it leaves the others alone to the bit.

import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { finetune } from '../../src/llm/finetune.ts';
import type { FinetuneSettings } from '../../src/llm/finetune_settings.ts';
import { type Method, trainable } from '../../src/llm/trainable.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { setAdapter, withAdapter } from '../../src/nn/linear.ts';
import { device } from '../device.ts';
import { CONFIG, examplesOf, makeModel, valuesOf } from './finetune_tiny.ts';

function chosen(method: Method, config: Partial<TransformerConfig> = {}) {
  const model = makeModel(device, config);
  const parameters = trainable(model, new Initialiser(device, 2), method);
  const count = [...parameters.values()].reduce((sum, x) => sum + x.size, 0);
  expect([...model.namedParameters().keys()]).toEqual([...parameters.keys()]);
  model.dispose();
  return { count, names: [...parameters.keys()] };
}

describe('H5: the number of trained values', () => {
  // Per block, 8 wide: qkv 16 x 8 + 16, output 8 x 8 + 8, up 16 x 8 + 16, down 8 x 16 + 8, two norms of 8 + 8.
  const block = 144 + 72 + 144 + 136 + 32;
  const [norm, head, tokens, positions] = [16, 80, 80, 96];

  test('full', () => {
    expect(chosen({ kind: 'full' }).count).toBe(2 * block + norm + head + tokens + positions);
  });

  test('last k layers: the blocks, and the norm and the head that follow them', () => {
    expect(chosen({ kind: 'lastK', layers: 1 }).count).toBe(block + norm + head);
    expect(chosen({ kind: 'lastK', layers: 0 }).count).toBe(norm + head);
    const { names } = chosen({ kind: 'lastK', layers: 1 }, { tiedEmbeddings: true });
    expect(names.filter((name) => !name.startsWith('blocks.1.'))).toEqual([
      'norm.weight',
      'norm.bias',
    ]);
  });

  test('BitFit: the biases of projections and norms', () => {
    const { count, names } = chosen({ kind: 'bitfit' });
    expect(count).toBe(2 * (16 + 8 + 16 + 8 + 2 * 8) + 8);
    expect(names.every((name) => name.endsWith('.bias'))).toBe(true);
  });

  test('bottlenecks: 2 d m + d + m each, two to a block', () => {
    const { count, names } = chosen({ kind: 'adapter', size: 3 });
    expect(count).toBe(4 * (2 * 8 * 3 + 8 + 3));
    expect(names.every((name) => name.includes('.adapters.default.'))).toBe(true);
  });

  test.each<[string, readonly string[] | undefined, number]>([
    ['queries and values, by default', undefined, 2 * (loraSize(8, 8) + loraSize(8, 4))],
    ['the packed projection as one', ['qkv'], 2 * loraSize(8, 16)],
    ['one layer of one block', ['blocks.1.mlp.up'], loraSize(8, 16)],
    ['all of the MLPs', ['mlp.*'], 2 * (loraSize(8, 16) + loraSize(16, 8))],
    [
      'every linear layer',
      ['*'],
      2 * (loraSize(8, 16) + loraSize(8, 8) + loraSize(8, 16) + loraSize(16, 8)) + loraSize(8, 10),
    ],
  ])('LoRA: r (in + out) for each projection: %s', (_, targets, count) => {
    expect(chosen({ kind: 'lora', rank: 2, ...(targets && { targets }) }).count).toBe(count);
  });

  test('is refused where it is 0, or where a name is none', () => {
    expect(() => chosen({ kind: 'bitfit' }, { bias: false })).toThrow(
      new ConfigError('trainable: bitfit leaves nothing to train: the model has no biases'),
    );
    expect(() => chosen({ kind: 'lastK', layers: 3 })).toThrow(
      'lastK of 3 layers, expected 0 to 2',
    );
    expect(() => chosen({ kind: 'lora', targets: ['query', 'quarry'] })).toThrow(
      'no linear layer\'s name ends with "quarry"; the model has attention.qkv, attention.query, ' +
        'attention.key, attention.value, attention.output, mlp.up, mlp.down, head',
    );
  });
});

/** r (in + out), with r = 2. */
function loraSize(inputs: number, outputs: number): number {
  return 2 * (inputs + outputs);
}

test('H7: r = 4 on queries and values of GPT-3 is 18,874,368 values, 9,272 times fewer than all', () => {
  const { layers, width, parameters } = { layers: 96, width: 12288, parameters: 175e9 };
  const count = 2 * layers * 4 * (width + width);
  expect(count).toBe(18_874_368);
  expect(Math.round(parameters / count)).toBe(9272);
  // The same sum is what the small model has.
  const small = 2 * CONFIG.layers * 4 * (CONFIG.width + CONFIG.width);
  expect(chosen({ kind: 'lora', rank: 4 }, { keyValueHeads: CONFIG.heads }).count).toBe(small);
});

const METHODS: Partial<FinetuneSettings>[] = [
  { method: 'full' },
  { method: 'lastK', lastLayers: 1 },
  { method: 'bitfit' },
  { method: 'adapter', bottleneck: 4 },
  { method: 'lora', rank: 2, loraDropout: 0.1 },
];

describe.each(METHODS)('H5: %j', (settings) => {
  test('starts as the model, trains what it says, and leaves every bit of the rest', async () => {
    const model = makeModel(device);
    const ids = device.tensor(Int32Array.of(1, 2, 3, 4), { shape: [1, 4] });
    const logits = () => model.forward(ids).data();
    const [before, base] = [await valuesOf(model), await logits()];
    const examples = examplesOf(24);
    let trained: string[] = [];
    let [atStart, adapted]: ArrayLike<number>[] = [[], []];
    const { adapterName } = await finetune(
      device,
      model,
      { train: examples.slice(4), heldOut: examples.slice(0, 4) },
      {
        settings: { steps: 3, learningRate: 0.01, warmup: 0, ...settings },
        onStart: () => {
          trained = [...model.namedParameters().keys()];
        },
      },
    );
    const after = await valuesOf(model);
    for (const [name, values] of after)
      if (!trained.includes(name)) expect(values, name).toEqual(before.get(name));
    const changed = trained.filter((name) => String(after.get(name)) !== String(before.get(name)));
    expect(changed.length).toBeGreaterThan(trained.length / 2);

    if (adapterName) {
      atStart = await logits();
      adapted = await withAdapter(model, adapterName, () => model.forward(ids)).data();
      expect(atStart).toEqual(base); // not selected
    } else adapted = await logits();
    expect(adapted).not.toEqual(base);
    model.dispose();
  });
});

test.each<Method>([{ kind: 'adapter' }, { kind: 'lora' }])(
  'H5: %j is the identity before it is trained, bit for bit',
  async (method) => {
    const model = makeModel(device);
    const ids = device.tensor(Int32Array.of(1, 2, 3, 4), { shape: [1, 4] });
    const base = await model.forward(ids).data();
    trainable(model, new Initialiser(device, 2), method);
    setAdapter(model, 'default');
    expect(await model.forward(ids).data()).toEqual(base);
    model.dispose();
  },
);
