// A labeller that is simulated from a gold reward r, so that the truth is known. Of two answers with d = r(A) - r(B):
//
//   |d| < threshold: a tie;   else   P(label A) = p + (1 - 2p) σ(d / T)
//
// Bradley-Terry at temperature T, at 0 always the better one, and each label flipped with probability p.

import { type Checks, nonNegative, nonNegativeInteger } from '../io/config.ts';
import { fillUniform } from '../tensor/philox.ts';

export interface LabellerSettings {
  /** T: how far apart rewards must be for a clear choice; 0: any difference is. */
  readonly temperature: number;
  /** p, up to 1/2. */
  readonly flips: number;
  /** Smaller differences are ties; 0: there are none. */
  readonly threshold: number;
  readonly seed: number;
}

export const LABELLER_DEFAULTS: LabellerSettings = {
  temperature: 0,
  flips: 0,
  threshold: 0,
  seed: 1,
};

export const LABELLER_CHECKS: Checks<LabellerSettings> = {
  temperature: nonNegative,
  flips: {
    expected: 'a number from 0 to 0.5',
    accepts: (x) => typeof x === 'number' && x >= 0 && x <= 0.5,
  },
  threshold: nonNegative,
  seed: nonNegativeInteger,
};

export type Label = 'A' | 'B' | 'tie';

const STREAM = 0x6c61626c; // 'labl': the draws of a seed that belong to labels

/** The gold rewards of two answers. */
export type GoldPair = readonly [a: number, b: number];

/**
 * Label i depends on pair i and the seed alone; of two labellers that differ in their flips, the one with more has flipped
 * what the other has, and more.
 * @param first the number of the first pair, where they are some of more. Default 0.
 */
export function labelPairs(
  pairs: readonly GoldPair[],
  labeller: LabellerSettings,
  { first = 0 }: { readonly first?: number } = {},
): Label[] {
  const luck = new Float64Array(first + pairs.length);
  fillUniform(luck, { seed: labeller.seed, stream: STREAM });
  return pairs.map(([a, b], i) => {
    if (isTie(a - b, labeller)) return 'tie';
    const better = luck[first + i]! < agreement(a - b, labeller);
    return better === a >= b ? 'A' : 'B';
  });
}

/** The probability that the label names the better answer, whose reward is higher by |d|; 1/2 where none is. */
export function agreement(
  d: number,
  { temperature, flips }: Pick<LabellerSettings, 'temperature' | 'flips'>,
): number {
  const size = Math.abs(d);
  if (size === 0) return 0.5;
  const chosen = temperature === 0 ? 1 : 1 / (1 + Math.exp(-size / temperature));
  return flips + (1 - 2 * flips) * chosen;
}

/**
 * The Bayes ceiling: no judge agrees with more of the labels, on average over their luck, than one that always takes the better
 * answer. Ties do not count. 1 - p at temperature 0, where no two rewards are equal.
 */
export function bayesCeiling(pairs: readonly GoldPair[], labeller: LabellerSettings): number {
  const decided = pairs.map(([a, b]) => a - b).filter((d) => !isTie(d, labeller));
  return decided.reduce((sum, d) => sum + agreement(d, labeller), 0) / decided.length;
}

const isTie = (d: number, { threshold }: LabellerSettings) => Math.abs(d) < threshold;
