// MountainCar-v0: a car too weak for the hill must swing to reach the flag (Moore 1990; Gymnasium's equations).

import { box, discrete } from '../environment.ts';
import type { Picture } from '../picture.ts';
import type { RandomSequence } from '../random.ts';
import type { Dynamics } from '../simulate.ts';
import { clamp } from './limits.ts';

const FORCE = 0.001;
const GRAVITY = 0.0025;
const LEFT = -1.2;
const RIGHT = 0.6;
const SPEED = 0.07;
const GOAL = 0.5;

/** Position and velocity. The ground is at height sin 3x. */
export type CarState = readonly [x: number, v: number];

/** Sees position and velocity; actions push left, not, right. Reward -1 per step until the flag. */
export function mountainCar(): Dynamics<number[], Float64Array, number> {
  return {
    id: 'MountainCar-v0',
    observationSpace: carObservations(),
    actionSpace: discrete(3),
    begin: beginInValley,
    next([x, v], action) {
      const state = drive([x!, v!], (action - 1) * FORCE);
      return { state: [...state], reward: -1, terminated: atGoal(state, GOAL) };
    },
    observe: (state) => Float64Array.from(state),
    picture: ([x]) => drawCar(x!, GOAL),
  };
}

// ---- shared with the continuous car

export const carObservations = () => box([2], [LEFT, -SPEED], [RIGHT, SPEED]);

export const beginInValley = (random: RandomSequence): number[] => [random.uniform(-0.6, -0.4), 0];

/** v' = v + push - g cos 3x, x' = x + v'; the wall on the left stops the car. */
export function drive([x, v]: CarState, push: number): CarState {
  const faster = clamp(v + push - GRAVITY * Math.cos(3 * x), -SPEED, SPEED);
  const moved = clamp(x + faster, LEFT, RIGHT);
  return [moved, moved === LEFT && faster < 0 ? 0 : faster];
}

export const atGoal = ([x, v]: CarState, goal: number): boolean => x >= goal && v >= 0;

export function drawCar(x: number, goal: number): Picture {
  const ground = (x: number) => [x, 0.45 * Math.sin(3 * x)] as const;
  const hill = Array.from({ length: 37 }, (_, i) => ground(LEFT + (i / 36) * (RIGHT - LEFT)));
  const [, height] = ground(x);
  const [, foot] = ground(goal);
  const flag = [
    [goal, foot + 0.2],
    [goal + 0.09, foot + 0.16],
    [goal, foot + 0.12],
  ] as const;
  return {
    kind: 'shapes',
    left: LEFT,
    right: RIGHT,
    bottom: -0.5,
    top: 0.75,
    shapes: [
      { kind: 'line', points: hill, width: 0.01, role: 'ground' },
      { kind: 'line', points: [[goal, foot], flag[0]], width: 0.01, role: 'goal' },
      { kind: 'polygon', points: flag, role: 'goal' },
      { kind: 'circle', centre: [x, height + 0.05], radius: 0.05, role: 'agent' },
    ],
  };
}
