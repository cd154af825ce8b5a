// Proximal policy optimisation (Schulman et al. 2017): several epochs on each rollout, with the ratio of the policies clipped.
//
//   L = mean[-min(r Â, clip(r, 1 ± ε) Â)] + c_v mean[½ (V - R̂)²] - c_H mean[H(π)]        r = π(a | s) / π_old(a | s)

import { type Checks, nonNegative, nullOr, positive } from '../io/config.ts';
import type { Device } from '../ops/device.ts';
import { type PpoLoss, ppoLoss, ppoLossFromLogProbs } from '../ops/ppo.ts';
import type { Copies } from './copies.ts';
import type { Categorical } from './distributions.ts';
import { type ActorCritic, judge } from './networks.ts';
import { collectorOf, ON_POLICY_CHECKS, OnPolicy, type OnPolicySettings } from './on_policy.ts';
import type { Rollout } from './rollout.ts';

export interface PpoSettings extends OnPolicySettings {
  /** ε. */
  readonly clip: number;
  /** How far a value moves from its old one; null: as far as it likes. */
  readonly valueClip: number | null;
  readonly valueCoef: number;
  readonly entropyCoef: number;
}

/** CleanRL's ppo.py for classic control, except that values are not clipped. */
export const PPO_DEFAULTS: PpoSettings = {
  copies: 4,
  environments: 'auto',
  rolloutSteps: 128,
  epochs: 4,
  minibatches: 4,
  learningRate: 2.5e-4,
  schedule: 'linear',
  gamma: 0.99,
  lambda: 0.95,
  clip: 0.2,
  valueClip: null,
  valueCoef: 0.5,
  entropyCoef: 0.01,
  maxGradNorm: 0.5,
  targetKl: null,
  normaliseAdvantages: true,
  normaliseObservations: false,
  normaliseRewards: false,
  truncationIsEnd: false,
  hidden: [64, 64],
  logStd: 0,
  noiseSteps: null,
};

export const PPO_CHECKS: Checks<PpoSettings> = {
  ...ON_POLICY_CHECKS,
  clip: positive,
  valueClip: nullOr(positive),
  valueCoef: nonNegative,
  entropyCoef: nonNegative,
};

/** @throws ConfigError where the minibatches do not divide a rollout */
export function ppo(
  device: Device,
  model: ActorCritic,
  environments: Copies,
  settings: PpoSettings & { readonly seed: number },
): OnPolicy {
  const collector = collectorOf(device, model, environments, settings);
  return new OnPolicy(device, model, collector, settings, (samples) => ({
    ...ppoLossOf(model, samples, settings),
  }));
}

/** PPO's loss of a model on samples, in the fused form where the actions are discrete. */
export function ppoLossOf(
  model: ActorCritic,
  { observations, actions, actionMask, logProbs, values, advantages, returns }: Rollout,
  {
    clip,
    valueClip,
    valueCoef,
    entropyCoef,
  }: Pick<PpoSettings, 'clip' | 'valueClip' | 'valueCoef' | 'entropyCoef'>,
): PpoLoss {
  const options = { clip, valueClip, valueCoef, entropyCoef };
  const targets = { oldLogProbs: logProbs, advantages, returns, oldValues: values };
  const { policy, values: newValues } = judge(model, observations, actionMask ?? undefined);
  if ('logits' in policy) {
    const { logits } = policy as Categorical;
    const samples = { ...targets, actions, actionMask: actionMask ?? undefined };
    return ppoLoss(logits, newValues, samples, options);
  }
  const { logProb, entropy } = policy.evaluate(actions);
  return ppoLossFromLogProbs(logProb, entropy, newValues, targets, options);
}
