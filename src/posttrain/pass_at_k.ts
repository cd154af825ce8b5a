// How good a model is that may try several times (Chen et al. 2021), and that answers with what it says most often.
//
//   pass@k = E over prompts of 1 - C(n - c, k) / C(n, k)      n answers to a prompt, c of them right: unbiased for k <= n

import { DataError } from '../errors.ts';
import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';

/**
 * The chance that one of k answers is right, drawn from n of which c are: a product of ratios, so that no binomial overflows.
 * @throws DataError unless 0 <= c <= n and 1 <= k <= n, whole numbers.
 */
export function passAtK(n: number, c: number, k: number): number {
  if (![n, c, k].every(Number.isInteger) || c < 0 || c > n || k < 1 || k > n)
    throw new DataError(
      `pass@k: n ${n}, c ${c}, k ${k}; expected 0 <= c <= n and 1 <= k <= n, whole numbers`,
    );
  let allWrong = 1;
  for (let i = n - c + 1; i <= n; i++) allWrong *= Math.max(0, 1 - k / i);
  return 1 - allWrong;
}

/**
 * The chance that the most frequent answer is right; among several of the same number one is taken by lot.
 * @param votes what each answer comes to; null where it comes to nothing and has no vote.
 * @param right whether that is right.
 */
export function majority(
  votes: readonly (string | null)[],
  right: (vote: string) => boolean,
): number {
  const counts = new Map<string, number>();
  for (const vote of votes) if (vote !== null) counts.set(vote, (counts.get(vote) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  const first = [...counts].filter(([, count]) => count === most).map(([vote]) => vote);
  return first.length === 0 ? 0 : first.filter(right).length / first.length;
}

/** An answer as it is counted. */
export interface Attempt {
  readonly right: boolean;
  /** What it comes to; equal answers have equal votes. Null for one that comes to nothing. */
  readonly vote: string | null;
}

export interface PassRates {
  /** Over the prompts, with the interval that they give, by k. */
  readonly pass: Readonly<Record<number, MeanInterval>>;
  /** Of all n answers. */
  readonly majority: MeanInterval;
}

/** @param prompts the answers to each; as many to each as the largest k at least. */
export function passRates(
  prompts: readonly (readonly Attempt[])[],
  ks: readonly number[],
): PassRates {
  const counted = prompts.map((attempts) => attempts.filter(({ right }) => right).length);
  const pass = ks.map((k) => {
    const each = prompts.map(({ length }, i) => passAtK(length, counted[i]!, k));
    return [k, meanInterval(each)] as const;
  });
  const majorities = prompts.map((attempts) => {
    const rightVotes = new Set(attempts.filter(({ right }) => right).map(({ vote }) => vote));
    return majority(
      attempts.map(({ vote }) => vote),
      (vote) => rightVotes.has(vote),
    );
  });
  return { pass: Object.fromEntries(pass), majority: meanInterval(majorities) };
}
