// Two models answer the same prompts with the same seeds, and a judge says whose answers are better.

import { ConfigError } from '../errors.ts';
import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { Device } from '../ops/device.ts';
import { type DrawInPartsOptions, drawInParts, type TextCodec } from './answers.ts';
import { type Reward, scoreAnswers, type Task } from './rewards.ts';
import type { Speaker } from './speaker.ts';

export interface Contestant {
  readonly speaker: Speaker;
  readonly codec: TextCodec;
  /** Tokens that end its answers. */
  readonly ends: readonly number[];
}

export interface JudgeOptions<T extends Task> extends Omit<DrawInPartsOptions, 'ends'> {
  readonly tasks: readonly T[];
  /** Answers of each model to each task; those of one seed are compared. Default 1. */
  readonly answers?: number;
  readonly judge: Reward<T>;
}

/** A share, and where 95 % of such intervals have the true one. */
export interface Rate {
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

export interface Verdict {
  /** Of A over B: a tie is half a win. */
  readonly winRate: Rate;
  /** Of compared answers. */
  readonly wins: number;
  readonly ties: number;
  readonly losses: number;
  /** Over the tasks, of the mean over a task's answers. */
  readonly means: { readonly a: MeanInterval; readonly b: MeanInterval };
  /** The first few comparisons. */
  readonly samples: readonly Comparison[];
}

export interface Comparison {
  readonly prompt: string;
  readonly a: { readonly text: string; readonly score: number };
  readonly b: { readonly text: string; readonly score: number };
}

const SHOWN = 3;

/** @throws ConfigError for no tasks, DataError where the judge fails, signal's reason when it is stopped. */
export async function judge<T extends Task>(
  device: Device,
  a: Contestant,
  b: Contestant,
  { tasks, answers: n = 1, judge: reward, ...drawing }: JudgeOptions<T>,
): Promise<Verdict> {
  if (tasks.length === 0) throw new ConfigError('judge: there are no prompts to compare on');
  const each = tasks.flatMap((task) => Array.from({ length: n }, () => task));
  const scored = async ({ speaker, codec, ends }: Contestant) => {
    const answers = await drawInParts(device, speaker, codec, each, { ...drawing, ends });
    const { totals } = await scoreAnswers([reward], answers);
    return answers.map(({ text }, i) => ({ text, score: totals[i]! }));
  };
  const [ofA, ofB] = [await scored(a), await scored(b)];
  const pairs = each.map(({ prompt }, i): Comparison => ({ prompt, a: ofA[i]!, b: ofB[i]! }));
  return verdict(pairs, n);
}

/** @param n comparisons per prompt, side by side: their mean is one observation. */
export function verdict(pairs: readonly Comparison[], n = 1): Verdict {
  const prompts = Array.from({ length: pairs.length / n }, (_, t) =>
    pairs.slice(t * n, (t + 1) * n),
  );
  const meanOf = (own: readonly Comparison[], of: (pair: Comparison) => number) =>
    own.reduce((sum, pair) => sum + of(pair), 0) / own.length;
  const outcome = ({ a, b }: Comparison) => (Math.sign(a.score - b.score) + 1) / 2;
  const count = (value: number) => pairs.filter((pair) => outcome(pair) === value).length;
  return {
    winRate: wilson(meanOf(pairs, outcome), prompts.length),
    wins: count(1),
    ties: count(0.5),
    losses: count(0),
    means: {
      a: meanInterval(prompts.map((own) => meanOf(own, ({ a }) => a.score))),
      b: meanInterval(prompts.map((own) => meanOf(own, ({ b }) => b.score))),
    },
    samples: prompts.slice(0, SHOWN).map(([first]) => first!),
  };
}

const Z = 1.959964;

/** Wilson's interval for a share of n (1927); where ties or several answers make one observation, it is wider than need be. */
export function wilson(rate: number, n: number): Rate {
  const centre = (rate + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((rate * (1 - rate)) / n + Z ** 2 / (4 * n * n));
  return { rate, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
