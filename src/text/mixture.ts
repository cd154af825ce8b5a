// Batches from several sources, each with its weight, and weights that change from phase to phase.
//
// A row comes from source i with probability w_i / Σ w, so that the expected loss of a batch, and its gradient, is the
// weighted sum Σ w_i L_i / Σ w of the sources' own. Training in phases A -> B -> C sets the weights for a while each.

import { ConfigError } from '../errors.ts';
import { randomStream } from '../tensor/philox.ts';
import { type BatchOptions, crops, type Windows } from './loader.ts';

const STREAM = 0x6d697874; // 'mixt': the draws of a seed that tell which source a row is from

/** The source of each row of a batch: a function of (seed, step). @throws ConfigError for weights that are not. */
export function drawSources(
  weights: readonly number[],
  { batch, seed, step }: Omit<BatchOptions, 'context'>,
): number[] {
  const total = totalWeight(weights);
  const random = randomStream(seed, STREAM, { step });
  const last = weights.findLastIndex((weight) => weight > 0);
  return Array.from({ length: batch }, () => {
    let rest = random.uniform() * total;
    const drawn = weights.findIndex((weight) => (rest -= weight) < 0);
    return drawn < 0 ? last : drawn; // rounding may leave a trifle of the whole
  });
}

/** Crops at random positions of sources [N_i] that are drawn by weight; with one source the batches of `batch`. */
export function mixedBatch(
  sources: readonly Int32Array[],
  weights: readonly number[],
  options: BatchOptions,
): Windows {
  if (weights.length !== sources.length) {
    throw new ConfigError(
      `mixture: ${weights.length} weights for ${sources.length} sources; expected one each`,
    );
  }
  return crops(
    drawSources(weights, options).map((source) => sources[source]!),
    options,
  );
}

/** A part of a training run: how long it is, relative to the others, and the weights of the sources in it. */
export interface Phase {
  readonly length: number;
  readonly weights: readonly number[];
}

/** The weights at `step` of `steps`: those of its phase; borders lie at the nearest whole step. */
export function phaseWeights(
  phases: readonly Phase[],
  { step, steps }: { readonly step: number; readonly steps: number },
): readonly number[] {
  const total = totalWeight(phases.map(({ length }) => length));
  let before = 0;
  for (const { length, weights } of phases) {
    before += length;
    if (step < Math.round((before / total) * steps)) return weights;
  }
  return phases.at(-1)!.weights;
}

/** The weights that give each source, over a whole run, the share of it that the phases give. */
export function meanWeights(phases: readonly Phase[]): number[] {
  const total = totalWeight(phases.map(({ length }) => length));
  const mean = phases[0]!.weights.map(() => 0);
  for (const { length, weights } of phases) {
    const sum = totalWeight(weights);
    for (const [i, weight] of weights.entries()) mean[i]! += (length / total) * (weight / sum);
  }
  return mean;
}

function totalWeight(weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total > 0 && Number.isFinite(total) && weights.every((weight) => weight >= 0)) return total;
  throw new ConfigError(
    `mixture: weights ${JSON.stringify(weights)}; expected numbers of at least 0, one of them above`,
  );
}
