// What a grid of trained models says: the law by two methods, how certain it is, and whether it holds beyond the grid.

import {
  type Bootstrap,
  bootstrap,
  fitByVariableProjection,
  fitChinchilla,
  type Interval,
  interval,
  predictionInterval,
} from './scaling_fit.ts';
import { type Observation, predictLoss, type ScalingLaw } from './scaling_law.ts';

/** The exponent a of the compute-optimal size, N* ∝ C^a. */
export const sizeExponent = ({ alpha, beta }: ScalingLaw) => beta / (alpha + beta);

export interface ScalingAnalysis {
  /** By Huber's loss on ln L. */
  readonly law: ScalingLaw;
  readonly variableProjection: ScalingLaw;
  /** 95 % of the bootstrap. */
  readonly intervals: {
    readonly [K in keyof ScalingLaw | 'sizeExponent']: Interval;
  };
  /** The model that the fit has not seen. */
  readonly heldOut: {
    readonly loss: number;
    readonly predicted: number;
    /** Where 95 % of such runs are expected. */
    readonly interval: Interval;
    readonly inside: boolean;
  };
}

export function analyse(
  observations: readonly Observation[],
  heldOut: Observation,
  { replicates, seed }: { replicates: number; seed: number },
): ScalingAnalysis {
  const law = fitChinchilla(observations);
  const resampled = bootstrap(observations, law, { replicates, seed });
  return {
    law,
    variableProjection: fitByVariableProjection(observations),
    intervals: intervalsOf(resampled),
    heldOut: judge(law, resampled, heldOut),
  };
}

/** How much larger the exponents of a law are than those of another. */
export interface ExponentDifferences {
  readonly alpha: Interval;
  readonly beta: Interval;
}

/** Where 95 % of the bootstrap has them, for two grids of equal cells: each time the same cells are drawn from both. */
export function exponentDifferences(
  observations: readonly Observation[],
  others: readonly Observation[],
  options: { replicates: number; seed: number },
): ExponentDifferences {
  const lawsOf = (some: readonly Observation[]) =>
    bootstrap(some, fitChinchilla(some), options).laws;
  const own = lawsOf(observations);
  const pairs = lawsOf(others).map((other, i) => ({ law: own[i]!, other }));
  return {
    alpha: interval(pairs, ({ law, other }) => law.alpha - other.alpha),
    beta: interval(pairs, ({ law, other }) => law.beta - other.beta),
  };
}

/** An interval for a person. */
export const between = ([low, high]: Interval): string =>
  `[${low.toPrecision(4)}, ${high.toPrecision(4)}]`;

/** Whether there is a value that all intervals hold. */
export const overlap = (intervals: readonly Interval[]): boolean =>
  Math.max(...intervals.map(([low]) => low)) <= Math.min(...intervals.map(([, high]) => high));

function intervalsOf({ laws }: Bootstrap): ScalingAnalysis['intervals'] {
  return {
    E: interval(laws, ({ E }) => E),
    A: interval(laws, ({ A }) => A),
    B: interval(laws, ({ B }) => B),
    alpha: interval(laws, ({ alpha }) => alpha),
    beta: interval(laws, ({ beta }) => beta),
    sizeExponent: interval(laws, sizeExponent),
  };
}

function judge(law: ScalingLaw, resampled: Bootstrap, heldOut: Observation) {
  const [low, high] = predictionInterval(resampled, heldOut);
  return {
    loss: heldOut.loss,
    predicted: predictLoss(law, heldOut),
    interval: [low, high] as const,
    inside: heldOut.loss >= low && heldOut.loss <= high,
  };
}
