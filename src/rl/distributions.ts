// What a policy says of the actions in a state.

import { add, mul, notEqual, sub } from '../ops/binary.ts';
import { full } from '../ops/copy.ts';
import { matmul } from '../ops/matmul.ts';
import { gaussianNoise } from '../ops/noise.ts';
import { policyHead } from '../ops/policy_head.ts';
import { sum } from '../ops/reduce.ts';
import { sampleAction } from '../ops/sample_action.ts';
import { where } from '../ops/select.ts';
import { argmax } from '../ops/top_k.ts';
import { exp, log, neg, square } from '../ops/unary.ts';
import { expand, reshape } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Of B states. Discrete actions are [B] i32, continuous ones [B, A] f32. */
export interface Distribution {
  /** One action each; the draws follow from `Device.beginStep`. No gradient flows through a discrete one. */
  sample(): Tensor;
  /** The likeliest action each. */
  mode(): Tensor;
  /** log π(action) and the entropy H(π), both [B]; differentiable. */
  evaluate(actions: Tensor): { readonly logProb: Tensor; readonly entropy: Tensor };
}

export interface Categorical extends Distribution {
  readonly kind: 'categorical';
  readonly logits: Tensor;
  readonly actionMask: Tensor | undefined;
}

export interface Gaussian extends Distribution {
  readonly kind: 'gaussian';
  readonly mean: Tensor;
  readonly logStd: Tensor;
}

const LOWEST = -3.4028234663852886e38;
const LEAST_VARIANCE = 1e-6; // as Stable-Baselines3

/**
 * π = softmax(logits) over the allowed actions.
 * @param logits [B, A] f32
 * @param actionMask [B, A], nonzero where the action is allowed; default all are
 */
export function categorical(logits: Tensor, actionMask?: Tensor): Categorical {
  const masked = actionMask && { actionMask };
  return {
    kind: 'categorical',
    logits,
    actionMask,
    sample: () => sampleAction(logits, masked),
    mode: () => argmax(allowedLogits({ logits, actionMask })),
    evaluate: (actions) => policyHead(logits, actions, masked),
  };
}

/** The logits, as low as can be where the action is not allowed: softmax of them is π. */
export function allowedLogits({
  logits,
  actionMask,
}: Pick<Categorical, 'logits' | 'actionMask'>): Tensor {
  return actionMask ? where(notEqual(actionMask, 0), logits, LOWEST) : logits;
}

/**
 * Independent normals: N(mean, e^(2 logStd)).
 *
 *   log π(a) = Σ -½ ((a - mean) / σ)² - log σ - ½ log 2π        H = Σ ½ + ½ log 2π + log σ
 *
 * @param mean [B, A] f32
 * @param logStd [A] or [B, A] f32
 */
export function gaussian(mean: Tensor, logStd: Tensor): Gaussian {
  const spread = logStd.rank === mean.rank ? logStd : expand(logStd, mean.shape);
  const half = 0.5 * Math.log(2 * Math.PI);
  return {
    kind: 'gaussian',
    mean,
    logStd,
    sample() {
      const noise = gaussianNoise(full(mean.runtime, mean.shape, 0, 'f32'), { std: 1 });
      return add(mean, mul(exp(spread), noise));
    },
    mode: () => mean,
    evaluate(actions) {
      const z = mul(sub(actions, mean), exp(neg(spread)));
      const terms = sub(mul(square(z), -0.5), add(spread, half));
      return {
        logProb: sum(terms, { axis: 1 }),
        entropy: sum(add(spread, 0.5 + half), { axis: 1 }),
      };
    },
  };
}

/**
 * Normals whose noise is a function of the state (Raffin et al. 2021): as long as the draw is the same, like states get like
 * noise, and an action that goes on is a push and not a tremble.
 *
 *   a = mean + φ(s) W        W [F, A] ~ N(0, e^(2 logStd))        so σ²(s) = φ²(s) e^(2 logStd)
 *
 * @param mean [B, A] f32
 * @param features φ, [B, F]; no gradient flows to them
 * @param logStd [F, A] f32
 */
export function exploringGaussian(mean: Tensor, features: Tensor, logStd: Tensor): Gaussian {
  const phi = features.detach();
  const variance = matmul(square(phi), exp(mul(logStd, 2)));
  const normal = gaussian(mean, mul(log(add(variance, LEAST_VARIANCE)), 0.5));
  return {
    ...normal,
    sample() {
      const [B, F] = phi.shape as [number, number];
      const weights = [B, ...logStd.shape];
      const noise = gaussianNoise(full(mean.runtime, weights, 0, 'f32'), { std: 1 });
      const pushes = mul(reshape(phi, [B, F, 1]), mul(exp(logStd), noise));
      return add(mean, sum(pushes, { axis: 1 }));
    },
  };
}
