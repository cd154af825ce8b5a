// MountainCarContinuous-v0: the same hill with any push from -1 to 1, which costs (Gymnasium's equations).

import { box } from '../environment.ts';
import type { Dynamics } from '../simulate.ts';
import { clamp } from './limits.ts';
import { atGoal, beginInValley, carObservations, drawCar, drive } from './mountain_car.ts';

const POWER = 0.0015;
const GOAL = 0.45;

/** Reward 100 at the flag, less 0.1 a² per step. */
export function mountainCarContinuous(): Dynamics<number[], Float64Array, Float64Array> {
  return {
    id: 'MountainCarContinuous-v0',
    observationSpace: carObservations(),
    actionSpace: box([1], -1, 1),
    begin: beginInValley,
    next([x, v], [action]) {
      const push = clamp(action!, -1, 1);
      const state = drive([x!, v!], push * POWER);
      const terminated = atGoal(state, GOAL);
      return { state: [...state], reward: (terminated ? 100 : 0) - 0.1 * push ** 2, terminated };
    },
    observe: (state) => Float64Array.from(state),
    picture: ([x]) => drawCar(x!, GOAL),
  };
}
