// Best of n: draw n answers, and give the one that a reward likes most. The yardstick of what optimises by training: no
// parameter changes, and how far it moves from the model is known.
//
//   KL(best of n ‖ π) <= ln n - (n - 1) / n       (Stiennon et al. 2020; equal where no two answers are worth the same)

import type { Device } from '../ops/device.ts';
import {
  type DrawInPartsOptions,
  type DrawnAnswer,
  drawInParts,
  type TextCodec,
} from './answers.ts';
import { type Reward, scoreAnswers, type Task } from './rewards.ts';
import type { Speaker } from './speaker.ts';

/** In nats. @param n at least 1 */
export const bestOfNKl = (n: number): number => Math.log(n) - (n - 1) / n;

export interface CandidateOptions extends DrawInPartsOptions {
  /** Answers to each task; answer i to task t is drawn with seed + t n + i. */
  readonly n: number;
}

/** n answers to each task. @throws signal's reason when it is stopped. */
export async function drawCandidates<T extends Task>(
  device: Device,
  speaker: Speaker,
  codec: TextCodec,
  tasks: readonly T[],
  { n, ...drawing }: CandidateOptions,
): Promise<DrawnAnswer<T>[][]> {
  const each = tasks.flatMap((task) => Array.from({ length: n }, () => task));
  const drawn = await drawInParts(device, speaker, codec, each, drawing);
  return tasks.map((_, t) => drawn.slice(t * n, (t + 1) * n));
}

export interface Best<T extends Task> {
  readonly answer: DrawnAnswer<T>;
  readonly score: number;
}

/** The best of n answers to each task; of equal ones the first. */
export async function bestOfN<T extends Task>(
  device: Device,
  speaker: Speaker,
  codec: TextCodec,
  tasks: readonly T[],
  { rewards, ...options }: CandidateOptions & { readonly rewards: readonly Reward<T>[] },
): Promise<Best<T>[]> {
  const candidates = await drawCandidates(device, speaker, codec, tasks, options);
  const { totals } = await scoreAnswers(rewards, candidates.flat());
  return candidates.map((own, t) => {
    const scores = totals.slice(t * options.n, (t + 1) * options.n);
    const best = scores.indexOf(Math.max(...scores));
    return { answer: own[best]!, score: scores[best]! };
  });
}

/**
 * What the best of n is worth on average, of all subsets of n out of N candidates (Nakano et al. 2021): sorted by score, the
 * i-th is the best of C(i - 1, n - 1) out of C(N, n) subsets.
 * @param scores of the N candidates, by which the best is chosen; of equal ones the first is the lower.
 * @param worth of each: the scores themselves, or another judge's.
 */
export function expectedBestOf(
  n: number,
  scores: readonly number[],
  worth: readonly number[] = scores,
): number {
  const N = scores.length;
  const order = scores.map((_, i) => i).sort((a, b) => scores[a]! - scores[b]! || a - b);
  // From the top down: P(the i-th is the best) = n / i · Π_{j > i} (1 - n / j).
  let left = 1;
  let mean = 0;
  for (let i = N; i >= n; i--) {
    mean += left * (n / i) * worth[order[i - 1]!]!;
    left *= 1 - n / i;
  }
  return mean;
}
