// Experts that are written, not trained: for imitation, and as a line to compare what was learned with.

import { ConfigError } from '../errors.ts';
import { asteroidsExpert } from './env/asteroids_expert.ts';
import { breakoutExpert } from './env/breakout.ts';
import { coolingExpert } from './env/cooling.ts';
import { clamp, wrapAngle } from './env/limits.ts';
import { pursuitExpert } from './env/pursuit.ts';
import { recommenderExpert } from './env/recommender.ts';
import { type Environment, type Info, randomAction, type Value } from './environment.ts';
import { RandomSequence } from './random.ts';

/** From what is seen to an action. It may remember what it saw, so there is a new one for each episode. */
export type ScriptedPolicy = (observation: Value, info: Info) => Value;

export const EXPERTS: Readonly<Record<string, () => ScriptedPolicy>> = {
  'CartPole-v1': () => (seen) => {
    const [, , theta, omega] = numbers(seen);
    return pushUnder(theta!, omega!);
  },
  'CartPoleNoVelocity-v1': () => {
    const rate = differences(0.02);
    return (seen) => {
      const [, theta] = numbers(seen);
      return pushUnder(theta!, rate(theta!));
    };
  },
  'Acrobot-v1': () => (seen) => {
    const [, , , , omega1, omega2] = numbers(seen);
    return omega2! > 0.3 * omega1! ? 2 : 0;
  },
  'MountainCar-v0': () => (seen) => (numbers(seen)[1]! >= 0 ? 2 : 0),
  'MountainCarContinuous-v0': () => (seen) =>
    Float64Array.of(GENTLE * Math.sign(numbers(seen)[1]! || 1)),
  'Pendulum-v1': () => (seen) => {
    const [cos, sin, omega] = numbers(seen);
    return Float64Array.of(swingUp(Math.atan2(sin!, cos!), omega!));
  },
  'PendulumNoVelocity-v1': () => {
    const rate = differences(0.05);
    return (seen) => {
      const [cos, sin] = numbers(seen);
      const theta = Math.atan2(sin!, cos!);
      return Float64Array.of(swingUp(theta, rate(theta)));
    };
  },
  'Asteroids7x7-v0': () => asteroidsExpert(),
  'Breakout10x10-v0': breakoutExpert,
  'Cooling-v0': coolingExpert,
  'Maze-v0': wallFollower,
  'Pursuit-v0': pursuitExpert,
  'Recommender-v0': recommenderExpert,
};

/** @throws ConfigError where there is none for the id */
export function expertFor(id: string): () => ScriptedPolicy {
  if (Object.hasOwn(EXPERTS, id)) return EXPERTS[id]!;
  throw new ConfigError(
    `no scripted expert for "${id}"; there are ${Object.keys(EXPERTS).join(', ')}`,
  );
}

/** Uniform over what is allowed. */
export function randomPolicy({ actionSpace }: Environment, seed: number): ScriptedPolicy {
  const random = new RandomSequence({ seed });
  return (_, info) => randomAction(actionSpace, random, info);
}

/** An expert that acts at random with probability `noise`, step by step. */
export function noisy(
  { actionSpace }: Environment,
  newExpert: () => ScriptedPolicy,
  { noise, seed }: { noise: number; seed: number },
): () => ScriptedPolicy {
  const random = new RandomSequence({ seed });
  return () => {
    const expert = newExpert();
    return (observation, info) => {
      const told = expert(observation, info);
      return random.uniform() < noise ? randomAction(actionSpace, random, info) : told;
    };
  };
}

/** The returns of whole episodes, one after another. */
export function scriptedReturns(
  env: Environment,
  newPolicy: () => ScriptedPolicy,
  { episodes, seed }: { episodes: number; seed: number },
): number[] {
  return Array.from({ length: episodes }, (_, episode) => {
    const policy = newPolicy();
    let { observation, info } = env.reset(episode === 0 ? { seed } : {});
    for (let total = 0; ; ) {
      const step = env.step(policy(observation, info));
      total += step.reward;
      if (step.terminated || step.truncated) return total;
      ({ observation, info } = step);
    }
  });
}

// ---- what they do

/** The cart goes where the pole falls: θ + 0.2 ω > 0. */
const pushUnder = (theta: number, omega: number): number => Number(theta + 0.2 * omega > 0);

/** A weaker push costs less, and still climbs in time. */
const GENTLE = 0.3;

/** Energy until the pendulum can stand, e = ω²/2 + 15 (cos θ - 1) < 0, then a spring and a brake. */
function swingUp(theta: number, omega: number): number {
  if (Math.cos(theta) > 0.7) return clamp(-8 * theta - 2 * omega, -2, 2);
  const energy = omega ** 2 / 2 + 15 * (Math.cos(theta) - 1);
  return energy < 0 === omega >= 0 ? 2 : -2;
}

/** A hand on the wall: turns right where it can, else goes on, else left, else back. A step that is blocked tells of a wall. */
function wallFollower(): ScriptedPolicy {
  const clockwise = [0, 3, 1, 2]; // up, right, down, left
  let [before, heading] = [-1, 0];
  return (cell) => {
    heading = (heading + (cell === before ? 3 : 1)) % 4;
    before = cell as number;
    return clockwise[heading]!;
  };
}

/** The rate of change of an angle that is seen every `interval` seconds; 0 at first. */
function differences(interval: number): (angle: number) => number {
  let before: number | null = null;
  return (angle) => {
    const rate = before === null ? 0 : wrapAngle(angle - before) / interval;
    before = angle;
    return rate;
  };
}

const numbers = (seen: Value): Float64Array => seen as Float64Array;
