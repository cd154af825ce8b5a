// What is written of a Hugging Face model that was tuned: another such folder, or an adapter for it.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openFolder } from '#folder';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { ADAPTER, finetune } from '../../src/llm/finetune.ts';
import { openFinetuneBase } from '../../src/llm/finetune_base.ts';
import { openFinetuneRun } from '../../src/llm/finetune_run.ts';
import { FINETUNE_DEFAULTS, type FinetuneSettings } from '../../src/llm/finetune_settings.ts';
import { applyAdapter, openModel } from '../../src/llm/open_model.ts';
import { loadPeft, PEFT_MODEL } from '../../src/llm/peft.ts';
import { holdOut, readExamples } from '../../src/llm/supervised.ts';
import type { Transformer } from '../../src/llm/transformer.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { withAdapter } from '../../src/nn/linear.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

const LLAMA = fileURLToPath(new URL('../../../shared/golden/llama-tiny', import.meta.url));
const present = existsSync(LLAMA);
if (!present) console.warn(`no ${LLAMA}: fine-tuning of Hugging Face's models is left out`);
const DATA = ['one', 'two', 'three', 'four']
  .map((word) => JSON.stringify({ prompt: `say ${word}:`, completion: ` ${word} ${word}` }))
  .join('\n');

const logitsOf = (model: Transformer, adapter: string | null = null) => {
  const ids = device.tensor(Int32Array.of(5, 6, 7, 8), { shape: [1, 4] });
  return withAdapter(model, adapter, () => model.forward(ids)).data();
};

/** Tunes llama-tiny into a new folder. */
async function tuned(changes: Partial<FinetuneSettings>) {
  const settings: FinetuneSettings = { ...FINETUNE_DEFAULTS, steps: 3, batch: 2, ...changes };
  const base = await openFinetuneBase(device, await openFolder(LLAMA), settings);
  const out = await openFolder(await temporaryFolder());
  const places = { base: LLAMA, data: 'words', dataFile: 'words', text: DATA };
  const run = await openFinetuneRun(out, base, { device, settings, ...places });
  const { tokenizer, model, peftNames } = base;
  const { context } = model.config;
  const examples = readExamples(DATA, 'words', { tokenizer, template: 'document', context });
  expect(tokenizer.decode([examples[0]!.ids.at(-1)!])).toBe('<|endoftext|>');
  const result = await finetune(device, model, holdOut(examples, 0.25), {
    settings,
    run,
  });
  await run.finish(result);
  return { out, model, peftNames };
}

describe.skipIf(!present)('a Hugging Face folder', () => {
  test('tuned in full gives another one', async () => {
    const { out, model } = await tuned({ method: 'full', learningRate: 1e-3 });
    expect(await out.list('')).toEqual([
      'config.json',
      'finetune.json',
      'metrics.jsonl',
      'model.safetensors',
      'tokenizer.json',
    ]);
    const opened = await openModel(device, out);
    expect(await logitsOf(opened.model)).toEqual(await logitsOf(model));
    const { model: base } = await openModel(device, await openFolder(LLAMA));
    expect(await logitsOf(opened.model)).not.toEqual(await logitsOf(base));
  });

  test('with LoRA gives an adapter under its own names, which fits the folder that was tuned', async () => {
    const { out, model, peftNames } = await tuned({ method: 'lora', rank: 2 });
    const { tensors } = readSafetensors(await out.read(PEFT_MODEL));
    expect(tensors.size).toBe(3 * 2 * 2);
    expect([...tensors.keys()]).toContain(
      'base_model.model.model.layers.2.self_attn.v_proj.lora_B.weight',
    );
    expect(await out.list('')).not.toContain('model.safetensors');
    const { model: base } = await openModel(device, await openFolder(LLAMA));
    await loadPeft(out, base, new Initialiser(device, 9), peftNames);
    expect(await logitsOf(base, 'default')).toEqual(await logitsOf(model, ADAPTER));
    expect(await logitsOf(base, 'default')).not.toEqual(await logitsOf(base));
  });

  test('with bottlenecks, or in 8 bits, gives an adapter that is applied to the same folder again', async () => {
    for (const changes of [{ method: 'adapter' }, { weights: '8bit' }] as const) {
      const { out, model } = await tuned({ ...changes, learningRate: 0.01 });
      expect(await out.list('')).not.toContain('model.safetensors');
      const frozen = 'weights' in changes ? '8bit' : true;
      const opened = await openModel(device, await openFolder(LLAMA), { frozen });
      const before = await logitsOf(opened.model);
      await applyAdapter(device, opened, out);
      const ids = device.tensor(Int32Array.of(5, 6, 7, 8), { shape: [1, 4] });
      const after = await opened.model.forward(ids).data();
      expect(after).toEqual(await logitsOf(model, ADAPTER));
      expect(after).not.toEqual(before);
      await expect(applyAdapter(device, opened, await openFolder(LLAMA))).rejects.toThrow(
        "holds no adapter: neither adapter_config.json of a LoRA in PEFT's format, nor bottlenecks.safetensors",
      );
    }
    await expect(tuned({ method: 'full', weights: '8bit' })).rejects.toThrow(
      'weights in 8bit are not trained, which full does',
    );
  });

  test('targets that PEFT has no modules for are refused before anything is trained', async () => {
    await expect(tuned({ targets: ['qkv'] })).rejects.toThrow(
      "PEFT's format has no module for blocks.0.attention.qkv; adapt its parts: query, key, value",
    );
  });
});
