// Folders that are not as they should be: each is refused with a message that says what and where, and leaves nothing behind.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, DataError } from '../../src/errors.ts';
import type { Folder } from '../../src/io/folder.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { loadHuggingFace } from '../../src/llm/hugging_face.ts';
import { saveHuggingFace } from '../../src/llm/hugging_face_save.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Lora } from '../../src/nn/lora.ts';
import { Device } from '../../src/ops/device.ts';
import { malicious } from '../io/malicious_safetensors.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { folderOf, QWEN2, QWEN2_SHAPES, weights } from './hf_folder.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

/** Loading fails so, and what the device holds is what it held before. */
async function expectRefused(folder: Folder, message: string | RegExp) {
  const before = device.memory();
  const loading = loadHuggingFace(device, folder);
  await expect(loading).rejects.toThrow(DataError);
  await expect(loading).rejects.toThrow(message);
  const { bytesInUse, tensors } = device.memory();
  expect({ bytesInUse, tensors }).toEqual({
    bytesInUse: before.bytesInUse,
    tensors: before.tensors,
  });
}

describe('config.json', () => {
  test.each<[string, string | Uint8Array, string]>([
    ['not JSON', '{"a":', 'config.json: the text ends early'],
    ['an array', '[]', 'config.json: not an object'],
    ['a key twice', '{"a":1,"a":2}', 'config.json: duplicate key "a"'],
    ['not UTF-8', Uint8Array.of(0x7b, 0xff), 'config.json: not valid UTF-8'],
    ['too large', `{"a":"${'x'.repeat(1 << 20)}"}`, 'config.json: 1048584 bytes exceed'],
  ])('%s', async (_, text, message) => {
    await expectRefused(await folderOf({ 'config.json': text }), message);
  });

  test('missing', async () => {
    await expectRefused(await folderOf({}), 'no file config.json in');
  });
});

describe('weights', () => {
  const whole = () => weights(QWEN2_SHAPES);
  const UP = 'model.layers.0.mlp.up_proj.weight';

  const loadable = (tensors: object | Uint8Array) =>
    folderOf({ 'config.json': QWEN2, 'model.safetensors': tensors });

  test('the folder as it should be', async () => {
    const { model } = await loadHuggingFace(device, await loadable(whole()));
    expect(model.parameterCount).toBe(
      Object.values(QWEN2_SHAPES).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0),
    );
    model.dispose();
  });

  test('none, or in a format that is not read', async () => {
    const folder = await folderOf({ 'config.json': QWEN2, 'pytorch_model.bin': 'x' });
    await expectRefused(folder, 'neither model.safetensors nor model.safetensors.index.json in');
  });

  test('a tensor is missing', async () => {
    const tensors = whole();
    tensors.delete(UP);
    await expectRefused(await loadable(tensors), `qwen2 of config.json; missing: ${UP}`);
  });

  test('a tensor too many', async () => {
    const tensors = whole();
    tensors.set('model.layers.1.mlp.up_proj.weight', tensors.get(UP)!);
    await expectRefused(
      await loadable(tensors),
      'not of this model: model.layers.1.mlp.up_proj.weight',
    );
  });

  test('tensors of another model', async () => {
    const tensors = weights({ 'wte.weight': [11, 16] });
    await expectRefused(await loadable(tensors), /missing: .* and 10 more; not of this model: wte/);
  });

  test('another shape than config.json says', async () => {
    const tensors = new Map([...whole(), ...weights({ [UP]: [16, 24] })]);
    await expectRefused(
      await loadable(tensors),
      `model.safetensors: tensor ${UP} is [16, 24], expected [24, 16] by config.json`,
    );
  });

  test('numbers that are no weights', async () => {
    const tensors = whole();
    tensors.set(UP, { dtype: 'i32', shape: [24, 16], data: new Int32Array(24 * 16) });
    await expectRefused(await loadable(tensors), `tensor ${UP} is i32, expected f32, f16 or bf16`);
  });

  test.each(Object.entries(malicious))('malicious: %s', async (_, [bytes, reason]) => {
    await expectRefused(await loadable(bytes), reason);
  });

  test('a malformed tokenizer.json, unless it is not to be read', async () => {
    const folder = await loadable(whole());
    await folder.write('tokenizer.json', new TextEncoder().encode('{"model":{"type":"Unigram"}}'));
    await expectRefused(folder, /tokenizer.json: .*Unigram/);
    const unread = await loadHuggingFace(device, folder, { tokenizer: false });
    expect(unread).toMatchObject({
      tokenizer: null,
      tokenizerJson: '{"model":{"type":"Unigram"}}',
    });
    unread.model.dispose();
  });

  test('a header longer than the file', async () => {
    const bytes = writeSafetensors(whole());
    new DataView(bytes.buffer).setBigUint64(0, 1_000_000n, true);
    await expectRefused(await loadable(bytes), /model.safetensors: the header should end at byte/);
  });

  test('a file that ends within a tensor', async () => {
    const bytes = writeSafetensors(whole());
    await expectRefused(await loadable(bytes.subarray(0, bytes.length - 4)), /ends at byte \d+ of/);
  });

  test('an empty file', async () => {
    await expectRefused(await loadable(new Uint8Array(0)), '0 bytes, too short');
  });

  test('a file that is cut while it is read', async () => {
    const folder = await loadable(whole());
    let reads = 0;
    const cut: Folder = {
      ...folder,
      readRange: (path, begin, end) =>
        ++reads < 8
          ? folder.readRange(path, begin, end)
          : folder.readRange(path, begin + 1e6, end + 1e6),
    };
    await expectRefused(cut, /model.safetensors in .* has no bytes \d+ to \d+/);
    expect(reads).toBe(8);
  });
});

describe('shards', () => {
  const [HEAD, ...others] = Object.entries(QWEN2_SHAPES).reverse();
  const shards = {
    'a.safetensors': weights(Object.fromEntries(others)),
    'b.safetensors': weights(Object.fromEntries([HEAD!])),
  };
  const weightMap: Record<string, unknown> = {
    ...Object.fromEntries(others.map(([name]) => [name, 'a.safetensors'])),
    'lm_head.weight': 'b.safetensors',
  };
  const sharded = (weight_map: unknown, files: object = shards) =>
    folderOf({
      'config.json': QWEN2,
      'model.safetensors.index.json': { weight_map },
      ...files,
    });

  test('the folder as it should be', async () => {
    const { model } = await loadHuggingFace(device, await sharded(weightMap));
    model.dispose();
  });

  test.each(['../b.safetensors', '/etc/b.safetensors', 'x/b.safetensors', 'b.bin', '..', '', 3])(
    'in %j',
    async (path) => {
      const folder = await sharded({ ...weightMap, 'lm_head.weight': path });
      await expectRefused(
        folder,
        `model.safetensors.index.json: tensor "lm_head.weight" is in ${typeof path === 'string' ? JSON.stringify(path) : 'no string'}, expected the name`,
      );
    },
  );

  test('a tensor is in another file than the index says', async () => {
    const folder = await sharded({ ...weightMap, 'lm_head.weight': 'a.safetensors' });
    await expectRefused(folder, 'a.safetensors has no tensor "lm_head.weight"');
    const swapped = await sharded({ ...weightMap, 'model.norm.weight': 'b.safetensors' });
    await expectRefused(
      swapped,
      'a.safetensors: tensor "model.norm.weight": model.safetensors.index.json says that it is in "b.safetensors"',
    );
  });

  test('a tensor that the index does not list', async () => {
    const { 'lm_head.weight': _, ...rest } = weightMap;
    const folder = await sharded({ ...rest, other: 'b.safetensors' });
    await expectRefused(folder, 'b.safetensors: tensor "lm_head.weight": model.safetensors.index');
  });

  test('a file is missing, or the map', async () => {
    const folder = await sharded({ ...weightMap, 'lm_head.weight': 'c.safetensors' });
    await expectRefused(folder, 'no file c.safetensors in');
    await expectRefused(await sharded([]), 'weight_map is not an object');
    await expectRefused(await sharded({}), 'missing: model.embed_tokens.weight');
  });
});

describe('saving', () => {
  const config = {
    vocabularySize: 11,
    context: 9,
    layers: 1,
    heads: 2,
    keyValueHeads: 2,
    width: 8,
    hidden: 12,
    positions: 'rope',
    norm: 'rmsNorm',
    activation: 'swiglu',
    bias: false,
    tiedEmbeddings: true,
    dropout: 0,
  } as const;
  const made = (changes: object = {}) =>
    new Transformer(new Initialiser(device, 1), { ...config, ...changes });

  test('a model that the library does not have', async () => {
    const folder = await folderOf({});
    for (const changes of [
      { activation: 'relu2' },
      { positions: 'none' },
      { qkvBias: true, bias: true, qkNorm: true },
    ]) {
      const saving = saveHuggingFace(folder, { model: made(changes) });
      await expect(saving).rejects.toThrow(ConfigError);
      await expect(saving).rejects.toThrow('none of llama, qwen2, qwen3, gpt2 is a model with');
    }
    expect(await folder.list('')).toEqual([]);
  });

  test('over another model, with adapters, or with a config of another', async () => {
    const model = made();
    const folder = await folderOf({ 'notes.txt': 'mine' });
    await saveHuggingFace(folder, { model });
    const before = await folder.read('model.safetensors');
    await expect(saveHuggingFace(folder, { model })).rejects.toThrow('already holds config.json');
    expect(await folder.read('model.safetensors')).toEqual(before);
    const other = await folderOf({});
    await expect(saveHuggingFace(other, { model, config: QWEN2 })).rejects.toThrow(
      'the config is not that of the model',
    );
    const { qkv } = model.blocks[0]!.attention;
    qkv.adapters.set('task', new Lora(new Initialiser(device, 2), qkv));
    await expect(saveHuggingFace(other, { model })).rejects.toThrow(
      'blocks.0.attention.qkv.adapters.task.factors.all.a is of an adapter',
    );
  });

  test('a failure leaves nothing of the model in the folder', async () => {
    const path = await temporaryFolder();
    const folder = await openFolder(path);
    await folder.write('notes.txt', new TextEncoder().encode('mine'));
    for (const failing of ['model-00002', 'index', 'tokenizer', 'config']) {
      const full: Folder = {
        ...folder,
        async write(file, bytes) {
          if (file.includes(failing)) throw new Error('no space left on device');
          await folder.write(file, bytes);
        },
      };
      const saving = saveHuggingFace(
        full,
        { model: made(), tokenizerJson: '{}' },
        { maxFileBytes: 999 },
      );
      await expect(saving).rejects.toThrow('no space left on device');
      expect(await folder.list('')).toEqual(['notes.txt']);
    }
  });
});
