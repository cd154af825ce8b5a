// The policy of two actions and two parameters, small enough to compute by hand (lecture S0).
//
//   P(R | x) = σ(w x + b)                 P(L | x) = σ(-(w x + b))
//   ∇ ln P(R | x) = P(L | x) (x, 1)       ∇ ln P(L | x) = P(R | x) (-x, -1)       by θ = (w, b)

import { mul, sub } from '../ops/binary.ts';
import { neg, softplus } from '../ops/unary.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface LogisticPolicy {
  readonly w: number;
  readonly b: number;
}

export type Side = 'L' | 'R';

/** P(action | x). */
export function sideProbability({ w, b }: LogisticPolicy, x: number, action: Side): number {
  const z = w * x + b;
  return 1 / (1 + Math.exp(action === 'R' ? -z : z));
}

/** ∇ ln P(action | x) by (w, b). */
export function sideScore(policy: LogisticPolicy, x: number, action: Side): [number, number] {
  const other = sideProbability(policy, x, action === 'R' ? 'L' : 'R');
  const sign = action === 'R' ? 1 : -1;
  return [sign * other * x, sign * other];
}

export interface SideSample {
  readonly x: number;
  readonly action: Side;
  /** What the action returned. */
  readonly q: number;
}

/** The lecture's seven: every step costs 1, and R may be worth it. */
export const LECTURE_SAMPLES: readonly SideSample[] = [
  { x: 0, action: 'R', q: -7 },
  { x: 0.3, action: 'R', q: -6 },
  { x: 1.6, action: 'L', q: -5 },
  { x: 0.2, action: 'R', q: -4 },
  { x: 1.3, action: 'R', q: -3 },
  { x: 2.4, action: 'L', q: -2 },
  { x: 2.1, action: 'R', q: -1 },
];

/** (q - baseline) ∇ ln P(action | x) of each sample; their sum is the gradient estimate. */
export function gradientTerms(
  policy: LogisticPolicy,
  samples: readonly SideSample[],
  baseline: (sample: SideSample, index: number) => number = () => 0,
): [number, number][] {
  return samples.map((sample, i) => {
    const [dw, db] = sideScore(policy, sample.x, sample.action);
    const advantage = sample.q - baseline(sample, i);
    return [advantage * dw, advantage * db];
  });
}

/**
 * ln P(action | x), the same on the device: -softplus(∓z), which loses nothing where a probability is near 0 or 1.
 * @param logits z = w x + b, [...] f32.
 * @param actions [...] f32, 1 for R and 0 for L.
 */
export function logisticLogProb(logits: Tensor, actions: Tensor): Tensor {
  return neg(softplus(mul(logits, sub(1, mul(2, actions)))));
}
