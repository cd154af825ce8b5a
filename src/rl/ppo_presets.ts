// PPO's settings as others published them, and our own for speed.

import type { PresetsOf } from './algorithms.ts';
import type { PpoSettings } from './ppo.ts';

/** Stable-Baselines3's value loss has no ½: its coefficient 0.5 is 1 here. */
const SB3 = {
  valueClip: null,
  valueCoef: 1,
  entropyCoef: 0,
  schedule: 'constant',
  learningRate: 3e-4,
} as const;

/** RL-Zoo's tuned settings for CartPole, but for the clip range, which stays. */
const CART_POLE = {
  ...SB3,
  copies: 8,
  rolloutSteps: 32,
  minibatches: 1,
  epochs: 20,
  gamma: 0.98,
  lambda: 0.8,
  learningRate: 1e-3,
  schedule: 'linear',
} as const;

/** RL-Zoo's, with half its steps. */
const ACROBOT = {
  ...SB3,
  copies: 16,
  rolloutSteps: 256,
  minibatches: 64,
  epochs: 4,
  lambda: 0.94,
  normaliseObservations: true,
  normaliseRewards: true,
  steps: 500_000,
} as const;

/** RL-Zoo's. */
const PENDULUM = {
  ...SB3,
  copies: 4,
  rolloutSteps: 1024,
  minibatches: 64,
  epochs: 10,
  gamma: 0.9,
  learningRate: 1e-3,
  noiseSteps: 4,
  steps: 100_000,
} as const;

/**
 * Our own: one noise function of the state for a whole rollout, so that pushes swing the car up; half-hearted ones cost, and
 * with 32 steps one of three seeds learned to stand still.
 */
const MOUNTAIN_CAR_CONTINUOUS = {
  ...SB3,
  copies: 8,
  rolloutSteps: 128,
  minibatches: 8,
  epochs: 10,
  gamma: 0.999,
  learningRate: 1e-3,
  normaliseObservations: true,
  normaliseRewards: true,
  noiseSteps: 128,
  logStd: -1,
  steps: 50_000,
} as const;

export const PPO_PRESETS: Readonly<Record<'fast' | 'cleanrl' | 'zoo', PresetsOf<PpoSettings>>> = {
  /** Fewest environment steps. */
  fast: {
    /** Long rollouts: with the zoo's 16 steps the policy is sure of itself before it is good (-130 after 400,000 steps). */
    'MountainCar-v0': {
      ...SB3,
      copies: 16,
      rolloutSteps: 256,
      minibatches: 16,
      epochs: 10,
      gamma: 0.995,
      lambda: 0.98,
      learningRate: 1e-3,
      schedule: 'linear',
      normaliseObservations: true,
      normaliseRewards: true,
      steps: 400_000,
    },
    'Acrobot-v1': ACROBOT,
    'Pendulum-v1': PENDULUM,
    'MountainCarContinuous-v0': MOUNTAIN_CAR_CONTINUOUS,
    any: { ...CART_POLE, steps: 100_000 },
    'Breakout10x10-v0': {
      copies: 64,
      rolloutSteps: 32,
      minibatches: 8,
      epochs: 4,
      learningRate: 1e-3,
      schedule: 'linear',
      entropyCoef: 0.01,
      hidden: [128],
      steps: 200_000,
    },
  },
  /** ppo.py and ppo_continuous_action.py. */
  cleanrl: {
    any: { valueClip: 0.2, steps: 500_000 },
    continuous: {
      copies: 1,
      rolloutSteps: 2048,
      minibatches: 32,
      epochs: 10,
      learningRate: 3e-4,
      valueClip: 0.2,
      entropyCoef: 0,
      normaliseObservations: true,
      normaliseRewards: true,
      steps: 1_000_000,
    },
  },
  /** RL-Zoo's hyperparams/ppo.yml, where not said otherwise. */
  zoo: {
    'CartPole-v1': { ...CART_POLE, steps: 100_000 },
    'Acrobot-v1': ACROBOT,
    'MountainCar-v0': {
      ...SB3,
      copies: 16,
      rolloutSteps: 16,
      minibatches: 4,
      epochs: 4,
      lambda: 0.98,
      normaliseObservations: true,
      normaliseRewards: true,
      steps: 1_000_000,
    },
    'Pendulum-v1': PENDULUM,
    'MountainCarContinuous-v0': MOUNTAIN_CAR_CONTINUOUS,
    any: { ...SB3, copies: 1, rolloutSteps: 2048, minibatches: 32, epochs: 10, steps: 1_000_000 },
  },
};
