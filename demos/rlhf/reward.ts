// Stage 3, in the worker: a reward model learns from the labels, and is measured on pairs that the simulated labeller labels.

import type { Device } from '../../src/index.ts';
import { type Folder, subfolder } from '../../src/io/folder.ts';
import { sha256OfModel } from '../../src/llm/finetune_run.ts';
import { bayesCeiling, LABELLER_DEFAULTS, labelPairs } from '../../src/posttrain/labeller.ts';
import { TUNING_DEFAULTS } from '../../src/posttrain/policy_base.ts';
import {
  encodePreferences,
  type PreferenceTokens,
  readPreferences,
} from '../../src/posttrain/preferences.ts';
import { evaluatePairs } from '../../src/posttrain/reward_evaluation.ts';
import { loadRewardModel, saveRewardModel } from '../../src/posttrain/reward_file.ts';
import type { RewardModel } from '../../src/posttrain/reward_model.ts';
import { REWARD_DEFAULTS, templateOf } from '../../src/posttrain/reward_settings.ts';
import {
  createRewardModel,
  judgePreferences,
  type RewardResult,
  trainRewardModel,
} from '../../src/posttrain/reward_training.ts';
import type { StoryBase } from '../../src/posttrain/story_world.ts';
import type { Engine } from '../shared/engine.ts';
import { readChecked } from '../shared/saved_settings.ts';
import type { Pair } from './pairs.ts';
import type { Learned, Report, Taste } from './protocol.ts';
import { LEARNED_CHECKS } from './settings.ts';
import type { Story } from './story.ts';

const REWARD = 'reward';
const LEARNED = 'learned.json';
const LARGEST_BATCH = 16;
/** Steps of few labels, and more for each label: twenty are seen often, hundreds a few times. */
const STEPS = 30;
const STEPS_PER_LABEL = 0.25;
const LEARNING_RATE = 3e-3;
const EVALUATIONS = 8;
const ANY = Number.MAX_SAFE_INTEGER;
/** Part of the luck of held-out labels, apart from that of the labels to learn from. */
const HELD_OUT_SEED = 2 ** 20;

/** A reward model, and how good it is. */
export interface Reward {
  readonly rewardModel: RewardModel;
  readonly learned: Learned;
}

/** From all labels that there are; null where it was stopped. */
export async function learnReward(
  device: Device,
  story: Story,
  taste: Taste,
  { report, signal, turn }: Engine<Report>,
): Promise<Reward | null> {
  const {
    base,
    labels,
    reference,
    settings: { seed },
  } = story;
  const { model, tokenizer } = base;
  const { preferences } = readPreferences(labels.join('\n'), 'the labels', { ties: 'half' });
  const template = templateOf(REWARD_DEFAULTS, tokenizer);
  // Half characters, which a bad writer writes, take more tokens as text than they were drawn with: such a label may not fit.
  const train = encodePreferences(preferences, { tokenizer, template, context: ANY }).filter(
    ({ promptIds, chosen, rejected }) =>
      promptIds.length + Math.max(chosen.length, rejected.length) <= model.config.context,
  );
  const { heldOut, ceiling } = heldOutLabels(await story.heldOut(), { ...taste, seed });
  const batch = Math.min(LARGEST_BATCH, train.length);
  const steps = Math.round(STEPS + STEPS_PER_LABEL * train.length);
  const { rank, alpha, targets } = TUNING_DEFAULTS;
  const settings = {
    ...REWARD_DEFAULTS,
    ...{ seed, rank, alpha, targets: [...targets], ties: 'half' as const },
    ...{ batch, epochs: (steps * batch) / train.length, learningRate: LEARNING_RATE, logEvery: 1 },
    evaluateEvery: Math.ceil(steps / EVALUATIONS),
  };
  const rewardModel = createRewardModel(device, model, settings);
  const result = await trainRewardModel(
    device,
    rewardModel,
    { train, heldOut, reference },
    {
      settings,
      signal,
      async onProgress({ step, losses, evaluation }) {
        const accuracy = evaluation?.metrics?.accuracy ?? null;
        report({ type: 'learning', step, steps, loss: losses.at(-1)!, accuracy });
        await turn();
      },
    },
  );
  if (result.stopped) return null;
  const { accuracy } = result.evaluation!;
  const known = evaluatePairs(await judgePreferences(device, rewardModel, train)).accuracy;
  const learned = { labels: labels.length, known, accuracy, ceiling };
  report({ type: 'learned', learned });
  if (story.folder) await saveReward(story.folder, rewardModel, result, learned);
  return { rewardModel, learned };
}

/** What the simulated labeller says of pairs that nothing is learned from, and how much of it any judge can foresee. */
function heldOutLabels(pairs: readonly Pair[], { seed, ...taste }: Taste & { seed: number }) {
  const labeller = { ...LABELLER_DEFAULTS, ...taste, seed: HELD_OUT_SEED + seed };
  const gold = pairs.map((pair) => pair.gold);
  const heldOut = labelPairs(gold, labeller).map((label, i): PreferenceTokens => {
    const { a, b } = pairs[i]!;
    const [better, worse] = label === 'A' ? [a, b] : [b, a];
    return { promptIds: a.promptIds, chosen: better.ids, rejected: worse.ids, weight: 1 };
  });
  return { heldOut, ceiling: bayesCeiling(gold, labeller) };
}

async function saveReward(
  folder: Folder,
  rewardModel: RewardModel,
  { step, settings, evaluation }: RewardResult,
  learned: Learned,
): Promise<void> {
  const baseSha256 = await sha256OfModel(rewardModel.speaker.model);
  const places = { base: 'writer', data: 'labels.jsonl', dataFile: 'labels.jsonl' };
  await saveRewardModel(subfolder(folder, REWARD), rewardModel, {
    ...{ ...places, baseSha256, step, settings, evaluation },
  });
  await folder.write(LEARNED, new TextEncoder().encode(JSON.stringify(learned)));
}

/** That of a saved story; null where it has none. */
export async function savedReward(
  device: Device,
  folder: Folder,
  { model }: StoryBase,
): Promise<Reward | null> {
  if (!(await folder.exists(LEARNED))) return null;
  const learned = await readChecked(folder, LEARNED, LEARNED_CHECKS);
  return { rewardModel: await loadRewardModel(device, subfolder(folder, REWARD), model), learned };
}
