// Environments whose optimum is known: the numbers that theory, other programs and the registry give.

import { describe, expect, test } from 'vitest';
import {
  cliffWalking,
  deterministicPolicy,
  discountedReturns,
  ENVIRONMENTS,
  evaluatePolicy,
  fromDynamics,
  frozenLake,
  gridWorld,
  horizonOptimum,
  horizonValues,
  isFiniteDynamics,
  makeEnvironment,
  policyIteration,
  randomMaze,
  startValue,
  supNorm,
  taxi,
  uniformPolicy,
  valueIteration,
} from '../../../src/rl/index.ts';
import { stepsToStar } from './walks.ts';

/** spec.md, appendix B: V* of FrozenLake 4x4, γ = .99. */
const FROZEN_LAKE = [
  0.542026, 0.498803, 0.470696, 0.456852, 0.558451, 0, 0.358348, 0, 0.591799, 0.64308, 0.615208, 0,
  0, 0.74172, 0.862837, 0,
];

const lake = (gamma: number, map: '4x4' | '8x8' = '4x4') =>
  fromDynamics(frozenLake({ map }), { gamma });

describe('A6 value iteration', () => {
  test('A6 gives the values of FrozenLake, and so does policy iteration', () => {
    const published = { 0.9: 0.068891, 0.95: 0.180472, 0.99: 0.542026, 1: 14 / 17 };
    for (const [gamma, value] of Object.entries(published)) {
      const mdp = lake(Number(gamma));
      const [byValues, byPolicies] = [valueIteration(mdp), policyIteration(mdp)];
      expect(Math.abs(byValues.values[0]! - value)).toBeLessThan(1e-6);
      expect(supNorm(byValues.values, byPolicies.values)).toBeLessThan(1e-8);
      expect(byPolicies.residual).toBeLessThan(1e-14);
    }
    const { values } = valueIteration(lake(0.99));
    expect(supNorm(values, Float64Array.from(FROZEN_LAKE))).toBeLessThan(1e-6);
    expect(Math.abs(valueIteration(lake(0.99, '8x8')).values[0]! - 0.41464)).toBeLessThan(1e-6);
    expect(Math.abs(valueIteration(lake(1, '8x8')).values[0]! - 1)).toBeLessThan(1e-6);
  });

  test('A6 contracts by γ in each sweep', () => {
    for (const gamma of [0.9, 0.99]) {
      const sweeps: Float64Array[] = [];
      valueIteration(lake(gamma), { onSweep: (V) => sweeps.push(V) });
      const changes = sweeps.slice(1).map((V, k) => supNorm(V, sweeps[k]!));
      expect(changes.length).toBeGreaterThan(100);
      for (let k = 1; k < changes.length; k++)
        expect(changes[k]).toBeLessThanOrEqual(gamma * changes[k - 1]! + 1e-15);
    }
  });

  test('A6 is within ε/2 of the optimum where it stops', () => {
    for (const epsilon of [1e-2, 1e-4]) {
      const mdp = lake(0.99);
      const { values } = valueIteration(mdp, { epsilon });
      expect(supNorm(values, policyIteration(mdp).values)).toBeLessThan(epsilon / 2);
    }
  });
});

describe('episodes of limited length', () => {
  const limited = (gamma: number, map: '4x4' | '8x8', T: number) => {
    const policy = deterministicPolicy(lake(1, map), policyIteration(lake(gamma, map)).policy);
    return horizonValues(lake(1, map), policy, T)[0]!;
  };

  test('the best policy looks at the time that is left', () => {
    const [small, large] = [lake(1), lake(1, '8x8')];
    expect(Math.abs(horizonOptimum(small, 100).values[0]! - 0.74419)).toBeLessThan(1e-6);
    expect(Math.abs(limited(0.99, '4x4', 100) - 0.740165)).toBeLessThan(1e-6);
    expect(Math.abs(horizonValues(small, uniformPolicy(small), 100)[0]! - 0.01394)).toBeLessThan(
      1e-6,
    );
    expect(Math.abs(horizonOptimum(large, 200).values[0]! - 0.91322)).toBeLessThan(1e-6);
    expect(Math.abs(limited(0.9999, '8x8', 200) - 0.885654)).toBeLessThan(1e-6);
    expect(Math.abs(limited(0.99, '8x8', 200) - 0.862955)).toBeLessThan(1e-6);
  });

  test('the registry holds the exact means of random and of best play', () => {
    for (const { dynamics, limit, anchors } of Object.values(ENVIRONMENTS)) {
      const rules = dynamics();
      if (!isFiniteDynamics(rules)) continue;
      const mdp = fromDynamics(rules, { gamma: 1 });
      const random = startValue(mdp, horizonValues(mdp, uniformPolicy(mdp), limit));
      const optimal = startValue(mdp, horizonOptimum(mdp, limit).values);
      // The registry shows four digits or more.
      expect(Math.abs(random / anchors.random - 1)).toBeLessThan(5e-4);
      expect(Math.abs(optimal / anchors.optimal! - 1)).toBeLessThan(5e-4);
    }
  });
});

describe('walks whose best length can be counted', () => {
  test('A8 greedy policies: FrozenLake without slipping, and CliffWalking', () => {
    const mdp = fromDynamics(frozenLake({ slippery: false }), { gamma: 0.99 });
    expect(Math.abs(valueIteration(mdp).values[0]! - 0.99 ** 5)).toBeLessThan(1e-12);
    const cliff = fromDynamics(cliffWalking(), { gamma: 1 });
    const { policy } = valueIteration(cliff);
    expect(startValue(cliff, evaluatePolicy(cliff, deterministicPolicy(cliff, policy)))).toBe(-13);
  });

  test('A8 the greedy policy of CliffWalking earns -13 where it is played', () => {
    const { policy } = valueIteration(fromDynamics(cliffWalking(), { gamma: 1 }));
    const env = makeEnvironment('CliffWalking-v1');
    let state = env.reset({ seed: 1 }).observation as number;
    const rewards: number[] = [];
    for (let over = false; !over; ) {
      const step = env.step(policy[state]!);
      state = step.observation as number;
      rewards.push(step.reward);
      over = step.terminated || step.truncated;
    }
    expect(discountedReturns({ rewards })[0]).toBe(-13);
  });

  test('A11 a grid world: V* = γ^(d - 1), d steps from the star', () => {
    const world = gridWorld();
    const mdp = fromDynamics(world, { gamma: 0.9 });
    const { values } = valueIteration(mdp, { epsilon: 1e-13 });
    const distances = stepsToStar(world);
    expect(Math.max(...distances.filter(Number.isFinite))).toBeGreaterThan(8);
    for (const [s, d] of distances.entries()) {
      const expected = d === 0 || d === Infinity ? 0 : 0.9 ** (d - 1);
      expect(Math.abs(values[s]! - expected)).toBeLessThan(1e-12);
    }
  });

  test('A12 mazes: V* = -d, exactly, with γ = 1', () => {
    for (const [seed, open] of [
      [1, 0],
      [2, 0.1],
      [3, 0.5],
      [4, 1],
    ] as const) {
      const maze = gridWorld({
        map: randomMaze({ seed, rows: 6, columns: 8, open }),
        reward: 'maze',
      });
      const mdp = fromDynamics(maze, { gamma: 1 });
      const expected = stepsToStar(maze).map((d) => (Number.isFinite(d) ? 0 - d : 0));
      expect([...valueIteration(mdp).values]).toEqual(expected);
      expect(supNorm(policyIteration(mdp).values, Float64Array.from(expected))).toBeLessThan(1e-9);
    }
  });

  test('Taxi: 7.93 in the mean over its 300 starts, from 3 to 15', () => {
    const mdp = fromDynamics(taxi(), { gamma: 1 });
    const { values } = valueIteration(mdp);
    const starts = [...mdp.d0.keys()].filter((s) => mdp.d0[s]! > 0).map((s) => values[s]!);
    expect(starts.length).toBe(300);
    expect([Math.min(...starts), Math.max(...starts)]).toEqual([3, 15]);
    expect(Math.abs(startValue(mdp, values) - 7.93)).toBeLessThan(1e-12);
  });
});
