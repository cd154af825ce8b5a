// Environments by their ids, Gymnasium's where it has them.

import { ConfigError } from '../errors.ts';
import { nearest } from '../io/config.ts';
import { acrobot } from './env/acrobot.ts';
import { asteroids } from './env/asteroids.ts';
import { bandit } from './env/bandit.ts';
import { breakout } from './env/breakout.ts';
import { cartPole } from './env/cart_pole.ts';
import { cliffWalking } from './env/cliff_walking.ts';
import { cooling } from './env/cooling.ts';
import { frozenLake } from './env/frozen_lake.ts';
import { gridWorld, MAZE_MAP } from './env/grid_world.ts';
import { mountainCar } from './env/mountain_car.ts';
import { mountainCarContinuous } from './env/mountain_car_continuous.ts';
import { pendulum } from './env/pendulum.ts';
import { pursuit } from './env/pursuit.ts';
import { recommender } from './env/recommender.ts';
import { taxi } from './env/taxi.ts';
import type { Environment } from './environment.ts';
import { frameStack } from './frame_stack.ts';
import { type Dynamics, simulate } from './simulate.ts';

/** What is known of an environment, besides its rules. */
export interface Entry {
  /** One line for lists. */
  readonly about: string;
  readonly dynamics: () => Dynamics;
  /** Steps after which an episode is truncated. */
  readonly limit: number;
  /** How many of the dynamics' observations are seen at once, the newest last; default 1. */
  readonly frames?: number;
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
    anchors: { random: 22.4, scripted: 500, optimal: 500 },
  },
  'CartPoleFrames-v1': {
    about: 'CartPole that sees its last 4 positions',
    dynamics: () => cartPole({ velocities: false }),
    limit: 500,
    frames: 4,
    anchors: { random: 22.4, optimal: 500 },
  },
  'FrozenLake-v1': {
    about: 'cross slippery ice, 4 x 4 cells',
    dynamics: frozenLake,
    limit: 100,
    solved: 0.7,
    anchors: { random: 0.01394, optimal: 0.74419 },
  },
  'FrozenLake8x8-v1': {
    about: 'cross slippery ice, 8 x 8 cells',
    dynamics: () => frozenLake({ map: '8x8' }),
    limit: 200,
    solved: 0.85,
    anchors: { random: 0.001901, optimal: 0.91322 },
  },
  'FrozenLakeNoSlip-v1': {
    about: 'FrozenLake-v1 on ice that does not slip',
    dynamics: () => frozenLake({ slippery: false }),
    limit: 100,
    anchors: { random: 0.01394, optimal: 1 },
  },
  'CliffWalking-v1': {
    about: 'walk along a cliff',
    dynamics: cliffWalking,
    limit: 1000, // ours: Gymnasium sets none, and a policy that stands still would never be done
    anchors: { random: -9512, optimal: -13 },
  },
  'Taxi-v3': {
    about: 'fetch a passenger and bring them where they want to go',
    dynamics: taxi,
    limit: 200,
    solved: 8, // as published; the mean over all starts cannot be above 7.93
    anchors: { random: -771.1, optimal: 7.93 },
  },
  'GridWorld-v0': {
    about: 'find the star',
    dynamics: gridWorld,
    limit: 100,
    anchors: { random: 0.340394, optimal: 1 },
  },
  'Maze-v0': {
    about: 'get out as fast as possible: -1 per step',
    dynamics: () => gridWorld({ map: MAZE_MAP, reward: 'maze' }),
    limit: 200,
    anchors: { random: -190.9, scripted: -51, optimal: -16 },
  },
  'Acrobot-v1': {
    about: 'swing two links above a bar',
    dynamics: acrobot,
    limit: 500,
    solved: -100,
    anchors: { random: -500, scripted: -82.4 },
  },
  'MountainCar-v0': {
    about: 'swing a weak car up a hill',
    dynamics: mountainCar,
    limit: 200,
    solved: -110,
    anchors: { random: -200, scripted: -119.5 },
  },
  'MountainCarContinuous-v0': {
    about: 'the same with pushes that cost',
    dynamics: mountainCarContinuous,
    limit: 999,
    solved: 90,
    anchors: { random: -33.2, scripted: 97.7 },
  },
  'Pendulum-v1': {
    about: 'swing a pendulum up and hold it',
    dynamics: pendulum,
    limit: 200,
    anchors: { random: -1221, scripted: -151.9 },
  },
  'PendulumNoVelocity-v1': {
    about: 'Pendulum that sees its angle only',
    dynamics: () => pendulum({ velocities: false }),
    limit: 200,
    anchors: { random: -1221, scripted: -151.6 },
  },
  'Pursuit-v0': {
    about: 'catch who runs away and now and then stumbles, on a grid',
    dynamics: pursuit,
    limit: 100,
    anchors: { random: -98.28, scripted: -8.55, optimal: -8.32 },
  },
  'Recommender-v0': {
    about: 'show one of five items to each user who comes by',
    dynamics: recommender,
    limit: 1,
    anchors: { random: 0.349, scripted: 0.402, optimal: 0.765 },
  },
  'Cooling-v0': {
    about: 'cool a data centre with a fan',
    dynamics: cooling,
    limit: 200,
    anchors: { random: -319, scripted: -30.1, optimal: -26.6 },
  },
  'Bandit-v0': {
    about: 'one pull at one of ten arms',
    dynamics: () => bandit({ seed: 1 }),
    limit: 1,
    anchors: { random: 0.14, optimal: 1.86 },
  },
  'Asteroids7x7-v0': {
    about: 'dodge and shoot rocks whose velocities are not seen',
    dynamics: asteroids,
    limit: 300,
    anchors: { random: 1.37, scripted: 176 },
  },
  'Asteroids7x7Frames-v0': {
    about: 'the same with the last 2 frames, which tell velocities',
    dynamics: asteroids,
    limit: 300,
    frames: 2,
    anchors: { random: 1.37 },
  },
  'Breakout10x10-v0': {
    about: 'break a wall of bricks with a ball and a paddle',
    dynamics: breakout,
    limit: 1000,
    anchors: { random: 0.41, scripted: 52 },
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
  const { dynamics, limit, frames = 1 } = environmentEntry(id);
  const environment = simulate(dynamics(), { limit });
  return frames === 1 ? environment : frameStack(environment, frames);
}

/** Lines to compare returns with: the random, the scripted and the optimal policy, and what counts as solved; one of equals. */
export function anchorLines(id: string): { readonly label: string; readonly y: number }[] {
  const { anchors, solved } = environmentEntry(id);
  const labels = new Map<number, string[]>();
  for (const [label, y] of Object.entries({ ...anchors, solved }))
    if (y !== undefined) labels.set(y, [...(labels.get(y) ?? []), label]);
  return [...labels].map(([y, equal]) => ({ label: equal.join(', '), y }));
}
