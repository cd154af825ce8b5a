// Over-optimisation of a learned reward (Gao et al. 2023; lecture rows I5 and I9): a reward model learns from few labels by a
// gold reward, policies are optimised against it, and the gold reward tells what came of it, against √KL from the base. PPO for
// several β, and best of n.

import { listOf, nonNegative, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { bestOfNKl, drawCandidates, expectedBestOf } from './best_of_n.ts';
import { overoptimiseReport } from './overoptimise_report.ts';
import { rewardModelReward } from './reward_adapters.ts';
import { spread } from './reward_model.ts';
import { scoreAnswers } from './rewards.ts';
import {
  learnStoryReward,
  optimiseStories,
  type StoryPoint,
  storyBaseCell,
  storyPreferences,
  storyRewardModel,
} from './story_study.ts';
import { goldReward, type StoryBase, storyTasks } from './story_world.ts';

export const OVEROPTIMISE_DEFAULTS = {
  seeds: [1, 2, 3],
  width: 64,
  layers: 2,
  baseSteps: 600,
  /** Pairs of answers that the reward model learns from; a tenth is held out. */
  labels: 500,
  /** Of the labels: how far apart gold rewards are for a clear choice. */
  temperature: 0.5,
  rewardEpochs: 3,
  rewardBatch: 25,
  rewardRate: 3e-3,
  betas: [0, 0.05, 0.2],
  iterations: 48,
  /** Of a rollout. */
  answers: 32,
  epochs: 2,
  learningRate: 1e-3,
  /** Rollouts to a point. */
  window: 4,
  /** Prompts of best of n, and answers to each. */
  prompts: 48,
  candidates: 64,
};

export type OveroptimiseSettings = typeof OVEROPTIMISE_DEFAULTS;

const CHECKS = {
  seeds: listOf(positiveInteger) as never,
  width: positiveInteger,
  layers: positiveInteger,
  baseSteps: positiveInteger,
  labels: positiveInteger,
  temperature: nonNegative,
  rewardEpochs: positive,
  rewardBatch: positiveInteger,
  rewardRate: positive,
  betas: listOf(nonNegative) as never,
  iterations: positiveInteger,
  answers: positiveInteger,
  epochs: positiveInteger,
  learningRate: positive,
  window: positiveInteger,
  prompts: positiveInteger,
  candidates: positiveInteger,
};

/** A reward model of a seed, beside the truth. */
export interface LearnedReward {
  readonly seed: number;
  /** Labels that it learned from. */
  readonly pairs: number;
  /** On held-out labels. */
  readonly accuracy: number;
}

/** Rewards are in standard deviations of the base's answers, whose mean is 0. */
export interface BestOfPoint {
  readonly n: number;
  /** The bound ln n - (n - 1) / n. */
  readonly kl: number;
  readonly learned: number;
  readonly gold: number;
}

export interface BestOfCurve {
  readonly seed: number;
  readonly points: readonly BestOfPoint[];
  /** Of the base's answers, in the gold reward's own units. */
  readonly goldMean: number;
  readonly goldDeviation: number;
}

export interface PpoCurve {
  readonly seed: number;
  readonly beta: number;
  /** `means` has learned and gold; gold in its own units. */
  readonly points: readonly StoryPoint[];
  readonly samples: readonly { readonly prompt: string; readonly text: string }[];
}

export interface OveroptimiseResults {
  readonly rewards: readonly LearnedReward[];
  readonly bestOf: readonly BestOfCurve[];
  readonly ppo: readonly PpoCurve[];
}

export const overoptimiseExperiment: Experiment<OveroptimiseSettings, OveroptimiseResults> = {
  defaults: OVEROPTIMISE_DEFAULTS,
  checks: CHECKS,
  count: ({ seeds, betas }) => 1 + seeds.length * (2 + betas.length),
  run,
  report: overoptimiseReport,
};

async function run(
  device: Device,
  settings: OveroptimiseSettings,
  cells: Cells,
): Promise<OveroptimiseResults> {
  const { seeds, width, layers, baseSteps: steps, betas } = settings;
  const copyOfBase = await storyBaseCell(device, cells, { width, layers, steps });
  const results = { rewards: [], bestOf: [], ppo: [] } as {
    -readonly [Name in keyof OveroptimiseResults]: OveroptimiseResults[Name][number][];
  };
  for (const seed of seeds) {
    const learned = await cells.weights(
      `reward-seed-${seed}`,
      () => learn(device, copyOfBase(), settings, seed, cells.signal),
      ({ accuracy }) => `accuracy ${accuracy.toFixed(3)} on held-out labels`,
    );
    results.rewards.push({ seed, ...learned.about });
    /** A copy of the base, and on it the reward model of this seed. */
    const opened = () => {
      const base = copyOfBase();
      const rewardModel = storyRewardModel(device, base, seed);
      rewardModel.load(learned.tensors);
      return {
        base,
        reward: rewardModelReward(device, rewardModel, { name: 'learned', batch: 128 }),
      };
    };
    results.bestOf.push(
      await cells.cell(
        `best-of-n-seed-${seed}`,
        async () => bestOfCurve(device, opened(), settings, seed, cells.signal),
        ({ points }) => `gold ${points.map(({ gold }) => gold.toFixed(2)).join(', ')}`,
      ),
    );
    for (const beta of betas) {
      results.ppo.push(
        await cells.cell(
          `ppo-seed-${seed}-beta-${beta}`,
          async () => ppoCurve(device, opened(), settings, { seed, beta }, cells.signal),
          ({ points }) => pointLine(points.at(-1)!),
        ),
      );
    }
  }
  return results;
}

const pointLine = ({ kl, means: { learned, gold } }: StoryPoint) =>
  `KL ${kl.toFixed(1)}, learned ${learned!.toFixed(2)}, gold ${gold!.toFixed(2)}`;

async function learn(
  device: Device,
  base: StoryBase,
  { labels, temperature, ...settings }: OveroptimiseSettings,
  seed: number,
  signal: AbortSignal,
) {
  const asked = { labels, temperature, seed, judge: goldReward };
  const preferences = await storyPreferences(device, base, asked, signal);
  const { rewardEpochs: epochs, rewardBatch: batch, rewardRate: learningRate } = settings;
  const tuning = { epochs, batch, learningRate, seed };
  return learnStoryReward(device, base, preferences, tuning, signal);
}

/** A copy of the base, and what its answers are worth by the reward model. */
interface Opened {
  readonly base: StoryBase;
  readonly reward: ReturnType<typeof rewardModelReward>;
}

async function bestOfCurve(
  device: Device,
  { base, reward }: Opened,
  { prompts, candidates }: OveroptimiseSettings,
  seed: number,
  signal: AbortSignal,
): Promise<BestOfCurve> {
  const { model, tokenizer, ends, maxNewTokens } = base;
  const tasks = storyTasks({ seed, set: 1, count: prompts });
  const drawn = await drawCandidates(device, { model, adapter: null }, tokenizer, tasks, {
    ...{ n: candidates, seed: seed * 2 ** 24, maxNewTokens, ends, signal },
  });
  const { parts } = await scoreAnswers([reward, goldReward], drawn.flat());
  model.dispose();
  const gold = spread(parts.gold!);
  const learned = spread(parts.learned!);
  const doublings = Array.from({ length: Math.floor(Math.log2(candidates)) + 1 }, (_, i) => 2 ** i);
  const points = doublings.map((n): BestOfPoint => {
    const meanOf = (worth: readonly number[]) => {
      const each = tasks.map((_, t) => {
        const of = (values: readonly number[]) =>
          values.slice(t * candidates, (t + 1) * candidates);
        return expectedBestOf(n, of(parts.learned!), of(worth));
      });
      return each.reduce((a, b) => a + b, 0) / each.length;
    };
    return {
      ...{ n, kl: bestOfNKl(n) },
      learned: (meanOf(parts.learned!) - learned.mean) / learned.deviation,
      gold: (meanOf(parts.gold!) - gold.mean) / gold.deviation,
    };
  });
  return { seed, points, goldMean: gold.mean, goldDeviation: gold.deviation };
}

async function ppoCurve(
  device: Device,
  { base, reward }: Opened,
  { iterations, window, answers, epochs, learningRate }: OveroptimiseSettings,
  { seed, beta }: { readonly seed: number; readonly beta: number },
  signal: AbortSignal,
): Promise<PpoCurve> {
  const { points, samples } = await optimiseStories(device, base, {
    ...{ settings: { seed, beta, answers, epochs, learningRate }, iterations, window, signal },
    ...{ rewards: [reward], measured: [goldReward] },
  });
  base.model.dispose();
  return { seed, beta, points, samples };
}
