// Rewards of how an answer is written, whatever it says: its form, its length, and that it does not repeat itself. Lengths are
// in tokens, the end included.

import { ConfigError } from '../errors.ts';
import { type Answer, type Reward, rewardOf, type Task } from './rewards.ts';

interface Weighted {
  /** In the sum of rewards. Default 1. */
  readonly weight?: number;
}

/** A thought in its tags, then what the user sees. */
export const THINK_FORMAT =
  /^\s*<think>(?:(?!<\/?think>)[\s\S])*<\/think>(?:(?!<\/?think>)[\s\S])*\S\s*$/;

/** 1 for a text that the pattern finds itself in; give it ^ and $ to ask for all of the text. Default: `THINK_FORMAT`. */
export function formatReward<T extends Task>({
  pattern = THINK_FORMAT,
  ...options
}: Weighted & { readonly pattern?: RegExp } = {}): Reward<T> {
  if (pattern.global || pattern.sticky)
    throw new ConfigError(`format: ${pattern} keeps a place between texts; leave out g and y`);
  return rewardOf('format', ({ text }) => Number(pattern.test(text)), options);
}

/** 1 at the target length, and by `width` tokens above or below 0. */
export function lengthReward<T extends Task>({
  target,
  width,
  ...options
}: Weighted & { readonly target: number; readonly width: number }): Reward<T> {
  requirePositive('length', { target, width });
  const score = ({ ids }: Answer<T>) => Math.max(0, 1 - Math.abs(ids.length - target) / width);
  return rewardOf('length', score, options);
}

export interface CosineOptions<T extends Task> extends Weighted {
  readonly right: (answer: Answer<T>) => boolean;
  /** Tokens at which the cosine ends. */
  readonly most: number;
  /** Of a right answer: of none tokens, and of the most. Default [1, 0.5]. */
  readonly rightRange?: readonly [number, number];
  /** Of a wrong one. Default [-1, -0.5]: thinking longer is the better mistake. */
  readonly wrongRange?: readonly [number, number];
}

/** From one value to another along half a cosine of the length (Yeo et al. 2025): right answers had better be short. */
export function cosineLength<T extends Task>({
  right,
  most,
  rightRange = [1, 0.5],
  wrongRange = [-1, -0.5],
  ...options
}: CosineOptions<T>): Reward<T> {
  requirePositive('cosine', { most });
  const score = (answer: Answer<T>) => {
    const [first, last] = right(answer) ? rightRange : wrongRange;
    const share = Math.min(1, answer.ids.length / most);
    return last + ((first - last) * (1 + Math.cos(Math.PI * share))) / 2;
  };
  return rewardOf('cosine', score, options);
}

/** Minus the share of n-grams of words that occurred before in the text (Yeo et al. 2025). @param n default 3 */
export function repetitionPenalty<T extends Task>({
  n = 3,
  ...options
}: Weighted & { readonly n?: number } = {}): Reward<T> {
  requirePositive('repetition', { n });
  return rewardOf('repetition', ({ text }) => -repeatedShare(text, n), options);
}

function repeatedShare(text: string, n: number): number {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const count = words.length - n + 1;
  if (count <= 0) return 0;
  const different = new Set(
    Array.from({ length: count }, (_, i) => words.slice(i, i + n).join(' ')),
  );
  return 1 - different.size / count;
}

/** 0 up to `most - margin` tokens, from there down to -1 at `most`, and -1 beyond (DAPO, Yu et al. 2025). */
export function softOverlong<T extends Task>({
  most,
  margin,
  ...options
}: Weighted & { readonly most: number; readonly margin: number }): Reward<T> {
  requirePositive('overlong', { most, margin });
  if (margin > most)
    throw new ConfigError(
      `overlong: margin is ${margin}, expected at most ${most}, the most tokens`,
    );
  const score = ({ ids }: Answer<T>) => {
    const over = ids.length - (most - margin);
    return over <= 0 ? 0 : -Math.min(1, over / margin);
  };
  return rewardOf('overlong', score, options);
}

function requirePositive(name: string, values: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(values)) {
    if (!(value > 0 && Number.isFinite(value)))
      throw new ConfigError(`${name}: ${key} is ${value}, expected a number above 0`);
  }
}
