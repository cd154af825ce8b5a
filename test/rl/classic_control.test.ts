// The control tasks: Gymnasium's equations to 1e-12, from golden trajectories.

import { describe, expect, test } from 'vitest';
import { acrobot } from '../../src/rl/env/acrobot.ts';
import { bandit } from '../../src/rl/env/bandit.ts';
import { cartPole } from '../../src/rl/env/cart_pole.ts';
import { mountainCar } from '../../src/rl/env/mountain_car.ts';
import { mountainCarContinuous } from '../../src/rl/env/mountain_car_continuous.ts';
import { pendulum } from '../../src/rl/env/pendulum.ts';
import { type Dynamics, makeEnvironment, RandomSequence, type Value } from '../../src/rl/index.ts';

/** The state after these actions, and the sum of rewards. */
function follow<A extends Value>(
  { next }: Dynamics<number[], Float64Array, A>,
  start: number[],
  actions: A[],
) {
  const random = new RandomSequence({ seed: 0 });
  let [state, total] = [start, 0];
  for (const action of actions) {
    const step = next(state, action, random);
    state = step.state;
    total += step.reward;
  }
  return { state, total };
}

function expectState(state: readonly number[], golden: readonly number[]) {
  expect(state.length).toBe(golden.length);
  for (const [i, x] of state.entries()) expect(Math.abs(x - golden[i]!)).toBeLessThan(1e-12);
}

describe('golden trajectories', () => {
  test('A13 CartPole', () => {
    const actions = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0];
    expectState(
      follow(cartPole(), [0.01, -0.02, 0.03, 0.04], actions).state,
      [0.033008390428920745, -0.022591187585420697, 0.0038214652462337344, 0.09714176712333417],
    );
  });

  test('A13 MountainCar', () => {
    const actions = [2, 2, 2, 0, 0, 0, 1, 2, 2, 2];
    expectState(
      follow(mountainCar(), [-0.5, 0], actions).state,
      [-0.49598327516630686, 0.0009710383523949428],
    );
  });

  test('A13 Pendulum, a torque beyond its bound clipped', () => {
    const torques = [1, -0.5, 2, 3, -2, 0, 0.7, -1, 1.5, 0.2].map((u) => Float64Array.of(u));
    const { state, total } = follow(pendulum(), [Math.PI - 0.1, 0.2], torques);
    expectState(state, [3.3560519361380203, 0.45299058250803215]);
    expect(total).toBeCloseTo(-93.21569492800577, 11);
  });

  test('A13 Acrobot', () => {
    const actions = [2, 0, 1, 2, 2, 0, 0, 1, 2, 0];
    expectState(
      follow(acrobot(), [0.05, -0.03, 0.02, 0.01], actions).state,
      [0.07894460979596847, -0.22916410693714717, 0.11426799586686712, -0.3271630752322519],
    );
  });
});

test('the continuous car follows the same hill, and pays for its pushes', () => {
  const push = (a: number) => Float64Array.of(a);
  const [x, v] = [-0.5, 0.01];
  const { state, total } = follow(mountainCarContinuous(), [x, v], [push(0.4)]);
  const faster = v + 0.4 * 0.0015 - 0.0025 * Math.cos(3 * x);
  expectState(state, [x + faster, faster]);
  expect(total).toBeCloseTo(-0.1 * 0.16, 12);
  const arrival = follow(mountainCarContinuous(), [0.449, 0.05], [push(1)]);
  expect(arrival.total).toBeCloseTo(99.9, 12);
});

test('the wall on the left stops the car', () => {
  expect(follow(mountainCar(), [-1.19, -0.05], [0]).state).toEqual([-1.2, 0]);
});

test("Gymnasium's time limits", () => {
  const limits = {
    'Pendulum-v1': 200,
    'MountainCar-v0': 200,
    'MountainCarContinuous-v0': 999,
    'Acrobot-v1': 500,
  };
  for (const [id, limit] of Object.entries(limits)) {
    const env = makeEnvironment(id);
    env.reset({ seed: 1 });
    const idle = env.actionSpace.kind === 'discrete' ? 1 : Float64Array.of(0);
    let steps = 1;
    while (!env.step(idle).truncated) steps++;
    expect(steps, id).toBe(limit);
  }
});

test('a bandit pays its arms means on average, the same arms for the same seed', () => {
  const { means, next } = bandit({ arms: 3, seed: 5 });
  expect(bandit({ arms: 3, seed: 5 }).means).toEqual(means);
  expect(bandit({ arms: 3, seed: 6 }).means).not.toEqual(means);
  const random = new RandomSequence({ seed: 1 });
  for (const [arm, mean] of means.entries()) {
    let total = 0;
    for (let i = 0; i < 10_000; i++) total += next(0, arm, random).reward;
    expect(Math.abs(total / 10_000 - mean)).toBeLessThan(0.04); // 4 standard errors
  }
  expect(() => bandit({ arms: 0 })).toThrow('bandit: no arms; give at least 1');
});
