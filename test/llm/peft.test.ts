// LoRA in PEFT's files: names, settings and values both ways, and what is refused.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFolder } from '#folder';
import { DataError } from '../../src/errors.ts';
import { type HostTensor, readSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { loadBottlenecks, saveBottlenecks } from '../../src/llm/bottleneck_file.ts';
import { loadPeft, PEFT_CONFIG, PEFT_MODEL, type PeftNames, savePeft } from '../../src/llm/peft.ts';
import { huggingFaceNames } from '../../src/llm/peft_names.ts';
import { type LoraMethod, trainable } from '../../src/llm/trainable.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { withAdapter } from '../../src/nn/linear.ts';
import { floatToHalf } from '../../src/tensor/half.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { expectClose } from '../reference/close.ts';
import { CONFIG, makeModel } from './finetune_tiny.ts';

const IDS = Int32Array.of(1, 2, 3, 4);
const logitsOf = (model: Transformer, adapter: string | null = 'default') => {
  const ids = device.tensor(IDS, { shape: [1, 4] });
  return withAdapter(model, adapter, () => model.forward(ids)).data();
};

/** As Hugging Face's Llama calls them. */
const LLAMA = huggingFaceNames('llama', CONFIG);

/** A model with a LoRA that does something. */
function adapted(method: Partial<LoraMethod> = {}): Transformer {
  const model = makeModel(device);
  trainable(model, new Initialiser(device, 4), { kind: 'lora', rank: 3, alpha: 6, ...method });
  for (const [name, x] of model.namedParameters())
    if (name.endsWith('.b'))
      x.write(Array.from({ length: x.size }, (_, i) => Math.sin(i + x.size)));
  return model;
}

const prefix = 'base_model.model.model.layers';

describe('saved', () => {
  test('query and value are q_proj and v_proj, though one layer computes both', async () => {
    const folder = await openFolder(await temporaryFolder());
    const model = adapted({ dropout: 0.25, rankStabilised: true });
    await savePeft(folder, model, { ...LLAMA, baseModel: 'tiny' });
    const { tensors } = readSafetensors(await folder.read(PEFT_MODEL));
    const shapes = [...tensors].map(([name, { shape }]) => `${name} ${shape}`).sort();
    expect(shapes).toEqual(
      [0, 1].flatMap((layer) => [
        `${prefix}.${layer}.self_attn.q_proj.lora_A.weight 3,8`,
        `${prefix}.${layer}.self_attn.q_proj.lora_B.weight 8,3`,
        `${prefix}.${layer}.self_attn.v_proj.lora_A.weight 3,8`,
        `${prefix}.${layer}.self_attn.v_proj.lora_B.weight 4,3`,
      ]),
    );
    const config = JSON.parse(new TextDecoder().decode(await folder.read(PEFT_CONFIG)));
    expect(config).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: 'tiny',
      r: 3,
      lora_alpha: 6,
      lora_dropout: 0.25,
      use_rslora: true,
      target_modules: ['q_proj', 'v_proj'],
      bias: 'none',
      fan_in_fan_out: false,
    });
  });

  test('where only some layers are adapted, they are named in full', async () => {
    const folder = await openFolder(await temporaryFolder());
    const model = adapted({ targets: ['blocks.1.attention.query', 'up'] });
    await savePeft(folder, model, LLAMA);
    const config = JSON.parse(new TextDecoder().decode(await folder.read(PEFT_CONFIG)));
    expect(config.target_modules).toEqual([
      'model.layers.0.mlp.up_proj',
      'model.layers.1.mlp.up_proj',
      'model.layers.1.self_attn.q_proj',
    ]);
  });

  test("GPT-2's packed projection is one module, with its weight transposed", async () => {
    const folder = await openFolder(await temporaryFolder());
    const names = huggingFaceNames('gpt2', { ...CONFIG, keyValueHeads: 2 });
    const model = makeModel(device, { keyValueHeads: 2 });
    trainable(model, new Initialiser(device, 4), { kind: 'lora', rank: 2, targets: ['qkv'] });
    await savePeft(folder, model, names);
    const { tensors } = readSafetensors(await folder.read(PEFT_MODEL));
    const first = 'base_model.model.transformer.h.0.attn.c_attn';
    expect(tensors.get(`${first}.lora_A.weight`)!.shape).toEqual([2, 8]);
    expect(tensors.get(`${first}.lora_B.weight`)!.shape).toEqual([24, 2]);
    const config = JSON.parse(new TextDecoder().decode(await folder.read(PEFT_CONFIG)));
    expect(config).toMatchObject({ fan_in_fan_out: true, target_modules: ['c_attn'] });
    trainable(model, new Initialiser(device, 4), { kind: 'lora' });
    await expect(savePeft(folder, model, names)).rejects.toThrow(
      "PEFT's format has no module for blocks.0.attention.query; adapt blocks.0.attention.qkv",
    );
  });

  test('what the format has no module for is refused', async () => {
    const folder = await openFolder(await temporaryFolder());
    const model = adapted({ targets: ['qkv'] });
    await expect(savePeft(folder, model, LLAMA)).rejects.toThrow(
      "PEFT's format has no module for blocks.0.attention.qkv; adapt its parts: query, key, value",
    );
    expect(await folder.list('')).toEqual([]);
    await expect(savePeft(folder, model, { name: 'other' })).rejects.toThrow(
      'no LoRA named "other"',
    );
  });
});

describe('read', () => {
  test.each<[string, Partial<LoraMethod>, PeftNames]>([
    ['parts under the other library’s names', {}, LLAMA],
    ['whole layers and the head under our names', { targets: ['qkv', 'mlp.*', 'head'] }, {}],
    ['other settings', { rankStabilised: true, dropout: 0.5, rank: 1, alpha: 3 }, LLAMA],
  ])('what was saved comes back, bit for bit: %s', async (_, method, names) => {
    const folder = await openFolder(await temporaryFolder());
    const model = adapted(method);
    await savePeft(folder, model, names);
    const other = makeModel(device);
    await loadPeft(folder, other, new Initialiser(device, 9), { ...names, name: 'read' });
    expect(await logitsOf(other, 'read')).toEqual(await logitsOf(model));
    expect(await logitsOf(other, null)).toEqual(await logitsOf(model, null));
    const again = await openFolder(await temporaryFolder());
    await savePeft(again, other, { ...names, name: 'read' });
    for (const file of [PEFT_CONFIG, PEFT_MODEL])
      expect(await again.read(file)).toEqual(await folder.read(file));
  });

  /** A file as PEFT writes it: q_proj of the first layer, r = 2, in the given type. */
  async function peftFolder(
    changes: { config?: object; tensors?: Record<string, HostTensor> } = {},
  ) {
    const path = await temporaryFolder();
    const config = {
      peft_type: 'LORA',
      r: 2,
      lora_alpha: 4,
      target_modules: ['q_proj'],
      ...changes.config,
    };
    await writeFile(join(path, PEFT_CONFIG), JSON.stringify(config));
    const tensors = new Map(Object.entries({ ...qProj('f32'), ...changes.tensors }));
    await writeFile(join(path, PEFT_MODEL), writeSafetensors(tensors));
    return openFolder(path);
  }

  const A = Array.from({ length: 16 }, (_, i) => ((i % 5) - 2) / 4);
  const B = Array.from({ length: 16 }, (_, i) => ((i % 7) - 3) / 8);
  const name = (which: 'A' | 'B') => `${prefix}.0.self_attn.q_proj.lora_${which}.weight`;

  function qProj(dtype: 'f32' | 'f16' | 'bf16'): Record<string, HostTensor> {
    const bits = (values: number[]) => {
      const floats = Float32Array.from(values);
      if (dtype === 'f32') return floats;
      if (dtype === 'f16') return Uint16Array.from(values, floatToHalf);
      return Uint16Array.from(new Uint32Array(floats.buffer), (word) => word >>> 16);
    };
    return {
      [name('A')]: { dtype, shape: [2, 8], data: bits(A) },
      [name('B')]: { dtype, shape: [8, 2], data: bits(B) },
    };
  }

  test.each(['f32', 'f16', 'bf16'] as const)(
    'a file of PEFT in %s adds (alpha / r) B A to the rows of queries',
    async (dtype) => {
      const folder = await peftFolder({ tensors: qProj(dtype) });
      const model = makeModel(device);
      await loadPeft(folder, model, new Initialiser(device, 9), LLAMA);
      const found = await logitsOf(model);
      const { weight } = model.blocks[0]!.attention.qkv;
      const values = Float64Array.from(await weight.data());
      for (let row = 0; row < 8; row++)
        for (let column = 0; column < 8; column++)
          for (let r = 0; r < 2; r++)
            values[row * 8 + column]! += (4 / 2) * B[row * 2 + r]! * A[r * 8 + column]!;
      weight.write(values);
      const expected = Float64Array.from(await logitsOf(model, null));
      expectClose(found, expected, { rtol: 1e-5, atol: 1e-5 }, 'logits');
    },
  );

  test.each<[string, Parameters<typeof peftFolder>[0], string]>([
    ['another kind', { config: { peft_type: 'IA3' } }, 'peft_type is "IA3", expected "LORA"'],
    ['DoRA', { config: { use_dora: true } }, 'use_dora is not supported'],
    ['trained biases', { config: { bias: 'all' } }, 'bias is "all", expected "none"'],
    [
      'ranks by layer',
      { config: { rank_pattern: { q_proj: 4 } } },
      'rank_pattern is not supported',
    ],
    ['a rank that is none', { config: { r: 0 } }, 'r is 0, which is out of its range'],
    ['a rank that is not the tensors’', { config: { r: 3 } }, 'is [2, 8], expected [3, 8]'],
    [
      'a layer that the model lacks',
      {
        tensors: {
          [`${prefix}.7.self_attn.q_proj.lora_A.weight`]: {
            dtype: 'f32',
            shape: [1],
            data: new Float32Array(1),
          },
        },
      },
      'the model has no layer for base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight (1 of 3 tensors)',
    ],
    [
      'integers',
      { tensors: { [name('A')]: { dtype: 'i32', shape: [2, 8], data: new Int32Array(16) } } },
      'is i32, expected f32, f16 or bf16',
    ],
    [
      'another width',
      { tensors: { [name('B')]: { dtype: 'f32', shape: [4, 2], data: new Float32Array(8) } } },
      'is [4, 2], expected [8, 2]',
    ],
  ])('refused, with nothing added: %s', async (_, changes, message) => {
    const folder = await peftFolder(changes);
    const model = makeModel(device);
    const names = [...model.namedTensors().keys()];
    const load = () => loadPeft(folder, model, new Initialiser(device, 9), LLAMA);
    await expect(load()).rejects.toThrow(DataError);
    await expect(load()).rejects.toThrow(message);
    expect([...model.namedTensors().keys()]).toEqual(names);
  });

  test('half of a pair is refused', async () => {
    const folder = await peftFolder();
    const tensors = new Map([[name('A'), qProj('f32')[name('A')]!]]);
    await folder.write(PEFT_MODEL, writeSafetensors(tensors));
    const model = makeModel(device);
    const options = LLAMA;
    await expect(loadPeft(folder, model, new Initialiser(device, 9), options)).rejects.toThrow(
      `tensor ${name('B')} is missing`,
    );
  });
});

describe('bottlenecks', () => {
  test('come back, bit for bit, and are refused by another model', async () => {
    const folder = await openFolder(await temporaryFolder());
    const model = makeModel(device);
    trainable(model, new Initialiser(device, 4), { kind: 'adapter', size: 3 });
    for (const x of model.parameters())
      x.write(Array.from({ length: x.size }, (_, i) => Math.sin(i)));
    await saveBottlenecks(folder, model);
    const other = makeModel(device);
    await loadBottlenecks(folder, other, new Initialiser(device, 9));
    expect(await logitsOf(other)).toEqual(await logitsOf(model));
    for (const changes of [{ layers: 1 }, { width: 16 }]) {
      const wrong = makeModel(device, changes);
      const names = [...wrong.namedTensors().keys()];
      await expect(loadBottlenecks(folder, wrong, new Initialiser(device, 9))).rejects.toThrow(
        DataError,
      );
      expect([...wrong.namedTensors().keys()]).toEqual(names);
    }
  });
});
