// The smallest problem with continuous actions: one number is seen, and the action should be it.

import { box } from '../../src/rl/environment.ts';
import { type Dynamics, simulate } from '../../src/rl/simulate.ts';
import { VectorEnvironment } from '../../src/rl/vector.ts';

/** The reward is -(action - number)²; what is seen next does not depend on the action. */
const dynamics: Dynamics<number, Float64Array, Float64Array> = {
  id: 'Follow',
  observationSpace: box([1], -1, 1),
  actionSpace: box([1], -2, 2),
  begin: (random) => random.uniform(-1, 1),
  next: (state, action, random) => ({
    state: random.uniform(-1, 1),
    reward: -((action[0]! - state) ** 2),
    terminated: false,
  }),
  observe: (state) => Float64Array.of(state),
};

/** Episodes of 10 steps. */
export const follow = (copies: number) =>
  new VectorEnvironment(() => simulate(dynamics, { limit: 10 }), copies);
