// Models of Hugging Face's folders: PyTorch's logits and tokens, and the way there and back.

import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Folder } from '../../src/io/folder.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { loadHuggingFace } from '../../src/llm/hugging_face.ts';
import { saveHuggingFace } from '../../src/llm/hugging_face_save.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Lora } from '../../src/nn/lora.ts';
import { Device } from '../../src/ops/device.ts';
import { noGrad } from '../../src/tensor/tape.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { expectClose } from '../reference/close.ts';

const GOLDEN = new URL('../../../shared/golden/', import.meta.url);
const present = existsSync(GOLDEN);
if (!present) console.warn(`no ${GOLDEN.pathname}: PyTorch's models are left out`);

let device: Device;
beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

async function logitsOf(model: Transformer, ids: readonly number[]): Promise<Float32Array> {
  const input = device.tensor(Int32Array.from(ids), { shape: [1, ids.length] });
  const logits = device.scope(() => noGrad(() => model.forward(input)));
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  input.dispose();
  return values;
}

async function greedy(model: Transformer, prompt: readonly number[], count: number) {
  const ids = [...prompt];
  for (let n = 0; n < count; n++) {
    const logits = await logitsOf(model, ids);
    const last = logits.subarray(-model.config.vocabularySize);
    ids.push(last.indexOf(Math.max(...last)));
  }
  return ids.slice(prompt.length);
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
      const { model } = await loadHuggingFace(device, await open(), { frozen });
      const { prompts }: Expected = JSON.parse(
        readFileSync(new URL(`${name}/expected.json`, GOLDEN), 'utf8'),
      );
      for (const { ids, lastLogits, greedy24 } of prompts) {
        const last = (await logitsOf(model, ids)).subarray(-lastLogits.length);
        expectClose(last, Float64Array.from(lastLogits), { rtol: 0, atol: 1e-4 }, 'logits');
        expect(await greedy(model, ids, greedy24.length)).toEqual(greedy24);
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
