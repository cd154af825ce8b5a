// What the experiments on stories share: a base model, labels by the truth or by a biased judge, a reward model that learns from
// them, and PPO against it, measured as it goes.

import type { Cells } from '../io/experiment.ts';
import { trainable } from '../llm/trainable.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { distinctShare } from '../text/diversity.ts';
import { drawCandidates } from './best_of_n.ts';
import { LABELLER_DEFAULTS, labelPairs } from './labeller.ts';
import { TUNING_DEFAULTS } from './policy_base.ts';
import type { PreferenceTokens } from './preferences.ts';
import { REWARD_DEFAULTS } from './reward_settings.ts';
import { createRewardModel, type RewardResult, trainRewardModel } from './reward_training.ts';
import { type Reward, scoreAnswers } from './rewards.ts';
import { RLHF_DEFAULTS, type RlhfSettings, rlhf } from './rlhf.ts';
import type { Speaker } from './speaker.ts';
import {
  loadStoryBase,
  type StoryBase,
  type StoryBaseSettings,
  storyTasks,
  trainStoryBase,
} from './story_world.ts';

/** Trains the base, or takes it from the folder; gives copies of it. */
export async function storyBaseCell(
  device: Device,
  cells: Cells,
  settings: Partial<StoryBaseSettings>,
  name = 'base',
): Promise<() => StoryBase> {
  const weights = await cells.weights(name, async () => {
    const { model, tokenizer } = await trainStoryBase(device, settings, cells.signal);
    return { module: model, about: { tokenizer: tokenizer.toJSON() as object } };
  });
  return () => loadStoryBase(device, weights, settings);
}

export interface StoryLabels {
  /** Pairs of answers that are labelled. */
  readonly labels: number;
  readonly seed: number;
  /** How far apart rewards are for a clear choice. */
  readonly temperature: number;
  /** What the labeller goes by. */
  readonly judge: Reward;
  /** Whose answers are labelled. Default: the base's. */
  readonly speaker?: Speaker;
}

/** Two answers of one model to each prompt, and which of them the labeller prefers; equal answers are left out. */
export async function storyPreferences(
  device: Device,
  { model, tokenizer, ends, maxNewTokens }: StoryBase,
  { labels, seed, temperature, judge, speaker = { model, adapter: null } }: StoryLabels,
  signal?: AbortSignal,
): Promise<PreferenceTokens[]> {
  const tasks = storyTasks({ seed, set: 2, count: labels });
  const pairs = await drawCandidates(device, speaker, tokenizer, tasks, {
    ...{ n: 2, seed: seed * 2 ** 24, maxNewTokens, ends, ...(signal && { signal }) },
  });
  const { totals } = await scoreAnswers([judge], pairs.flat());
  const scores = pairs.map((_, i) => [totals[2 * i]!, totals[2 * i + 1]!] as const);
  const named = labelPairs(scores, { ...LABELLER_DEFAULTS, temperature, seed });
  return pairs.flatMap(([a, b], i) => {
    if (a!.text === b!.text) return [];
    const [better, worse] = named[i] === 'A' ? [a!, b!] : [b!, a!];
    return [{ promptIds: a!.promptIds, chosen: better.ids, rejected: worse.ids, weight: 1 }];
  });
}

/** Of the labels, the last tenth is held out. */
const HELD_OUT = 0.1;
/** Answers of the base whose rewards get mean 0 and variance 1. */
const REFERENCE = 256;

export interface AboutReward {
  readonly pairs: number;
  /** On held-out labels. */
  readonly accuracy: number;
}

export interface RewardTuning {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
}

const REWARD_TARGETS = { rank: 16, alpha: 32, targets: [...TUNING_DEFAULTS.targets] };

/** An untrained reward model, on a LoRA of the base. */
export const storyRewardModel = (device: Device, { model }: StoryBase, seed: number) =>
  createRewardModel(device, model, { ...REWARD_DEFAULTS, ...REWARD_TARGETS, seed });

/** Trains a reward model on the preferences. */
export async function learnStoryReward(
  device: Device,
  base: StoryBase,
  preferences: readonly PreferenceTokens[],
  { seed, ...settings }: RewardTuning,
  signal?: AbortSignal,
): Promise<{ readonly module: ReturnType<typeof storyRewardModel>; readonly about: AboutReward }> {
  const { model, tokenizer, ends, maxNewTokens } = base;
  const module = storyRewardModel(device, base, seed);
  const tasks = storyTasks({ seed, set: 3, count: REFERENCE });
  const drawn = await drawCandidates(device, { model, adapter: null }, tokenizer, tasks, {
    ...{ n: 1, seed: seed * 2 ** 24, maxNewTokens, ends, ...(signal && { signal }) },
  });
  const cut = preferences.length - Math.ceil(HELD_OUT * preferences.length);
  const result: RewardResult = await trainRewardModel(
    device,
    module,
    {
      train: preferences.slice(0, cut),
      heldOut: preferences.slice(cut),
      reference: drawn.map(([answer]) => [...answer!.promptIds, ...answer!.ids]),
    },
    {
      settings: { ...REWARD_DEFAULTS, ...settings, seed, evaluateEvery: 1000 },
      ...(signal && { signal }),
    },
  );
  signal?.throwIfAborted();
  return { module, about: { pairs: cut, accuracy: result.evaluation!.accuracy } };
}

/** A stretch of training: means over its answers, before they were learned from. */
export interface StoryPoint {
  /** Rollouts before its last. */
  readonly step: number;
  /** From the base, in nats per answer. */
  readonly kl: number;
  /** Of what is optimised. */
  readonly score: number;
  /** By the reward's name. */
  readonly means: Readonly<Record<string, number>>;
  /** Tokens. */
  readonly length: number;
  /** Share that came to an end. */
  readonly finished: number;
  /** Distinct-2 of the last rollout's answers. */
  readonly distinct: number;
  /** Of the policy, at each token, in nats. */
  readonly entropy: number;
}

export interface StoryPpo {
  readonly settings: Partial<RlhfSettings> & { readonly seed: number };
  readonly iterations: number;
  /** Rollouts to a point. */
  readonly window: number;
  /** What is optimised. */
  readonly rewards: readonly Reward[];
  /** What is only measured; may be none. */
  readonly measured: readonly Reward[];
  readonly signal?: AbortSignal;
}

const PROMPTS = 4096;
/** The policy's adapter. */
const POLICY = 'policy';

export interface StoryPolicy {
  readonly speaker: Speaker;
  readonly points: readonly StoryPoint[];
  /** The first answers of the last rollout. */
  readonly samples: readonly { readonly prompt: string; readonly text: string }[];
}

/** PPO of a LoRA on the base, against the rewards and the KL from it. @throws signal's reason when it is stopped */
export async function optimiseStories(
  device: Device,
  { model, tokenizer, ends, promptTokens, maxNewTokens }: StoryBase,
  { settings: given, iterations, window, rewards, measured, signal }: StoryPpo,
): Promise<StoryPolicy> {
  // The rate stays: how far a policy goes in so many rollouts is what is asked.
  const settings = {
    ...{ ...RLHF_DEFAULTS, schedule: 'constant' as const },
    ...{ maxNewTokens, missingEnd: null, ...given },
  };
  const { rank, alpha, targets } = TUNING_DEFAULTS;
  const lora = { kind: 'lora', rank, alpha, targets } as const;
  trainable(model, new Initialiser(device, settings.seed), lora, POLICY);
  const speaker = { model, adapter: POLICY };
  const prompts = storyTasks({ seed: settings.seed, count: PROMPTS });
  const { answers: N } = settings;
  const tasks = (rollout: number) =>
    Array.from({ length: N }, (_, i) => prompts[(rollout * N + i) % prompts.length]!);
  const { learner, collector } = rlhf(
    device,
    {
      ...{ codec: tokenizer, tasks, rewards, policy: speaker, promptTokens, ends },
      reference: { model, adapter: null },
    },
    settings,
  );
  const points: StoryPoint[] = [];
  let stretch: Omit<StoryPoint, 'step' | 'distinct'>[] = [];
  try {
    for (let step = 0; step < iterations; step++) {
      const { metrics } = await learner.iterate(step, iterations);
      signal?.throwIfAborted();
      const { answers, scores } = collector;
      const parts = measured.length > 0 ? (await scoreAnswers(measured, answers)).parts : {};
      const { kl, score, length, finished } = collector.metrics;
      const means = meansOf({ ...scores.parts, ...parts });
      stretch.push({ kl, score, length, finished, means, entropy: metrics.entropy! });
      if (stretch.length < window && step < iterations - 1) continue;
      const texts = answers.map(({ text }) => text);
      points.push({ step, distinct: distinctShare(texts, 2), ...meanOf(stretch) });
      stretch = [];
    }
    const samples = collector.answers
      .slice(0, 3)
      .map(({ task, text }) => ({ prompt: task.prompt, text }));
    return { speaker, points, samples };
  } finally {
    learner.dispose();
    collector.dispose();
  }
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

const meansOf = (scores: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(Object.entries(scores).map(([name, values]) => [name, mean(values)]));

function meanOf(stretch: readonly Omit<StoryPoint, 'step' | 'distinct'>[]) {
  const of = (key: 'kl' | 'score' | 'length' | 'finished' | 'entropy') =>
    mean(stretch.map((each) => each[key]));
  const names = Object.keys(stretch[0]!.means);
  const means = names.map((name) => [name, mean(stretch.map((each) => each.means[name]!))]);
  return {
    ...{ kl: of('kl'), score: of('score'), length: of('length'), finished: of('finished') },
    ...{ entropy: of('entropy'), means: Object.fromEntries(means) as Record<string, number> },
  };
}
