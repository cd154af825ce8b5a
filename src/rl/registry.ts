// Environments by their ids, Gymnasium's where it has them.

import { ConfigError } from '../errors.ts';
import { nearest } from '../io/config.ts';
import { cartPole } from './env/cart_pole.ts';
import type { Environment } from './environment.ts';
import { type Dynamics, simulate } from './simulate.ts';

/** What is known of an environment, besides its rules. */
export interface Entry {
  /** One line for lists. */
  readonly about: string;
  readonly dynamics: () => Dynamics;
  /** Steps after which an episode is truncated. */
  readonly limit: number;
  /** Mean return that counts as solved, where one is published. */
  readonly solved?: number;
  /** Mean returns of the uniformly random policy, of the scripted one, and the optimum where it is known. */
  readonly anchors: {
    readonly random: number;
    readonly scripted?: number;
    readonly optimal?: number;
  };
}

export const ENVIRONMENTS: Readonly<Record<string, Entry>> = {
  'CartPole-v1': {
    about: 'balance a pole on a cart',
    dynamics: cartPole,
    limit: 500,
    solved: 475,
    anchors: { random: 22.4, scripted: 500, optimal: 500 },
  },
  'CartPoleNoVelocity-v1': {
    about: 'CartPole that sees positions only',
    dynamics: () => cartPole({ velocities: false }),
    limit: 500,
    anchors: { random: 22.4, optimal: 500 },
  },
};

/** @throws ConfigError, with all that there are, for an unknown id. */
export function environmentEntry(id: string): Entry {
  if (Object.hasOwn(ENVIRONMENTS, id)) return ENVIRONMENTS[id]!;
  const names = Object.keys(ENVIRONMENTS);
  const guess = nearest(id, names);
  throw new ConfigError(
    `unknown environment "${id}"${guess ? ` (did you mean "${guess}"?)` : ''}; there are ${names.join(', ')}`,
  );
}

/** A new copy, with its time limit. @throws ConfigError for an unknown id. */
export function makeEnvironment(id: string): Environment {
  const { dynamics, limit } = environmentEntry(id);
  return simulate(dynamics(), { limit });
}
