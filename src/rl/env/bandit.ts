// A bandit: one state, k arms, an episode is one pull. The testbed of Sutton & Barto (2018), part 2.3.
//
//   q(a) ~ N(0, 1), drawn once from the seed      r ~ N(q(a), 1)

import { ConfigError } from '../../errors.ts';
import { discrete } from '../environment.ts';
import { RandomSequence } from '../random.ts';
import type { Dynamics } from '../simulate.ts';

export interface Bandit extends Dynamics<number, number, number> {
  /** Mean reward of each arm; the greatest is the optimum. */
  readonly means: readonly number[];
}

export interface BanditOptions {
  /** Default 10. */
  readonly arms?: number;
  /** Of the means, apart from the seed of episodes; default 0. */
  readonly seed?: number;
  /** Given means instead of drawn ones. */
  readonly means?: readonly number[];
}

/** @throws ConfigError without an arm */
export function bandit({ arms = 10, seed = 0, means }: BanditOptions = {}): Bandit {
  const drawn = means ?? drawMeans(arms, seed);
  if (drawn.length === 0) throw new ConfigError('bandit: no arms; give at least 1');
  return {
    id: 'Bandit-v0',
    means: drawn,
    observationSpace: discrete(1),
    actionSpace: discrete(drawn.length),
    begin: () => 0,
    next: (state, arm, random) => ({
      state,
      reward: drawn[arm]! + random.normal(),
      terminated: true,
    }),
    observe: () => 0,
    picture: () => ({
      kind: 'text',
      lines: drawn.map((mean, arm) => `arm ${arm}: mean ${mean.toFixed(2)}`),
    }),
  };
}

function drawMeans(arms: number, seed: number): number[] {
  const random = new RandomSequence({ seed });
  return Array.from({ length: arms }, () => random.normal());
}
