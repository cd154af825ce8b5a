// Preferences in rounds (lecture row I8): sample, label, refit, optimise, repeat. A reward model knows what it was shown; once a
// policy writes otherwise, labels of what it writes now say where the reward model is wrong.

import { listOf, nonNegative, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Device } from '../ops/device.ts';
import { answerKls } from './answer_kl.ts';
import { drawInParts } from './answers.ts';
import { iterateReport } from './iterate_report.ts';
import type { PreferenceTokens } from './preferences.ts';
import { rewardModelReward } from './reward_adapters.ts';
import { evaluatePairs } from './reward_evaluation.ts';
import { judgePreferences } from './reward_training.ts';
import { scoreAnswers } from './rewards.ts';
import type { Speaker } from './speaker.ts';
import {
  learnStoryReward,
  optimiseStories,
  storyBaseCell,
  storyPreferences,
} from './story_study.ts';
import { goldReward, type StoryBase, storyTasks } from './story_world.ts';

export const ITERATE_DEFAULTS = {
  seeds: [1, 2, 3],
  width: 64,
  layers: 2,
  baseSteps: 600,
  rounds: 3,
  /** Pairs that are labelled in each round; the reward model learns from those of all rounds. */
  labels: 300,
  /** Of the labels: how far apart gold rewards are for a clear choice. */
  temperature: 0.5,
  rewardEpochs: 3,
  rewardBatch: 25,
  rewardRate: 3e-3,
  /** Held back little, so that the policy leaves what the first labels were of. */
  beta: 0.05,
  iterations: 24,
  answers: 32,
  epochs: 2,
  learningRate: 1e-3,
  targetKl: 0.02,
  /** Held-out prompts. */
  heldOut: 128,
};

export type IterateSettings = typeof ITERATE_DEFAULTS;

const CHECKS = {
  seeds: listOf(positiveInteger) as never,
  width: positiveInteger,
  layers: positiveInteger,
  baseSteps: positiveInteger,
  rounds: positiveInteger,
  labels: positiveInteger,
  temperature: nonNegative,
  rewardEpochs: positive,
  rewardBatch: positiveInteger,
  rewardRate: positive,
  beta: nonNegative,
  iterations: positiveInteger,
  answers: positiveInteger,
  epochs: positiveInteger,
  learningRate: positive,
  targetKl: positive,
  heldOut: positiveInteger,
};

/** After a round; round 0 is the base. */
export interface Round {
  readonly seed: number;
  readonly round: number;
  /** Of answers to held-out prompts. */
  readonly gold: MeanInterval;
  /** From the base, in nats per answer. */
  readonly kl: number;
  /** How often the round's reward model agrees with labels of what its policy writes; null of round 0. */
  readonly accuracy: number | null;
  /** Labels that the reward model learned from. */
  readonly learnedFrom: number;
  /** Labelled pairs of the policy after the round, for the next one. */
  readonly fresh: readonly PreferenceTokens[];
  readonly samples: readonly string[];
}

export interface IterateResults {
  readonly rounds: readonly Round[];
}

export const iterateExperiment: Experiment<IterateSettings, IterateResults> = {
  defaults: ITERATE_DEFAULTS,
  checks: CHECKS,
  count: ({ seeds, rounds }) => 1 + seeds.length * (rounds + 1),
  run,
  report: iterateReport,
};

async function run(
  device: Device,
  settings: IterateSettings,
  cells: Cells,
): Promise<IterateResults> {
  const { width, layers, baseSteps: steps } = settings;
  const copyOfBase = await storyBaseCell(device, cells, { width, layers, steps });
  const all: Round[] = [];
  for (const seed of settings.seeds) {
    const known: PreferenceTokens[] = [];
    for (let round = 0; round <= settings.rounds; round++) {
      const at = { seed, round, signal: cells.signal };
      const result = await cells.cell(
        `seed-${seed}-round-${round}`,
        () => playRound(device, copyOfBase(), settings, known, at),
        ({ gold, kl, accuracy }) =>
          `gold ${gold.mean.toFixed(2)} ± ${gold.margin.toFixed(2)}, KL ${kl.toFixed(1)}${accuracy === null ? '' : `, reward model right on fresh pairs ${(100 * accuracy).toFixed(0)} %`}`,
      );
      known.push(...result.fresh);
      all.push(result);
    }
  }
  return { rounds: all };
}

interface At {
  readonly seed: number;
  readonly round: number;
  readonly signal: AbortSignal;
}

/** Refits the reward model to all labels so far, optimises the base for it, and labels what comes of that. */
async function playRound(
  device: Device,
  base: StoryBase,
  settings: IterateSettings,
  known: readonly PreferenceTokens[],
  { seed, round, signal }: At,
): Promise<Round> {
  const { model } = base;
  const reference = { model, adapter: null };
  try {
    const fitted = round > 0 ? await refit(device, base, settings, known, { seed, signal }) : null;
    const speaker = fitted?.speaker ?? reference;
    const { labels, temperature } = settings;
    // Each round has prompts and luck of its own.
    const asked = { labels, temperature, seed: 100 * seed + round, judge: goldReward, speaker };
    const fresh = await storyPreferences(device, base, asked, signal);
    const judged = fitted && (await judgePreferences(device, fitted.rewardModel, fresh));
    return {
      ...{ seed, round, learnedFrom: round > 0 ? known.length : 0, fresh },
      ...(await measured(device, base, speaker, settings, { seed, signal })),
      accuracy: judged && evaluatePairs(judged).accuracy,
    };
  } finally {
    model.dispose();
  }
}

async function refit(
  device: Device,
  base: StoryBase,
  settings: IterateSettings,
  known: readonly PreferenceTokens[],
  { seed, signal }: Pick<At, 'seed' | 'signal'>,
) {
  const { rewardEpochs: epochs, rewardBatch: batch, rewardRate: learningRate } = settings;
  const tuning = { epochs, batch, learningRate, seed };
  const { module: rewardModel } = await learnStoryReward(device, base, known, tuning, signal);
  const { answers, beta, epochs: passes, learningRate: rate, targetKl, iterations } = settings;
  const { speaker } = await optimiseStories(device, base, {
    settings: { seed, answers, beta, epochs: passes, learningRate: rate, targetKl },
    ...{ iterations, window: iterations, signal, measured: [goldReward] },
    rewards: [rewardModelReward(device, rewardModel, { name: 'learned', batch: 128 })],
  });
  return { rewardModel, speaker };
}

async function measured(
  device: Device,
  { model, tokenizer, ends, maxNewTokens }: StoryBase,
  speaker: Speaker,
  { heldOut }: IterateSettings,
  { seed, signal }: Pick<At, 'seed' | 'signal'>,
): Promise<Pick<Round, 'gold' | 'kl' | 'samples'>> {
  const tasks = storyTasks({ seed, set: 1, count: heldOut });
  const drawing = { maxNewTokens, ends, seed: seed * 2 ** 24, signal };
  const answers = await drawInParts(device, speaker, tokenizer, tasks, drawing);
  const { totals } = await scoreAnswers([goldReward], answers);
  const kls = await answerKls(device, { model, adapter: null }, answers);
  return {
    gold: meanInterval(totals),
    kl: meanInterval(kls).mean,
    samples: answers.slice(0, 2).map(({ task, text }) => task.prompt + text),
  };
}
