// The policy gradient (Williams 1992; Sutton et al. 2000): its loss, and what each action is weighted with.
//
//   ∇J ≈ 1/N Σ_i Σ_t A_t ∇ log π(a_t | s_t)        A_t = R_t - b_t, over N episodes i
//
// R_t is the episode's whole return, or what of it was still to come at t; b_t is a baseline, which must not depend on a_t.

import { ConfigError, ShapeError } from '../errors.ts';
import { mul } from '../ops/binary.ts';
import { sum } from '../ops/reduce.ts';
import { neg } from '../ops/unary.ts';
import { format, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { discountedReturns } from './returns.ts';

/** What R_t is: Σ_k γ^k r_k over the whole episode, or Σ_{k≥t} γ^(k-t) r_k: an action cannot change rewards before it. */
export type Estimator = 'full' | 'reward-to-go';

/**
 * What b_t is.
 * - 'none': 0
 * - 'ema': a moving average of the returns of earlier episodes
 * - 'mean': the mean of R_t over the batch, an episode counting as one. It holds R_t itself: the gradient shrinks by 1 - 1/N
 * - 'timestep': the mean of R_t over the episodes of the batch that reach step t, likewise
 * - 'rloo': the mean over the other episodes (leave one out), without that shrinkage
 * - 'value': an estimate v(s_t) of the value
 */
export type Baseline = 'none' | 'ema' | 'mean' | 'timestep' | 'rloo' | 'value';

export const ESTIMATORS: readonly Estimator[] = ['full', 'reward-to-go'];
export const BASELINES: readonly Baseline[] = ['none', 'ema', 'mean', 'timestep', 'rloo', 'value'];

export interface AdvantageOptions {
  /** Default 'reward-to-go'. */
  readonly estimator?: Estimator;
  /** Default 'none'. */
  readonly baseline?: Baseline;
  /** Discount γ. Default 1. */
  readonly gamma?: number;
  /** Of 'ema': the average so far. Default 0. */
  readonly average?: number;
  /** Of 'value': v(s_t), as `rewards`. */
  readonly values?: readonly ArrayLike<number>[];
}

/**
 * A_t of every step of a batch of episodes, in float64.
 * @param rewards one list per episode; each is a whole episode.
 * @throws ConfigError for 'rloo' with a single episode, and for 'value' without a value for each step.
 */
export function advantages(
  rewards: readonly ArrayLike<number>[],
  {
    estimator = 'reward-to-go',
    baseline = 'none',
    gamma = 1,
    average = 0,
    values = [],
  }: AdvantageOptions = {},
): Float64Array[] {
  const returns = rewards.map((episode) => {
    const toGo = discountedReturns({ rewards: episode }, gamma);
    return estimator === 'full' ? toGo.fill(toGo[0] ?? 0) : toGo;
  });
  const baselineOf = baselines(baseline, returns, { average, values });
  return returns.map((episode, i) => episode.map((R, t) => R - baselineOf(i, t)));
}

/** b_t of episode i. */
function baselines(
  baseline: Baseline,
  returns: readonly Float64Array[],
  { average, values }: { average: number; values: readonly ArrayLike<number>[] },
): (i: number, t: number) => number {
  switch (baseline) {
    case 'none':
      return () => 0;
    case 'ema':
      return () => average;
    case 'mean': {
      const mean = meanOf(returns.map(meanOf));
      return () => mean;
    }
    case 'timestep': {
      const longest = Math.max(0, ...returns.map(({ length }) => length));
      const means = Array.from({ length: longest }, (_, t) =>
        meanOf(returns.filter(({ length }) => length > t).map((episode) => episode[t]!)),
      );
      return (_, t) => means[t]!;
    }
    case 'rloo': {
      if (returns.length < 2)
        throw new ConfigError("advantages: the baseline 'rloo' needs at least 2 episodes");
      const means = returns.map(meanOf);
      const others = means.map((own) => (sumOf(means) - own) / (means.length - 1));
      return (i) => others[i]!;
    }
    case 'value':
      for (const [i, { length }] of returns.entries()) {
        const found = values[i]?.length ?? 0;
        if (found === length) continue;
        throw new ConfigError(
          `advantages: episode ${i} has ${length} steps and ${found} values; the baseline 'value' needs one for each`,
        );
      }
      return (i, t) => values[i]![t]!;
  }
}

function meanOf(values: ArrayLike<number>): number {
  return sumOf(values) / values.length;
}

function sumOf(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

/** ρ̂ ← β ρ̂ + (1 - β) G, from ρ̂ = 0. */
export class MovingAverage {
  #average = 0;
  #count = 0;
  readonly #beta: number;
  readonly #debias: boolean;

  /**
   * @param debias divide by 1 - β^n after n returns, as Adam does: the first returns are not averaged with the zero that ρ̂
   *   starts from. Default false, as the lecture has it.
   * @throws ConfigError unless 0 <= beta < 1
   */
  constructor(beta: number, { debias = false }: { debias?: boolean } = {}) {
    if (!(beta >= 0 && beta < 1))
      throw new ConfigError(`MovingAverage: beta is ${beta}, expected 0 to below 1`);
    this.#beta = beta;
    this.#debias = debias;
  }

  /** 0 before the first return. */
  get value(): number {
    if (this.#count === 0 || !this.#debias) return this.#average;
    return this.#average / (1 - this.#beta ** this.#count);
  }

  add(value: number): void {
    this.#average = this.#beta * this.#average + (1 - this.#beta) * value;
    this.#count++;
  }

  /** For a checkpoint. */
  get state(): { average: number; count: number } {
    return { average: this.#average, count: this.#count };
  }

  set state({ average, count }: { average: number; count: number }) {
    this.#average = average;
    this.#count = count;
  }
}

/**
 * -Σ A_t log π(a_t | s_t), whose gradient is minus that of the return. Its value means nothing: watch the return.
 * With the weight 1 on the tokens of a text it is the loss of supervised learning.
 * @param logProb log π(a_t | s_t) of any policy.
 * @param weights of the same shape: A_t, divided by the number of episodes for the mean over them. No gradient flows to it.
 * @throws ShapeError when the shapes differ
 */
export function pgLoss(logProb: Tensor, weights: Tensor): Tensor {
  if (!sameShape(logProb.shape, weights.shape)) {
    throw new ShapeError(
      `pgLoss: logProb is ${format(logProb.shape)} and weights ${format(weights.shape)}; expected one weight for each`,
    );
  }
  return neg(sum(mul(logProb, weights.detach())));
}
