// Models of Hugging Face's folders: PyTorch's logits and tokens, and the way there and back.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { toFloats } from '../../src/io/float_tensors.ts';
import type { Folder } from '../../src/io/folder.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { generate } from '../../src/llm/generate.ts';
import { loadHuggingFace } from '../../src/llm/hugging_face.ts';
import { readConfig } from '../../src/llm/hugging_face_config.ts';
import { parsed } from '../../src/llm/hugging_face_config_writer.ts';
import { saveHuggingFace } from '../../src/llm/hugging_face_save.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { withAdapter } from '../../src/nn/linear.ts';
import { Lora } from '../../src/nn/lora.ts';
import { Device } from '../../src/ops/device.ts';
import { backward, noGrad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { expectClose } from '../reference/close.ts';
import { transformerReference, type Weights } from '../reference/transformer.ts';
import { folderOf, GPT2, QWEN2, QWEN2_SHAPES, weights } from './hf_folder.ts';

const GOLDEN = new URL('../../../shared/golden/', import.meta.url);
const present = existsSync(GOLDEN);
if (!present) console.warn(`no ${GOLDEN.pathname}: PyTorch's models are left out`);

async function logitsOf(model: Transformer, ids: readonly number[]): Promise<Float32Array> {
  const device = model.norm.weight.runtime as Device;
  const input = device.tensor(Int32Array.from(ids), { shape: [1, ids.length] });
  const logits = device.scope(() => noGrad(() => model.forward(input)));
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  input.dispose();
  return values;
}

interface Expected {
  prompts: { text: string; ids: number[]; lastLogits: number[]; greedy24: number[] }[];
}

/** The tensors of a folder's file, with their bytes. */
async function tensorsIn(folder: Folder, path = 'model.safetensors') {
  const { tensors } = readSafetensors(await folder.read(path));
  return new Map(
    [...tensors].map(([name, { dtype, shape, data }]) => {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
      return [name, { dtype, shape, bytes }];
    }),
  );
}

describe.skipIf(!present).each(['llama-tiny', 'gpt2-tiny'])('%s', (name) => {
  const open = () => openFolder(new URL(name, GOLDEN).pathname);

  test.each([false, true])(
    "gives PyTorch's logits and greedy tokens, frozen: %s",
    async (frozen) => {
      const { model, tokenizer } = await loadHuggingFace(device, await open(), { frozen });
      const { prompts }: Expected = JSON.parse(
        readFileSync(new URL(`${name}/expected.json`, GOLDEN), 'utf8'),
      );
      for (const { text, ids, lastLogits, greedy24 } of prompts) {
        expect([...tokenizer!.encode(text)]).toEqual(ids);
        const last = (await logitsOf(model, ids)).subarray(-lastLogits.length);
        expectClose(last, Float64Array.from(lastLogits), { rtol: 0, atol: 1e-4 }, 'logits');
        const greedy = { temperature: 0, maxNewTokens: greedy24.length };
        const [continued] = await generate(device, model, [ids], greedy);
        expect(continued!.newIds).toEqual(greedy24);
      }
      expect(model.parameters().length > 0).toBe(!frozen);
      model.dispose();
    },
  );

  test.each([
    ['in one file', { frozen: false }, {}],
    ['frozen', { frozen: true }, {}],
    ['in shards', { frozen: false }, { maxFileBytes: 100_000 }],
  ])('comes back bit for bit, %s', async (_, load, save) => {
    const source = await open();
    const loaded = await loadHuggingFace(device, source, load);
    const copy = await openFolder(await temporaryFolder());
    await saveHuggingFace(copy, loaded, save);
    loaded.model.dispose();
    const files = await copy.list('');
    const weights = files.filter((file) => file.endsWith('.safetensors'));
    expect(weights.length > 1).toBe('maxFileBytes' in save);
    const written = await Promise.all(weights.map((file) => tensorsIn(copy, file)));
    const all = new Map(written.flatMap((tensors) => [...tensors]).sort());
    expect(all).toEqual(new Map([...(await tensorsIn(source))].sort()));
    expect(await copy.read('tokenizer.json')).toEqual(await source.read('tokenizer.json'));
    const configs = await Promise.all([copy, source].map((folder) => folder.read('config.json')));
    const [after, before] = configs.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)));
    expect(after).toEqual(before);
    const again = await loadHuggingFace(device, copy, load);
    expect(again.dtypes.size).toBe(loaded.dtypes.size);
    again.model.dispose();
  });
});

const IDS = [3, 1, 4, 1, 5, 9, 2, 6];

const QWEN3 = { ...QWEN2, model_type: 'qwen3', head_dim: 6 };
const QWEN3_SHAPES = {
  ...Object.fromEntries(Object.entries(QWEN2_SHAPES).filter(([name]) => !name.endsWith('bias'))),
  'model.layers.0.self_attn.q_proj.weight': [24, 16],
  'model.layers.0.self_attn.k_proj.weight': [12, 16],
  'model.layers.0.self_attn.v_proj.weight': [12, 16],
  'model.layers.0.self_attn.o_proj.weight': [16, 24],
  'model.layers.0.self_attn.q_norm.weight': [6],
  'model.layers.0.self_attn.k_norm.weight': [6],
};
const LLAMA_WITH_BIASES = {
  ...QWEN2,
  model_type: 'llama',
  attention_bias: true,
  mlp_bias: true,
  sliding_window: null,
};
const LLAMA_SHAPES = {
  ...QWEN2_SHAPES,
  'model.layers.0.self_attn.o_proj.bias': [16],
  'model.layers.0.mlp.gate_proj.bias': [24],
  'model.layers.0.mlp.up_proj.bias': [24],
  'model.layers.0.mlp.down_proj.bias': [16],
};

/** A file's tensors under our names, by hand: the reference is written for these. */
function underOurNames(file: ReturnType<typeof weights>): Weights {
  const floats = (name: string) => {
    const tensor = file.get(name)!;
    return { shape: tensor.shape, data: toFloats(tensor) };
  };
  const ours: [string, string][] = [
    ['tokens.weight', 'model.embed_tokens.weight'],
    ['norm.weight', 'model.norm.weight'],
    ['head.weight', 'lm_head.weight'],
    ['blocks.0.attentionNorm.weight', 'model.layers.0.input_layernorm.weight'],
    ['blocks.0.attention.queryNorm.weight', 'model.layers.0.self_attn.q_norm.weight'],
    ['blocks.0.attention.keyNorm.weight', 'model.layers.0.self_attn.k_norm.weight'],
    ['blocks.0.mlpNorm.weight', 'model.layers.0.post_attention_layernorm.weight'],
  ];
  for (const field of ['weight', 'bias']) {
    ours.push([`blocks.0.attention.output.${field}`, `model.layers.0.self_attn.o_proj.${field}`]);
    for (const part of ['up', 'gate', 'down'])
      ours.push([`blocks.0.mlp.${part}.${field}`, `model.layers.0.mlp.${part}_proj.${field}`]);
  }
  const found = ours.filter(([, theirs]) => file.has(theirs));
  const all = new Map(found.map(([name, theirs]) => [name, floats(theirs)]));
  for (const field of ['weight', 'bias']) {
    const names = ['q', 'k', 'v'].map((part) => `model.layers.0.self_attn.${part}_proj.${field}`);
    if (!names.every((name) => file.has(name))) continue;
    const parts = names.map(floats);
    const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
    all.set(`blocks.0.attention.qkv.${field}`, {
      shape: [rows, ...parts[0]!.shape.slice(1)],
      data: Float32Array.from(parts.flatMap(({ data }) => [...data])),
    });
  }
  return all;
}

describe.each([
  ['Qwen2', QWEN2, QWEN2_SHAPES],
  ['Qwen3', QWEN3, QWEN3_SHAPES],
  ['a Llama with biases', LLAMA_WITH_BIASES, LLAMA_SHAPES],
])('%s', (_, config, shapes) => {
  test.each(['f32', 'f16', 'bf16'] as const)('in %s gives the logits of float64', async (dtype) => {
    const file = weights(shapes, dtype);
    const folder = await folderOf({ 'config.json': config, 'model.safetensors': file });
    const ours = underOurNames(file);
    const want = transformerReference(ours, readConfig(parsed(config)), { ids: IDS }).flat();
    const atol = 2e-6 * Math.max(...want.map(Math.abs));
    for (const frozen of [false, true]) {
      const { model } = await loadHuggingFace(device, folder, { frozen });
      const got = await logitsOf(model, IDS);
      expectClose(got, Float64Array.from(want), { rtol: 0, atol }, `frozen ${frozen}`);
      const kept = model.blocks[0]!.mlp.up.weight.storage.packed;
      expect(kept).toBe(frozen && dtype !== 'f32' ? dtype : null);
      model.dispose();
    }
  });
});

describe('a folder', () => {
  const loaded = async (config: object, file: object, options = {}) =>
    loadHuggingFace(
      device,
      await folderOf({ 'config.json': config, 'model.safetensors': file }),
      options,
    );

  test('of the bare model with a tied head, and buffers of old versions, is the same model', async () => {
    const tied = { ...QWEN2, tie_word_embeddings: true };
    const { 'lm_head.weight': head, ...rest } = QWEN2_SHAPES;
    const file = weights(rest);
    const bare = new Map([...file].map(([name, x]) => [name.replace('model.', ''), x]));
    const buffers = weights({
      'lm_head.weight': head,
      'model.layers.0.self_attn.rotary_emb.inv_freq': [2],
    });
    const logits: Float32Array[] = [];
    for (const variant of [file, bare, new Map([...file, ...buffers])]) {
      const { model } = await loaded(tied, variant);
      logits.push(await logitsOf(model, IDS));
      model.dispose();
    }
    expect(logits[1]).toEqual(logits[0]);
    expect(logits[2]).toEqual(logits[0]);
  });

  test('with a table over the binding limit gives the same logits', async () => {
    const narrow = await Device.open({
      announce: null,
      limits: { maxStorageBufferBindingSize: 16384 },
    });
    const config = { ...GPT2, vocab_size: 700 };
    const shapes: Record<string, number[]> = { 'wte.weight': [700, 8], 'wpe.weight': [9, 8] };
    for (const norm of ['h.0.ln_1', 'h.0.ln_2', 'ln_f'])
      for (const field of ['weight', 'bias']) shapes[`${norm}.${field}`] = [8];
    for (const [name, inputs, outputs] of [
      ['attn.c_attn', 8, 24],
      ['attn.c_proj', 8, 8],
      ['mlp.c_fc', 8, 32],
      ['mlp.c_proj', 32, 8],
    ] as const) {
      shapes[`h.0.${name}.weight`] = [inputs, outputs];
      shapes[`h.0.${name}.bias`] = [outputs];
    }
    const folder = await folderOf({
      'config.json': config,
      'model.safetensors': weights(shapes, 'f16'),
    });
    for (const frozen of [false, true]) {
      const [wide, cut] = await Promise.all(
        [device, narrow].map((at) => loadHuggingFace(at, folder, { frozen })),
      );
      const ids = IDS.slice(0, 5);
      const got = await logitsOf(cut!.model, ids);
      expectClose(
        got,
        Float64Array.from(await logitsOf(wide!.model, ids)),
        { rtol: 0, atol: 1e-6 },
        'logits',
      );
      wide!.model.dispose();
    }
    narrow.destroy();
  });

  // Up to 8 rows of halves have a kernel of their own, which adds in another order; more are computed as in f32.
  test.each([
    [1, 'but for rounding'],
    [2, 'to the bit'],
  ])(
    'in halves takes half the memory, and a LoRA step on it is that on the same values in f32: batch %i, %s',
    async (batch) => {
      const file = weights(QWEN2_SHAPES, 'bf16');
      const steps: { loss: number; gradients: ArrayLike<number>[] }[] = [];
      const bytes: number[] = [];
      for (const frozen of [true, false]) {
        const { model } = await loaded(QWEN2, file, { frozen });
        bytes.push(model.tokens.weight.storage.bytes);
        for (const x of model.parameters()) x.requireGrad(false);
        const init = new Initialiser(device, 3);
        for (const layer of [model.blocks[0]!.attention.qkv, model.blocks[0]!.mlp.down]) {
          layer.adapters.set('task', new Lora(init, layer, { rank: 2 }));
          layer.adapters
            .get('task')!
            .namedTensors()
            .get('factors.all.b')!
            .write(new Float32Array(layer.outputs * 2).fill(0.1));
        }
        const rows = (ids: number[]) =>
          device.tensor(
            Array.from({ length: batch }, () => ids),
            { dtype: 'i32' },
          );
        const [ids, targets] = [rows(IDS), rows(IDS.toReversed())];
        const loss = device.scope(() => {
          const loss = withAdapter(model, 'task', () => model.loss(ids, targets));
          backward(loss);
          return loss;
        });
        const trained = model.parameters();
        expect(trained).toHaveLength(4);
        const gradients = await Promise.all(trained.map((x) => x.grad!.data()));
        steps.push({ loss: await loss.item(), gradients });
        model.dispose();
      }
      expect(bytes[1]).toBe(2 * bytes[0]!);
      if (batch > 1) expect(steps[0]).toEqual(steps[1]);
      expect(Math.abs(steps[0]!.loss - steps[1]!.loss)).toBeLessThan(1e-6 * steps[1]!.loss);
      for (const [i, gradient] of steps[0]!.gradients.entries())
        expectClose(
          gradient,
          Float64Array.from(steps[1]!.gradients[i]!),
          { rtol: 1e-5, atol: 1e-7 },
          `gradient ${i}`,
        );
      expect(Math.max(...Array.from(steps[0]!.gradients[0]!).map(Math.abs))).toBeGreaterThan(1e-4);
    },
  );

  test('keeps its formats where they still hold the values; what was trained is F32', async () => {
    const source = await loaded(
      { ...QWEN2, torch_dtype: 'bfloat16' },
      weights(QWEN2_SHAPES, 'bf16'),
    );
    const { weight } = source.model.blocks[0]!.mlp.up;
    weight.write((await weight.data()).map((x) => x * 1.001));
    const folder = await openFolder(await temporaryFolder());
    await saveHuggingFace(folder, source);
    const written = await tensorsIn(folder);
    for (const [name, { dtype }] of written)
      expect(dtype, name).toBe(name.endsWith('up_proj.weight') ? 'f32' : 'bf16');
    const text = new TextDecoder().decode(await folder.read('config.json'));
    expect(JSON.parse(text).torch_dtype).toBe('float32');
    const again = await loadHuggingFace(device, folder);
    expect(await logitsOf(again.model, IDS)).toEqual(await logitsOf(source.model, IDS));
    for (const { model } of [source, again]) model.dispose();
  });
});
