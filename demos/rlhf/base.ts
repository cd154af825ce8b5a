// Stage 1, in the worker: the writer, a small model of the built-in stories. It is trained once, and kept in the browser.

import { openFolder } from '#folder';
import type { Device } from '../../src/index.ts';
import type { Folder } from '../../src/io/folder.ts';
import { openFinetuneBase } from '../../src/llm/finetune_base.ts';
import { readRun } from '../../src/llm/saved_model.ts';
import { trainLanguageModel } from '../../src/llm/train.ts';
import {
  STORY_BASE_DEFAULTS,
  type StoryBase,
  type StoryBaseSettings,
  storyBase,
  storyText,
  storyTrainSettings,
} from '../../src/posttrain/story_world.ts';
import type { Engine } from '../shared/engine.ts';
import { savingTo } from '../shared/saving.ts';
import type { Report, StorySettings } from './protocol.ts';

/** One layer of 32 channels writes stories of which most are possible after 150 steps. */
const SMALL = {
  characters: 100_000,
  layers: 1,
  heads: 2,
  width: 32,
  batch: 16,
  learningRate: 0.02,
};

const KEPT = 'rlhf/writer';

/** What the writer is trained with; the same values in Node train the same writer. */
export const writerSettings = ({ seed, baseSteps, small }: StorySettings): StoryBaseSettings => ({
  ...STORY_BASE_DEFAULTS,
  ...(small && SMALL),
  seed,
  steps: baseSteps,
});

export interface Writer {
  readonly base: StoryBase;
  /** An earlier visit had trained it. */
  readonly kept: boolean;
  /** Writes it as a run of `shadegrad train`; nothing where the browser gives no storage. */
  save(folder: Folder): Promise<void>;
}

/** The writer of these settings: kept by an earlier visit, or trained now. One that is stopped goes on as it is. */
export async function openWriter(
  device: Device,
  settings: StorySettings,
  engine: Engine<Report>,
): Promise<Writer> {
  const wanted = writerSettings(settings);
  const before = await keptWriter(device, wanted);
  if (before) return { ...before, kept: true };
  const folder = await emptied(engine);
  const { model, data, stopped } = await trainLanguageModel(device, {
    text: { name: 'stories', content: storyText(wanted) },
    settings: { ...storyTrainSettings(wanted), logEvery: 5 },
    folder,
    signal: engine.signal,
    onNote: engine.note,
    async onProgress({ step, losses }) {
      engine.report({ type: 'writing', step, steps: wanted.steps, losses });
      await engine.turn();
    },
  });
  const now = folder && (await keptWriter(device, wanted));
  if (stopped) await folder?.remove('');
  if (!now) return { base: storyBase(model, data.tokenizer), kept: false, save: async () => {} };
  model.dispose();
  return { ...now, kept: false };
}

/** The writer in a folder that `Writer.save` has filled. */
export async function loadWriter(device: Device, folder: Folder): Promise<Omit<Writer, 'kept'>> {
  const how = { method: 'lora', weights: 'stored' } as const;
  const { model, tokenizer, saveModel } = await openFinetuneBase(device, folder, how);
  const { settings } = await readRun(folder);
  return { base: storyBase(model, tokenizer), save: (to) => saveModel(to, settings.steps) };
}

/** Null where there is none, or one of other settings. */
async function keptWriter(device: Device, wanted: StoryBaseSettings) {
  try {
    const folder = await openFolder(KEPT);
    const { settings } = await readRun(folder);
    const same = Object.entries(storyTrainSettings(wanted)).every(
      ([name, value]) => settings[name as keyof typeof settings] === value,
    );
    return same ? await loadWriter(device, folder) : null;
  } catch {
    return null; // storage is refused, or what it holds is not whole: it is trained again
  }
}

/** Where the writer is to be kept; null where the browser gives no storage. */
async function emptied({ note }: Engine<Report>): Promise<Folder | null> {
  try {
    await (await openFolder(KEPT)).remove('');
    return await savingTo(KEPT, note);
  } catch {
    return null;
  }
}
