// SAC's settings as others published them, and our own for speed.

import type { PresetsOf } from './algorithms.ts';
import type { SacSettings } from './sac.ts';

/** RL-Zoo's rates for Pendulum. */
const PENDULUM = { learningRate: 1e-3, criticLearningRate: 1e-3, steps: 20_000 } as const;

export const SAC_PRESETS: Readonly<
  Record<'fast' | 'zoo' | 'cleanrl' | 'sb3', PresetsOf<SacSettings>>
> = {
  /** Networks a quarter as wide: an update is a sixth of the work. */
  fast: { any: { ...PENDULUM, hidden: [64, 64] } },
  /** RL-Zoo's hyperparams/sac.yml. */
  zoo: { 'Pendulum-v1': PENDULUM },
  /** sac_continuous_action.py, but for its policy's delay. */
  cleanrl: { any: { learningStarts: 5000, criticLearningRate: 1e-3, steps: 1_000_000 } },
  /** Stable-Baselines3's defaults, which are ours. */
  sb3: { any: { steps: 1_000_000 } },
};
