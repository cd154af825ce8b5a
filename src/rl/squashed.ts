// A Gaussian policy squashed by tanh into the bounds of its actions.

import { ConfigError } from '../errors.ts';
import { add, div, mul, sub } from '../ops/binary.ts';
import { full } from '../ops/copy.ts';
import { gaussianNoise } from '../ops/noise.ts';
import { sum } from '../ops/reduce.ts';
import { split } from '../ops/shape_ops.ts';
import { squashedGaussian } from '../ops/squashed_gaussian.ts';
import { clamp, log, neg, square, tanh } from '../ops/unary.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Distribution, gaussian } from './distributions.ts';
import { type Box, describeSpace, type Space } from './environment.ts';

/** Bounds as a centre and a half-width of each number, on the device. */
export interface Bounds {
  /** Both [A]. */
  readonly centre: Tensor;
  readonly scale: Tensor;
}

/** @throws ConfigError unless the actions are numbers between finite bounds */
export function expectBounded(space: Space): Box {
  if (space.kind === 'box' && [...space.low, ...space.high].every(Number.isFinite)) return space;
  throw new ConfigError(
    `a squashed policy needs continuous actions with finite bounds, the environment has ${describeSpace(space)}`,
  );
}

/** log σ of the squashed op lies in this range too. */
const [LEAST_LOG_STD, MOST_LOG_STD] = [-20, 2];
/** Actions at the bounds themselves have no density. */
const EDGE = 1 - 1e-6;

/**
 * action = centre + scale tanh(u), u normal:
 *
 *   log π(action) = log N(u) - Σ log(1 - tanh² u) - Σ log scale
 *
 * The entropy has no closed form: `evaluate` gives -log π(action), which is right on average over the policy's own actions.
 * @param head [B, 2 A]: of each row A means of u, then A log σ.
 */
export function squashed(head: Tensor, { centre, scale }: Bounds): Distribution {
  const [B, A] = [head.shape[0]!, centre.size];
  const scaled = (unit: Tensor) => add(mul(unit, scale), centre);
  return {
    sample() {
      const noise = gaussianNoise(full(head.runtime, [B, A], 0, 'f32'), { std: 1 });
      return scaled(squashedGaussian(head, noise).action);
    },
    mode: () => scaled(tanh(split(head, [A, A], { axis: 1 })[0]!)),
    evaluate(actions) {
      const [mean, logStd] = split(head, [A, A], { axis: 1 }) as [Tensor, Tensor];
      const unit = clamp(div(sub(actions, centre), scale), { min: -EDGE, max: EDGE });
      const u = mul(sub(log(add(unit, 1)), log(sub(1, unit))), 0.5); // atanh
      const bounded = clamp(logStd, { min: LEAST_LOG_STD, max: MOST_LOG_STD });
      const slopes = add(log(sub(1, square(unit))), log(scale));
      const logProb = sub(gaussian(mean, bounded).evaluate(u).logProb, sum(slopes, { axis: 1 }));
      return { logProb, entropy: neg(logProb) };
    },
  };
}
