// A model of GPT-2 124M's shape, with random weights, on an adapter that binds 128 MiB at a time: its token table takes 147.
// It is loaded from a folder, generates, and is tuned by LoRA.

import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Folder } from '../../src/io/folder.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import type { HostTensor } from '../../src/io/host_tensor.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { findTensors, type StoredTensor } from '../../src/io/sharded_safetensors.ts';
import { generate } from '../../src/llm/generate.ts';
import { loadHuggingFace } from '../../src/llm/hugging_face.ts';
import { saveHuggingFace } from '../../src/llm/hugging_face_save.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { withAdapter } from '../../src/nn/linear.ts';
import { Lora } from '../../src/nn/lora.ts';
import { Device } from '../../src/ops/device.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { floatToHalf } from '../../src/tensor/half.ts';
import { fillNormal, randomStream } from '../../src/tensor/philox.ts';
import { backward, noGrad } from '../../src/tensor/tape.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

const BINDING = 2 ** 27;
const CONFIG = {
  model_type: 'gpt2',
  n_embd: 768,
  n_head: 12,
  n_layer: 12,
  n_positions: 1024,
  vocab_size: 50257,
};
const MIB = 2 ** 20;

let device: Device; // a new one for each test: peaks are a device's
beforeEach(async () => {
  device = await Device.open({ announce: null, limits: { maxStorageBufferBindingSize: BINDING } });
});
afterEach(() => device.destroy());

const records: object[] = [];
afterAll(() => {
  const record = { command: 'npm run test:long -- gpt2_size', bindingMiB: BINDING / MIB, records };
  writeFileSync('bench/results/gpt2-124m-shape.json', `${JSON.stringify(record, null, 2)}\n`);
});

/** The shapes of GPT-2's tensors, as its file has them. */
function shapes(): Map<string, number[]> {
  const { n_embd: C, n_layer, n_positions, vocab_size } = CONFIG;
  const found = new Map([
    ['wte.weight', [vocab_size, C]],
    ['wpe.weight', [n_positions, C]],
    ['ln_f.weight', [C]],
    ['ln_f.bias', [C]],
  ]);
  for (let layer = 0; layer < n_layer; layer++) {
    for (const norm of ['ln_1', 'ln_2']) {
      for (const field of ['weight', 'bias']) found.set(`h.${layer}.${norm}.${field}`, [C]);
    }
    for (const [name, inputs, outputs] of [
      ['attn.c_attn', C, 3 * C],
      ['attn.c_proj', C, C],
      ['mlp.c_fc', C, 4 * C],
      ['mlp.c_proj', 4 * C, C],
    ] as const) {
      found.set(`h.${layer}.${name}.weight`, [inputs, outputs]);
      found.set(`h.${layer}.${name}.bias`, [outputs]);
    }
  }
  return found;
}

/** Matrices of normals with σ = 0.02, taken at random from 65,536 of them; norms of 1, biases of 0. */
function randomWeights(dtype: 'f16' | 'f32'): Map<string, HostTensor> {
  const normals = new Float32Array(65536);
  fillNormal(normals, { seed: 1 });
  const encode = dtype === 'f16' ? (x: number) => floatToHalf(x) : (x: number) => x;
  const [table, one] = [normals.map((z) => encode(0.02 * z)), encode(1)];
  const random = randomStream(2, 0);
  const drawn = ([name, shape]: [string, number[]]): [string, HostTensor] => {
    const size = shape.reduce((a, b) => a * b);
    const data = dtype === 'f16' ? new Uint16Array(size) : new Float32Array(size);
    if (shape.length === 2) {
      // A step through the table from a random place: enough for weights that differ.
      let at = random.integer(65536);
      const step = 2 * random.integer(32768) + 1;
      for (let i = 0; i < size; i++) data[i] = table[(at += step + (i >> 16)) & 65535]!;
    } else if (name.includes('ln_') && name.endsWith('weight')) data.fill(one);
    return [name, { dtype, shape, data }];
  };
  return new Map([...shapes()].map(drawn));
}

/** Name by name the same bits. */
async function expectSameTensors(got: Folder, want: Folder) {
  const [saved, original] = await Promise.all([got, want].map(findTensors));
  expect(new Set(saved!.keys())).toEqual(new Set(original!.keys()));
  const bytesOf = (folder: Folder, { path, begin, end }: StoredTensor) =>
    folder.readRange(path, begin, end);
  for (const [name, tensor] of original!) {
    const [a, b] = [await bytesOf(got, saved!.get(name)!), await bytesOf(want, tensor)];
    expect(Buffer.compare(a, b), name).toBe(0);
  }
}

describe.each(['f32', 'f16'] as const)('GPT-2 124M in %s', (dtype) => {
  test('is loaded, generates 16 tokens, is saved in shards bit for bit, and takes a LoRA step', async () => {
    const path = await temporaryFolder();
    const folder = await openFolder(path);
    await folder.write('config.json', new TextEncoder().encode(JSON.stringify(CONFIG)));
    await folder.write('model.safetensors', writeSafetensors(randomWeights(dtype)));

    const seconds: Record<string, number> = {};
    const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      const begin = performance.now();
      const result = await work();
      seconds[what] = (performance.now() - begin) / 1000;
      return result;
    };
    const before = device.memory().bytesInUse;
    const loaded = await timed('load', () => loadHuggingFace(device, folder, { frozen: true }));
    const { model } = loaded;
    const held = device.memory().bytesInUse - before;
    const parameters = [...shapes().values()].reduce(
      (sum, shape) => sum + shape.reduce((a, b) => a * b),
      0,
    );
    expect(parameters).toBe(124_439_808);
    // Buffers come in classes of sizes; the position table and the vectors are f32 in any case.
    expect(held).toBeGreaterThan(parameters * (dtype === 'f16' ? 2 : 4));
    expect(held).toBeLessThan(1.3 * parameters * (dtype === 'f16' ? 2 : 4));

    const prompt = [464, 2068, 7586, 21831, 18045, 625];
    const greedy = { temperature: 0, maxNewTokens: 16 };
    const [continued] = await timed('generate', () => generate(device, model, [prompt], greedy));
    const ids = continued!.newIds;
    expect(ids).toHaveLength(16);
    expect(ids.every((id) => id >= 0 && id < CONFIG.vocab_size)).toBe(true);

    const copy = await openFolder(await temporaryFolder());
    await timed('save', () => saveHuggingFace(copy, loaded, { maxFileBytes: 2 ** 28 }));
    await expectSameTensors(copy, folder);

    const init = new Initialiser(device, 3);
    for (const { attention } of model.blocks)
      attention.qkv.adapters.set('task', new Lora(init, attention.qkv));
    const random = randomStream(4, 0);
    const tokens = () =>
      device.tensor(
        Int32Array.from({ length: 32 }, () => random.integer(CONFIG.vocab_size)),
        { shape: [1, 32] },
      );
    const [input, targets] = [tokens(), tokens()];
    const loss = () => withAdapter(model, 'task', () => model.loss(input, targets));
    const optimizer = new AdamW(model.namedParameters(), { lr: 1e-3 });
    const first = await timed('LoRA step', async () => {
      const found = device.scope(() => {
        const found = loss();
        backward(found);
        optimizer.step({ zeroGrad: true });
        return found;
      });
      return found.item();
    });
    expect(first).toBeGreaterThan(Math.log(CONFIG.vocab_size) - 1);
    const second = await device.scope(() => noGrad(loss)).item();
    expect(second).toBeLessThan(first);

    records.push({
      weights: dtype,
      adapter: device.adapter.name,
      seconds,
      deviceMiB: { model: held / MIB, peak: device.memory().peakBytes / MIB },
      nodeMiB: process.memoryUsage.rss() / MIB,
      losses: [first, second],
    });
    model.dispose();
  });
});
