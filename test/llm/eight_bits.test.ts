// Models whose matrices are kept in 8 bits: what they compute, what they take, and that adapters learn on them.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openFolder } from '#folder';
import { finetune } from '../../src/llm/finetune.ts';
import { packModel } from '../../src/llm/frozen_weights.ts';
import { loadHuggingFace } from '../../src/llm/hugging_face.ts';
import { saveHuggingFace } from '../../src/llm/hugging_face_save.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { mergeAdapter } from '../../src/nn/linear.ts';
import { Lora } from '../../src/nn/lora.ts';
import { unpackWeight } from '../../src/ops/packed.ts';
import { sum } from '../../src/ops/reduce.ts';
import { slice } from '../../src/ops/view.ts';
import { grad, noGrad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { expectClose } from '../reference/close.ts';
import { examplesOf, makeModel, valuesOf } from './finetune_tiny.ts';
import { folderOf, QWEN2, QWEN2_SHAPES, weights } from './hf_folder.ts';

const GOLDEN = new URL('../../../shared/golden/', import.meta.url);
const present = existsSync(GOLDEN);
if (!present) console.warn(`no ${GOLDEN.pathname}: PyTorch's models are left out`);

async function logitsOf(model: Transformer, ids: readonly number[]): Promise<Float32Array> {
  const input = device.tensor(Int32Array.from(ids), { shape: [1, ids.length] });
  return (await noGrad(() => model.forward(input)).data()) as Float32Array;
}

/** The model's matrices that the other keeps packed, and what they are there. */
function packedIn(model: Transformer, packed: Transformer): [Tensor, Tensor][] {
  const other = packed.namedTensors();
  const all = [...model.namedTensors()].map(([name, x]): [Tensor, Tensor] => [x, other.get(name)!]);
  return all.filter(([, { storage }]) => storage.packed !== null);
}

/**
 * How far rounding moves a logit of the last position, as a standard deviation: it moves each weight by something between
 * -s/2 and s/2, s being its row's scale, so that the logit z moves by √(Σ (∂z/∂w)² s²/12), to first order.
 */
async function deviation(
  model: Transformer,
  matrices: readonly [Tensor, Tensor][],
  ids: readonly number[],
  logit: number,
): Promise<number> {
  const input = device.tensor(Int32Array.from(ids), { shape: [1, ids.length] });
  const last = ids.length - 1;
  const z = slice(model.forward(input), { start: [0, last, logit], end: [1, last + 1, logit + 1] });
  const gradients = grad(
    sum(z),
    matrices.map(([x]) => x),
  );
  let variance = 0;
  for (const [i, [x]] of matrices.entries()) {
    const [w, dz] = [await x.data(), await gradients[i]!.data()];
    const K = x.shape[1]!;
    for (let begin = 0; begin < w.length; begin += K) {
      const scale = Math.max(...w.subarray(begin, begin + K).map(Math.abs)) / 127;
      for (let k = begin; k < begin + K; k++) variance += (dz[k]! * scale) ** 2 / 12;
    }
  }
  return Math.sqrt(variance);
}

interface Expected {
  prompts: { ids: number[]; lastLogits: number[] }[];
}

describe.skipIf(!present).each(['llama-tiny', 'gpt2-tiny'])('%s', (name) => {
  test("gives the logits of its rounded weights, and PyTorch's but for the rounding", async () => {
    const folder = await openFolder(new URL(name, GOLDEN).pathname);
    const { model: packed } = await loadHuggingFace(device, folder, { frozen: '8bit' });
    const { model } = await loadHuggingFace(device, folder);
    const matrices = packedIn(model, packed);
    expect(matrices.length).toBeGreaterThanOrEqual(4 * model.blocks.length);
    const text = readFileSync(new URL(`${name}/expected.json`, GOLDEN), 'utf8');
    const { prompts } = JSON.parse(text) as Expected;
    for (const { ids, lastLogits } of prompts) {
      const got = (await logitsOf(packed, ids)).subarray(-lastLogits.length);
      const moved = lastLogits.map((z, i) => Math.abs(got[i]! - z));
      const worst = moved.indexOf(Math.max(...moved)); // of some hundred logits
      const bound = 5 * (await deviation(model, matrices, ids, worst));
      expect(moved[worst]).toBeLessThan(bound);
      expect(bound).toBeLessThan(Math.max(...lastLogits.map(Math.abs)));
    }
    for (const [x, rounded] of matrices) x.write(await unpackWeight(rounded).data());
    for (const { ids } of prompts) {
      const same = Float64Array.from(await logitsOf(model, ids));
      expectClose(await logitsOf(packed, ids), same, { rtol: 0, atol: 1e-4 }, 'rounded weights');
    }
    for (const each of [model, packed]) each.dispose();
  });
});

describe('a model in 8 bits', () => {
  const folder = () => {
    const shapes = QWEN2_SHAPES;
    return folderOf({ 'config.json': QWEN2, 'model.safetensors': weights(shapes, 'bf16') });
  };

  test('keeps matrices in rows of 16 so, others in halves, and the rest in f32; nothing is trained', async () => {
    const { model } = await loadHuggingFace(device, await folder(), { frozen: '8bit' });
    const kept = Object.fromEntries(
      [...model.namedTensors()].map(([name, x]) => [name, x.storage.packed ?? x.dtype]),
    );
    expect(kept).toMatchObject({
      'tokens.weight': 'int8',
      'blocks.0.attention.qkv.weight': 'int8',
      'blocks.0.attention.qkv.bias': 'f32',
      'blocks.0.mlp.up.weight': 'int8',
      'blocks.0.mlp.down.weight': 'bf16', // rows of 24
      'head.weight': 'int8',
      'norm.weight': 'f32',
    });
    expect(model.parameters()).toEqual([]);
    model.dispose();
  });

  test('is not written, nor merged into; what is not finite is not rounded', async () => {
    const loaded = await loadHuggingFace(device, await folder(), { frozen: '8bit' });
    const { model } = loaded;
    await expect(
      saveHuggingFace(await openFolder(await temporaryFolder()), loaded),
    ).rejects.toThrow(
      'saveHuggingFace: tokens.weight is in 8 bits, which are rounded; load the model without',
    );
    const { up } = model.blocks[0]!.mlp;
    up.adapters.set('task', new Lora(new Initialiser(device, 1), up));
    expect(() => mergeAdapter(model, 'task')).toThrow(
      'mergeAdapter: "task" cannot be merged: the weight is packed (int8)',
    );
    model.dispose();
    const bad = weights(QWEN2_SHAPES);
    (bad.get('lm_head.weight')!.data as Float32Array)[20] = Number.NaN;
    const broken = await folderOf({ 'config.json': QWEN2, 'model.safetensors': bad });
    await expect(loadHuggingFace(device, broken, { frozen: '8bit' })).rejects.toThrow(
      'lm_head.weight: NaN cannot be rounded to 8 bits',
    );
  });

  test('learns by LoRA as the same model in f32 does', async () => {
    const model = makeModel(device, { width: 16 });
    const base = { method: 'full', steps: 150, learningRate: 1e-2, batch: 16 } as const;
    await finetune(device, model, { train: examplesOf(200), heldOut: [] }, { settings: base });
    const values = await valuesOf(model);
    const all = examplesOf(80, 2, 3);
    const data = { train: all.slice(0, 60), heldOut: all.slice(60) };
    const settings = { rank: 4, steps: 60, learningRate: 1e-2, targets: ['*'] };
    const learned = async (rounded: boolean) => {
      const model = makeModel(device, { width: 16 });
      for (const [name, x] of model.namedTensors()) x.write(values.get(name)!);
      if (rounded) await packModel(model);
      const { evaluations, parameters } = await finetune(device, model, data, { settings });
      model.dispose();
      return { parameters, before: evaluations[0]!.loss, after: evaluations.at(-1)!.loss };
    };
    const [plain, packed] = [await learned(false), await learned(true)];
    expect(packed.parameters).toBe(plain.parameters);
    expect(plain.after).toBeLessThan(0.3 * plain.before);
    expect(Math.abs(packed.before / plain.before - 1)).toBeLessThan(0.02);
    expect(Math.abs(packed.after / plain.after - 1)).toBeLessThan(0.05);
    model.dispose();
  });
});
