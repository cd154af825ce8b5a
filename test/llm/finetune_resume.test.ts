// The promise that a fine-tuning that is resumed is the straight one: losses, evaluations and values, bit for bit.

import { describe, expect, test } from 'vitest';
import { openFolder } from '../../src/io/folder_node.ts';
import { readMetrics } from '../../src/io/metrics.ts';
import { finetune } from '../../src/llm/finetune.ts';
import type { FinetuneBase } from '../../src/llm/finetune_base.ts';
import { openFinetuneRun } from '../../src/llm/finetune_run.ts';
import { FINETUNE_DEFAULTS, type FinetuneSettings } from '../../src/llm/finetune_settings.ts';
import { device } from '../device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { examplesOf, makeModel, tokenizer, valuesOf } from './finetune_tiny.ts';

const DATA = { train: examplesOf(30), heldOut: examplesOf(6, 2) };
const PLACES = { base: 'tiny', data: 'letters', dataFile: '/letters', text: 'letters' };

const settingsOf = (changes: Partial<FinetuneSettings>): FinetuneSettings => ({
  ...FINETUNE_DEFAULTS,
  batch: 4,
  steps: 14,
  evaluateEvery: 4,
  checkpointEvery: 5,
  logEvery: 3,
  learningRate: 0.01,
  ...changes,
});

/** Tunes a new model in the folder, up to `until`, and tells what came of it. */
async function tune(
  path: string,
  settings: FinetuneSettings,
  { until = Number.POSITIVE_INFINITY, resume = false, changed = false } = {},
) {
  const folder = await openFolder(path);
  const model = makeModel(device);
  if (changed) model.norm.weight.write(new Float32Array(model.norm.weight.size).fill(1.5));
  const base: FinetuneBase = {
    model,
    tokenizer,
    peftNames: {},
    savesMerged: false,
    saveModel: (folder) => folder.write('model', Uint8Array.of(1)),
  };
  const run = await openFinetuneRun(folder, base, { device, settings, resume, ...PLACES });
  const controller = new AbortController();
  let time = 0;
  const { evaluations, step, first } = await finetune(device, model, DATA, {
    settings,
    run,
    signal: controller.signal,
    clock: () => (time += 1000), // every step is reported, so that any can be the last
    onProgress: (progress) => {
      if (progress.step === until) controller.abort();
    },
  });
  await run.finish({ step, stopped: step < settings.steps! });
  const values = await valuesOf(model);
  model.dispose();
  const metrics = await readMetrics(folder);
  const losses = metrics.map(({ step, loss, validationLoss }) => ({ step, loss, validationLoss }));
  return { evaluations, values, losses, step, first };
}

describe('stopped and resumed', () => {
  test.each<[string, Partial<FinetuneSettings>, number[]]>([
    ['LoRA with dropout', { loraDropout: 0.2 }, [3]],
    ['all of the model, in parts', { method: 'full', accumulate: 2 }, [5, 6, 12]],
  ])('%s', async (_, changes, stops) => {
    const settings = settingsOf(changes);
    const [straight, stopped] = [await temporaryFolder(), await temporaryFolder()];
    const expected = await tune(straight, settings);
    expect(expected.losses).toHaveLength(14);
    for (const [i, until] of stops.entries()) {
      const { step, first } = await tune(stopped, settings, { until, resume: i > 0 });
      expect({ step, first }).toEqual({ step: until, first: stops[i - 1] ?? 0 });
    }
    const found = await tune(stopped, settings, { resume: true });
    expect(found).toEqual({ ...expected, first: stops.at(-1) });
    const folder = await openFolder(stopped);
    expect(await folder.list('')).toEqual(await (await openFolder(straight)).list(''));
    expect(await folder.exists('unfinished')).toBe(false);
    await expect(tune(stopped, settings, { resume: true })).rejects.toThrow(
      'is done, after 14 steps; there is nothing to resume',
    );
  });

  test('what was killed is resumed from its last checkpoint, or begun again', async () => {
    const settings = settingsOf({ method: 'bitfit' });
    const expected = await tune(await temporaryFolder(), settings);
    const path = await temporaryFolder();
    const folder = await openFolder(path);
    await folder.append('metrics.jsonl', '{"step":1,"loss":9}\n{"step":2,"lo'); // before the first
    await tune(path, settings, { until: 7 });
    await folder.append('metrics.jsonl', '{"step":8,"loss":9}\n');
    expect(await tune(path, settings, { resume: true })).toEqual({ ...expected, first: 7 });
  });

  test('with another base, other settings or examples it is refused; reporting may differ', async () => {
    const path = await temporaryFolder();
    await tune(path, settingsOf({}), { until: 2 });
    const other = settingsOf({ rank: 4 });
    await expect(tune(path, other, { resume: true })).rejects.toThrow(
      'rank is 8 in the checkpoint, 4 now',
    );
    await expect(tune(path, settingsOf({}), { resume: true, changed: true })).rejects.toThrow(
      /is of another configuration: baseSha256 is [0-9a-f"]+ in the checkpoint, [0-9a-f"]+ now/,
    );
    await expect(tune(path, settingsOf({}))).rejects.toThrow('holds a run already');
    await tune(path, settingsOf({ logEvery: 1 }), { resume: true });
    await expect(tune(await temporaryFolder(), other, { resume: true })).rejects.toThrow(
      'holds no checkpoint to resume from',
    );
  });
});
