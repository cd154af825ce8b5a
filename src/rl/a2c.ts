// Advantage actor-critic (Mnih et al. 2016, synchronous): one step on each rollout, by one of four estimates of the advantage.
//
//   L = -mean[Â log π(a)] + c_v mean[½ (V - R̂)²] - c_H mean[H(π)]
//
//   mc      Â = Σ γ^l r_{t+l} - V(s_t), with V at the rollout's end      λ = 1
//   td      Â = r + γ V(s') - V(s)                                      λ = 0
//   kStep   Â = Σ_{l<k} γ^l δ_{t+l}
//   gae     Â = Σ (γλ)^l δ_{t+l}

import { type Checks, nonNegative, oneOf, positiveInteger } from '../io/config.ts';
import { add, maximum, mul, sub } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { mean } from '../ops/reduce.ts';
import { pad } from '../ops/shape_ops.ts';
import { neg, square } from '../ops/unary.ts';
import { slice } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Copies } from './copies.ts';
import { type ActorCritic, judge } from './networks.ts';
import {
  collectorOf,
  type Losses,
  ON_POLICY_CHECKS,
  OnPolicy,
  type OnPolicySettings,
} from './on_policy.ts';
import { type AdvantageEstimator, gaeEstimator, type Rollout } from './rollout.ts';

export interface A2cSettings extends Omit<OnPolicySettings, 'epochs' | 'minibatches' | 'targetKl'> {
  readonly target: 'mc' | 'td' | 'kStep' | 'gae';
  /** k of kStep. */
  readonly k: number;
  readonly valueCoef: number;
  readonly entropyCoef: number;
}

/** Stable-Baselines3's, whose value loss has no ½; and Adam, where that has RMSprop. */
export const A2C_DEFAULTS: A2cSettings = {
  copies: 8,
  environments: 'auto',
  rolloutSteps: 5,
  target: 'mc',
  k: 5,
  learningRate: 7e-4,
  schedule: 'linear',
  gamma: 0.99,
  lambda: 0.95,
  valueCoef: 1,
  entropyCoef: 0,
  maxGradNorm: 0.5,
  normaliseAdvantages: false,
  normaliseObservations: false,
  normaliseRewards: false,
  truncationIsEnd: false,
  hidden: [64, 64],
  logStd: 0,
  noiseSteps: null,
};

const { epochs, minibatches, targetKl, ...SHARED_CHECKS } = ON_POLICY_CHECKS;

export const A2C_CHECKS: Checks<A2cSettings> = {
  ...SHARED_CHECKS,
  target: oneOf('mc', 'td', 'kStep', 'gae'),
  k: positiveInteger,
  valueCoef: nonNegative,
  entropyCoef: nonNegative,
};

export function a2c(
  device: Device,
  model: ActorCritic,
  environments: Copies,
  settings: A2cSettings & { readonly seed: number },
): OnPolicy {
  const once = { ...settings, epochs: 1, minibatches: 1, targetKl: null };
  const loss = (samples: Rollout) => a2cLoss(model, samples, settings);
  const collector = collectorOf(device, model, environments, once, estimatorOf(settings));
  return new OnPolicy(device, model, collector, once, loss);
}

export function a2cLoss(
  model: ActorCritic,
  { observations, actions, actionMask, advantages, returns }: Rollout,
  { valueCoef, entropyCoef }: Pick<A2cSettings, 'valueCoef' | 'entropyCoef'>,
): Losses {
  const judged = judge(model, observations, actionMask ?? undefined);
  const policy = judged.policy.evaluate(actions);
  const policyLoss = neg(mean(mul(advantages, policy.logProb)));
  const valueLoss = mul(mean(square(sub(judged.values, returns))), 0.5);
  const entropy = mean(policy.entropy);
  const loss = sub(add(policyLoss, mul(valueLoss, valueCoef)), mul(entropy, entropyCoef));
  return { loss, policyLoss, valueLoss, entropy };
}

function estimatorOf({ target, k, gamma, lambda }: A2cSettings): AdvantageEstimator {
  if (target === 'kStep') return kStepEstimator({ gamma, k });
  return gaeEstimator({ gamma, lambda: { mc: 1, td: 0, gae: lambda }[target] });
}

/**
 * Â^(k)_t = Σ_{l<k} γ^l δ_{t+l}, by Â^(k)_t = δ_t + γ Â^(k-1)_{t+1}, where nothing is carried over the end of an episode and
 * nothing comes after the rollout: V of the last state stands for it.
 */
export function kStepEstimator({
  gamma,
  k,
}: {
  readonly gamma: number;
  readonly k: number;
}): AdvantageEstimator {
  return ({ rewards, values, nextValues, terminated, truncated }) => {
    const [T, N] = rewards.shape as [number, number];
    const goesOn = sub(1, terminated);
    const carried = mul(sub(1, maximum(terminated, truncated)), gamma);
    const delta = sub(add(rewards, mul(mul(nextValues, goesOn), gamma)), values);
    const following = (x: Tensor) =>
      T === 1
        ? mul(x, 0)
        : pad(slice(x, { start: [1, 0], end: [T, N] }), { before: [0, 0], after: [1, 0] });
    let advantages = delta;
    for (let l = 1; l < Math.min(k, T); l++)
      advantages = add(delta, mul(carried, following(advantages)));
    return { advantages, returns: add(advantages, values) };
  };
}
