// Settings of REINFORCE, by preset and environment.

import type { PresetsOf } from './algorithms.ts';
import type { ReinforceSettings } from './reinforce_learner.ts';

/** A table of logits and one of values; batches large enough that a goal which one episode in 70 meets is met in each. */
const TABLE = {
  estimator: 'reward-to-go',
  baseline: 'value',
  hidden: [],
  copies: 256,
  batchSteps: 1,
  learningRate: 0.1,
  valueRate: 0.05,
  valueSteps: 20,
} as const;

export const REINFORCE_PRESETS: Readonly<Record<string, PresetsOf<ReinforceSettings>>> = {
  /** simple_pg: 50 batches. */
  spinningUp: { any: { steps: 250_000 } },
  /** Reward-to-go with a learned baseline, in small batches. */
  fast: {
    any: {
      estimator: 'reward-to-go',
      baseline: 'value',
      copies: 8,
      batchSteps: 1,
      learningRate: 0.03,
      valueRate: 0.05,
      valueSteps: 20,
      steps: 100_000,
    },
    'FrozenLake-v1': { ...TABLE, steps: 700_000 },
  },
};
