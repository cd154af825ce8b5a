// How far a policy has moved from its reference, token by token, and the coefficient that holds it back.
//
//   ℓ = log π(a) - log π_ref(a),  a ~ π:   k1 = ℓ      k2 = ℓ² / 2      k3 = e^-ℓ - 1 + ℓ        (Schulman 2020)
//   E k1 = E k3 = KL(π ‖ π_ref); k3 is never below 0; k2 has little variance, and is biased.

import { add, mul, sub } from '../ops/binary.ts';
import { exp, neg, square } from '../ops/unary.ts';
import type { Tensor } from '../tensor/tensor.ts';

export const KL_ESTIMATORS = ['k1', 'k2', 'k3'] as const;
export type KlEstimator = (typeof KL_ESTIMATORS)[number];

/** Of each token; all of one shape. */
export function klEstimate(
  estimator: KlEstimator,
  logProbs: Tensor,
  referenceLogProbs: Tensor,
): Tensor {
  const ratio = sub(logProbs, referenceLogProbs);
  if (estimator === 'k1') return ratio;
  if (estimator === 'k2') return mul(square(ratio), 0.5);
  return add(sub(exp(neg(ratio)), 1), ratio);
}

export interface AdaptiveKlOptions {
  /** KL of a whole answer that the coefficient leads to, in nats. */
  readonly target: number;
  /** Answers after which an error of 100 % has doubled it; default 10,000 (Ziegler et al. 2019). */
  readonly horizon?: number;
}

/**
 * β for the next answers: β ← β (1 + e n / horizon), e = KL / target - 1, cut off at ± 0.2 (Ziegler et al. 2019).
 * @param kl the mean over n answers of their tokens' sum.
 */
export function adaptedBeta(
  beta: number,
  kl: number,
  n: number,
  { target, horizon = 10_000 }: AdaptiveKlOptions,
): number {
  const error = Math.min(0.2, Math.max(-0.2, kl / target - 1));
  return beta * (1 + (error * n) / horizon);
}
