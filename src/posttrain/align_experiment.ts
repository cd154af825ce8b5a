// Three ways to a reward that is known (best of n, PPO, DPO on labels): what each gains on held-out prompts, and how far it
// goes from the model it began with. A policy that does no better than best-of-16 at more KL has learned little.

import { nonNegative, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import { meanInterval } from '../io/mean_interval.ts';
import { ADAPTER } from '../llm/finetune.ts';
import { exampleBatches } from '../llm/supervised.ts';
import { addLora } from '../llm/trainable.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { alignReport } from './align_report.ts';
import { answerKls } from './answer_kl.ts';
import { drawInParts } from './answers.ts';
import { bestOfN, bestOfNKl } from './best_of_n.ts';
import { DPO_DEFAULTS, dpo } from './dpo.ts';
import { verdict } from './judge.ts';
import { TUNING_DEFAULTS } from './policy_base.ts';
import { type Answer, scoreAnswers } from './rewards.ts';
import { RLHF_DEFAULTS, rlhf } from './rlhf.ts';
import type { Speaker } from './speaker.ts';
import { storyBaseCell, storyPreferences } from './story_study.ts';
import { goldReward, STORY_BASE_DEFAULTS, type StoryBase, storyTasks } from './story_world.ts';

export const ALIGN_DEFAULTS = {
  seeds: [1, 2, 3],
  width: STORY_BASE_DEFAULTS.width,
  layers: STORY_BASE_DEFAULTS.layers,
  /** So many that most of its stories are possible ones. */
  baseSteps: 2500,
  /** Held-out prompts. */
  heldOut: 256,
  bestOf: 16,
  /** All answers are drawn at it, as Ziegler et al. 2019 do; DPO's pairs at 1. */
  temperature: 0.7,
  rank: 16,

  // PPO
  rollouts: 40,
  answers: 256,
  minibatches: 4,
  /** By the reward as it is. */
  beta: 0.05,
  learningRate: 5e-4,
  /** Of the policy that drew: epochs of a rollout end at 1.5 times it. */
  targetKl: 0.02,
  /** Of GAE; 1 takes the reward at the end as it is. */
  lambda: 1,
  /** PPO sees the reward and its KL times this: the value head begins at 0, and is sooner right about small numbers. */
  rewardScale: 0.25,

  // DPO
  pairs: 2000,
  dpoBeta: 0.1,
  dpoLearningRate: 3e-4,
};

export type AlignSettings = typeof ALIGN_DEFAULTS;

const ALIGN_CHECKS = {
  width: positiveInteger,
  layers: positiveInteger,
  baseSteps: positiveInteger,
  heldOut: positiveInteger,
  bestOf: positiveInteger,
  temperature: positive,
  rank: positiveInteger,
  rollouts: positiveInteger,
  answers: positiveInteger,
  minibatches: positiveInteger,
  beta: nonNegative,
  learningRate: positive,
  targetKl: positive,
  lambda: nonNegative,
  rewardScale: positive,
  pairs: positiveInteger,
  dpoBeta: positive,
  dpoLearningRate: positive,
};

export const METHODS = ['best-of-n', 'ppo', 'dpo'] as const;
export type AlignMethod = (typeof METHODS)[number];

/** What answers to the held-out prompts are worth. */
export interface Aligned {
  readonly seed: number;
  readonly method: AlignMethod | 'base';
  /** Means with their intervals over prompts. */
  readonly gold: { readonly mean: number; readonly margin: number };
  /** Nats per answer, from the base. */
  readonly kl: number;
  /** Over the base, by the gold reward, at the same seeds; ties half. */
  readonly winRate: number;
  /** While it learns: rollouts or steps, and the gold reward of what was drawn. */
  readonly curve: readonly { readonly step: number; readonly gold: number; readonly kl: number }[];
  readonly samples: readonly string[];
}

export interface AlignResults {
  readonly results: readonly Aligned[];
}

export const alignExperiment: Experiment<AlignSettings, AlignResults> = {
  defaults: ALIGN_DEFAULTS,
  checks: ALIGN_CHECKS,
  count: ({ seeds }) => 1 + seeds.length * (METHODS.length + 1),
  run,
  report: alignReport,
};

async function run(device: Device, settings: AlignSettings, cells: Cells): Promise<AlignResults> {
  const { width, layers, baseSteps: steps } = settings;
  const copyOfBase = await storyBaseCell(device, cells, { width, layers, steps });
  const results: Aligned[] = [];
  for (const seed of settings.seeds) {
    for (const method of ['base', ...METHODS] as const) {
      const cell = () =>
        aligned(device, copyOfBase(), settings, { method, seed, signal: cells.signal });
      const told = ({ gold, kl, winRate }: Aligned) =>
        `gold ${gold.mean.toFixed(2)} ± ${gold.margin.toFixed(2)}, KL ${kl.toFixed(2)}, wins ${(100 * winRate).toFixed(0)} %`;
      results.push(await cells.cell(`seed-${seed}-${method}`, cell, told));
    }
  }
  return { results };
}

interface Case {
  readonly method: AlignMethod | 'base';
  readonly seed: number;
  readonly signal: AbortSignal;
}

async function aligned(
  device: Device,
  base: StoryBase,
  settings: AlignSettings,
  { method, seed, signal }: Case,
): Promise<Aligned> {
  const { model, tokenizer, ends, maxNewTokens } = base;
  const { heldOut, bestOf, temperature } = settings;
  const reference = { model, adapter: null };
  try {
    const curve = await learn(device, base, settings, { method, seed, signal });
    const policy: Speaker =
      method === 'ppo' || method === 'dpo' ? { model, adapter: ADAPTER } : reference;
    const tasks = storyTasks({ seed, set: 1, count: heldOut });
    const drawing = { maxNewTokens, ends, temperature, seed: seed * 2 ** 24, signal };
    const plain = await drawInParts(device, reference, tokenizer, tasks, drawing);
    const best = {
      ...drawing,
      n: bestOf,
      rewards: [goldReward],
      seed: (seed + 2 ** 10) * 2 ** 24,
    };
    const answers =
      method === 'best-of-n'
        ? (await bestOfN(device, reference, tokenizer, tasks, best)).map(({ answer }) => answer)
        : await drawInParts(device, policy, tokenizer, tasks, drawing);
    const gold = await goldOf(answers);
    const ofBase = await goldOf(plain);
    const pairs = gold.map((score, i) => ({
      prompt: tasks[i]!.prompt,
      a: { text: answers[i]!.text, score },
      b: { text: plain[i]!.text, score: ofBase[i]! },
    }));
    const drift = async () => {
      if (method === 'base') return 0;
      if (method === 'best-of-n') return bestOfNKl(bestOf);
      return meanInterval(await answerKls(device, reference, answers, { temperature })).mean;
    };
    return {
      ...{ seed, method, gold: meanInterval(gold), kl: await drift(), curve },
      winRate: verdict(pairs).winRate.rate,
      samples: answers.slice(0, 3).map(({ task, text }) => task.prompt + text),
    };
  } finally {
    model.dispose();
  }
}

const goldOf = async (answers: readonly Answer[]) =>
  (await scoreAnswers([goldReward], answers)).totals;

/** Leaves what was learned in the model under `ADAPTER`. */
function learn(
  device: Device,
  base: StoryBase,
  settings: AlignSettings,
  { method, ...how }: Pick<Case, 'method' | 'seed' | 'signal'>,
): Promise<Aligned['curve']> | Aligned['curve'] {
  if (method === 'ppo') return learnByPpo(device, base, settings, how);
  return method === 'dpo' ? learnByDpo(device, base, settings, how) : [];
}

async function learnByPpo(
  device: Device,
  { model, tokenizer, ends, promptTokens, maxNewTokens }: StoryBase,
  { rollouts, rank, answers, minibatches, beta, ...rest }: AlignSettings,
  { seed, signal }: Pick<Case, 'seed' | 'signal'>,
): Promise<Aligned['curve']> {
  const { targets } = TUNING_DEFAULTS;
  const { learningRate, targetKl, lambda, rewardScale, temperature } = rest;
  addLora(
    model,
    new Initialiser(device, seed),
    { kind: 'lora', rank, alpha: 2 * rank, targets },
    ADAPTER,
  );
  const tasks = exampleBatches(storyTasks({ seed, count: 4096 }), { seed, batch: answers });
  const rewards = [{ ...goldReward, weight: rewardScale }];
  const { learner, collector } = rlhf(
    device,
    {
      ...{ codec: tokenizer, tasks, rewards, ends, promptTokens },
      ...{ policy: { model, adapter: ADAPTER }, reference: { model, adapter: null } },
    },
    {
      ...RLHF_DEFAULTS,
      ...{ seed, answers, minibatches, maxNewTokens, temperature, learningRate, targetKl, lambda },
      beta: beta * rewardScale,
    },
  );
  const curve: { step: number; gold: number; kl: number }[] = [];
  try {
    for (let step = 0; step < rollouts; step++) {
      signal.throwIfAborted();
      await learner.iterate(step, rollouts);
      const { score, kl } = collector.metrics;
      curve.push({ step: step + 1, gold: score / rewardScale, kl });
    }
    return curve;
  } finally {
    learner.dispose();
    collector.dispose();
    learner.model.valueHead?.dispose();
  }
}

/** On pairs of the base's answers, of which the better one by the gold reward is chosen; of equal ones by lot. */
async function learnByDpo(
  device: Device,
  base: StoryBase,
  { pairs: labels, dpoBeta: beta, dpoLearningRate: learningRate, rank }: AlignSettings,
  { seed, signal }: Pick<Case, 'seed' | 'signal'>,
): Promise<Aligned['curve']> {
  const asked = { labels, seed, temperature: 0, judge: goldReward };
  const train = await storyPreferences(device, base, asked, signal);
  const targets = [...TUNING_DEFAULTS.targets];
  const lora = { rank, alpha: 2 * rank, targets };
  const settings = { ...DPO_DEFAULTS, seed, beta, learningRate, batch: 16, ...lora };
  await dpo(device, base.model, { train, heldOut: [] }, { signal, settings });
  signal.throwIfAborted();
  return [];
}
