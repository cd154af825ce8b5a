// What the worker holds of a story: the writer, the labels, the reward model; and how a saved one is opened again.

import type { Device } from '../../src/index.ts';
import { type Folder, subfolder } from '../../src/io/folder.ts';
import { decodeUtf8 } from '../../src/io/json.ts';
import { spread } from '../../src/posttrain/reward_model.ts';
import type { StoryBase } from '../../src/posttrain/story_world.ts';
import type { Engine } from '../shared/engine.ts';
import { savedSettings } from '../shared/saved_settings.ts';
import { savingTo } from '../shared/saving.ts';
import { loadWriter, openWriter } from './base.ts';
import { type Pair, pairSource } from './pairs.ts';
import type { Report, StorySettings } from './protocol.ts';
import { type Reward, savedReward } from './reward.ts';
import { STORY_CHECKS } from './settings.ts';

export interface Story {
  readonly settings: StorySettings;
  readonly base: StoryBase;
  /** Null where it is not kept. */
  readonly folder: Folder | null;
  /** Lines of JSON, as they are in the folder. */
  readonly labels: string[];
  /** The next pair to label. */
  readonly nextPair: () => Promise<Pair>;
  /** Pairs that nothing is learned from. */
  readonly heldOut: () => Promise<readonly Pair[]>;
  /** Answers of the writer with their prompts, by which rewards are scaled, */
  readonly reference: readonly (readonly number[])[];
  /** and the gold reward of them. */
  readonly scale: { readonly mean: number; readonly deviation: number };
  /** That of the last learning. */
  reward: Reward | null;
}

const LABELS = 'labels.jsonl';
const CONFIG = 'config.json';
const WRITER = 'writer';

interface Sizes {
  /** Pairs that are drawn at a time, and that are held out. */
  readonly batch: number;
  readonly heldOut: number;
}
const SIZES: Readonly<Record<'small' | 'large', Sizes>> = {
  small: { batch: 24, heldOut: 64 },
  large: { batch: 64, heldOut: 256 },
};

export async function beginStory(
  device: Device,
  settings: StorySettings,
  path: string | null,
  engine: Engine<Report>,
): Promise<Story> {
  const folder = await savingTo(path, engine.note);
  const config = `${JSON.stringify({ page: 'rlhf', settings }, null, 2)}\n`;
  await folder?.write(CONFIG, new TextEncoder().encode(config));
  const { base, kept, save } = await openWriter(device, settings, engine);
  if (folder) await save(subfolder(folder, WRITER));
  return told(await storyOf(device, { settings, base, folder, labels: [] }), kept, engine);
}

/** @throws CheckpointError, ConfigError or DataError where the folder holds no whole story */
export async function resumeStory(
  device: Device,
  path: string,
  engine: Engine<Report>,
): Promise<Story> {
  const folder = (await savingTo(path, engine.note))!;
  const settings = await savedSettings(folder, STORY_CHECKS);
  const writer = subfolder(folder, WRITER);
  if (!(await writer.exists('config.json'))) return beginStory(device, settings, path, engine);
  const { base } = await loadWriter(device, writer);
  const labels = (await folder.exists(LABELS))
    ? decodeUtf8(await folder.read(LABELS), LABELS)
        .trimEnd()
        .split('\n')
    : [];
  const story = await storyOf(device, { settings, base, folder, labels });
  told(story, true, engine);
  for (const line of labels) engine.report({ type: 'label', label: null, pair: null, line });
  story.reward = await savedReward(device, folder, base);
  if (story.reward) engine.report({ type: 'learned', learned: story.reward.learned });
  return story;
}

function told(story: Story, kept: boolean, { report }: Engine<Report>): Story {
  const { base, settings } = story;
  report({ type: 'writer', parameters: base.model.parameterCount, kept, settings });
  return story;
}

async function storyOf(
  device: Device,
  parts: Pick<Story, 'settings' | 'base' | 'folder' | 'labels'>,
): Promise<Story> {
  const { seed, small } = parts.settings;
  const { batch, heldOut: count } = SIZES[small ? 'small' : 'large'];
  const source = (set: number, first = 0) =>
    pairSource(device, parts.base, { seed, set, first, batch });
  const judged = source(3);
  const heldOut: Pair[] = [];
  const take = async (n: number) => {
    while (heldOut.length < n) heldOut.push(await judged());
    return heldOut;
  };
  const answers = (await take(batch)).flatMap(({ a, b }) => [a, b]);
  return {
    ...parts,
    nextPair: source(2, parts.labels.length),
    heldOut: () => take(count),
    reference: answers.map(({ promptIds, ids }) => [...promptIds, ...ids]),
    scale: spread(heldOut.flatMap(({ gold }) => gold)),
    reward: null,
  };
}

/** Keeps one more label. */
export async function addLabel({ labels, folder }: Story, line: string): Promise<void> {
  labels.push(line);
  await folder?.append(LABELS, `${line}\n`);
}
