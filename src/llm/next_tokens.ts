// What sampling leaves of a model's expectation, on the CPU: to be shown.

import { checkSampling, type SamplingOptions } from '../ops/sampling_options.ts';

/** One token of a distribution. */
export interface Candidate {
  readonly id: number;
  /** Under softmax(logits / temperature), before any cut. */
  readonly probability: number;
  /** What is left after the cuts, and scaled up to sum to 1; 0 for a token that was cut. */
  readonly drawn: number;
}

/**
 * All tokens, the likeliest first, among equals the lowest ids, as `sampleInto` would draw them: the same cuts, on the CPU.
 * At temperature 0 only the first can be drawn, and probabilities are those of temperature 1.
 */
export function nextTokens(
  logits: ArrayLike<number>,
  options: Pick<SamplingOptions, 'temperature' | 'topK' | 'topP' | 'minP'> = {},
): Candidate[] {
  const V = logits.length;
  const { temperature, topK, topP, minP } = checkSampling(options, V);
  const order = Array.from({ length: V }, (_, id) => id);
  order.sort((a, b) => logits[b]! - logits[a]! || a - b);
  const top = logits[order[0]!]!;
  const weights = order.map((id) => Math.exp((logits[id]! - top) / (temperature || 1)));
  const sum = (some: readonly number[]) => some.reduce((total, weight) => total + weight, 0);
  let kept = temperature === 0 ? 1 : topK;
  if (topP < 1) kept = headOf(weights.slice(0, kept), topP * sum(weights.slice(0, kept)));
  while (weights[kept - 1]! < minP) kept--;
  const [all, left] = [sum(weights), sum(weights.slice(0, kept))];
  return order.map((id, i) => ({
    id,
    probability: weights[i]! / all,
    drawn: i < kept ? weights[i]! / left : 0,
  }));
}

/** How many of the weights, from the first on, hold so much. */
function headOf(weights: readonly number[], share: number): number {
  let held = 0;
  const last = weights.findIndex((weight) => (held += weight) >= share);
  return last < 0 ? weights.length : last + 1;
}
