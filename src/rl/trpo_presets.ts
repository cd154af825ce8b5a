// TRPO's settings as others published them; each goes for the natural policy gradient too.

import type { PresetsOf } from './algorithms.ts';
import type { TrpoSettings } from './trpo.ts';

/** RL-Zoo's for CartPole. */
const CART_POLE = {
  copies: 2,
  rolloutSteps: 512,
  minibatches: 2,
  damping: 1e-3,
  lambda: 0.98,
  valueEpochs: 20,
  learningRate: 1e-3,
} as const;

type Name = 'fast' | 'sb3' | 'spinningup' | 'zoo';

export const TRPO_PRESETS: Readonly<Record<Name, PresetsOf<TrpoSettings>>> = {
  /** RL-Zoo's for CartPole, the same samples from four times the copies: fewer steps of each wait for their actions. */
  fast: { any: { ...CART_POLE, copies: 8, rolloutSteps: 128, steps: 100_000 } },
  /** Stable-Baselines3-contrib's defaults, which are ours. */
  sb3: { any: { steps: 1_000_000 } },
  /** Spinning Up: the value function takes 80 steps on the whole of each rollout. */
  spinningup: {
    any: {
      rolloutSteps: 4000,
      solverIterations: 10,
      valueEpochs: 80,
      minibatches: 1,
      lambda: 0.97,
      steps: 200_000,
    },
  },
  /** RL-Zoo's hyperparams/trpo.yml. */
  zoo: { 'CartPole-v1': { ...CART_POLE, steps: 100_000 } },
};
