// Returns, advantages and the targets of value functions, on plain arrays.

import { describe, expect, test } from 'vitest';
import {
  certain,
  discountedReturns,
  enumerateTrajectories,
  evaluatePolicy,
  finiteDynamics,
  fromDynamics,
  horizonValues,
  kStepAdvantages,
  lambdaReturns,
  RandomSequence,
  softmaxPolicy,
  startValue,
  supNorm,
  tdErrors,
} from '../../src/rl/index.ts';
import { randomMDP, randomPolicy } from './tabular/walks.ts';

const expectNear = (actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-12) => {
  expect(actual.length).toBe(expected.length);
  for (const [i, x] of expected.entries())
    expect(Math.abs(actual[i]! - x)).toBeLessThanOrEqual(tolerance);
};

describe('returns', () => {
  test('A2 of three rewards', () => {
    expect([...discountedReturns({ rewards: [1, 2, 3] })]).toEqual([6, 5, 3]);
    expect([...discountedReturns({ rewards: [1, 2, 3] }, 0.5)]).toEqual([2.75, 3.5, 3]);
  });

  test('A2 begin anew where an episode ends, by its rules or by a limit', () => {
    const rewards = [1, 2, 3, 4];
    const expected = [3, 2, 7, 4];
    expect([...discountedReturns({ rewards, terminated: [0, 1, 0, 0] })]).toEqual(expected);
    expect([...discountedReturns({ rewards, truncated: [0, 1, 0, 0] })]).toEqual(expected);
    expect(() => discountedReturns({ rewards, terminated: [1] })).toThrow(
      'returns: terminated has 1 steps, rewards has 4',
    );
  });

  test('L17 T actions have T rewards, of which the last, R of T + 1, is that of the last action', () => {
    // A text is scored at its end: x_1 a_1 x_2 r_2 … x_T a_T r_{T+1}. Row t - 1 holds r_{t+1}, the reward of a_t.
    const [T, score] = [4, 2];
    const rewards = Array.from({ length: T }, (_, row) => (row === T - 1 ? score : 0));
    const terminated = rewards.map((_, row) => Number(row === T - 1));
    expectNear(discountedReturns({ rewards, terminated }, 0.5), [0.25, 0.5, 1, 2]);
    // Without r_{T+1}, as a list that ends with r_T has it, no action would be worth anything.
    expectNear(discountedReturns({ rewards: rewards.slice(0, -1) }, 0.5), [0, 0, 0]);
  });

  test('L7 a return counts the reward of its own action: from the next one on, the gradient is another', () => {
    const random = new RandomSequence({ seed: 1 });
    const [T, sizes] = [3, { states: 3, actions: 2 }];
    const mdp = randomMDP(random, { ...sizes, gamma: 1 });
    const theta = Float64Array.from({ length: 6 }, () => random.normal());
    const J = (t: Float64Array) => startValue(mdp, horizonValues(mdp, softmaxPolicy(mdp, t), T));
    const exact = theta.map((_, i) => {
      const moved = (by: number) => J(theta.map((x, j) => (j === i ? x + by : x)));
      return (moved(1e-5) - moved(-1e-5)) / 2e-5;
    });
    const policy = softmaxPolicy(mdp, theta);
    /** E[Σ_t ∇ln π(a_t|s_t) Σ_{i ≥ t + lag} r_i]. */
    const expected = (lag: number) => {
      const g = new Float64Array(6);
      for (const { probability, states, actions, rewards } of enumerateTrajectories(
        mdp,
        policy,
        T,
      )) {
        const returns = discountedReturns({ rewards });
        for (const [t, action] of actions.entries()) {
          const weight = probability * (returns[t + lag] ?? 0);
          for (let a = 0; a < 2; a++) {
            const row = 2 * states[t]! + a;
            g[row]! += weight * (Number(a === action) - policy[row]!);
          }
        }
      }
      return g;
    };
    expectNear(expected(0), [...exact], 1e-8);
    expect(Math.max(...expected(1).map((x, i) => Math.abs(x - exact[i]!)))).toBeGreaterThan(0.05);
  });
});

describe('advantages', () => {
  const steps = {
    rewards: [1, -2, 3, 0.5, 4],
    values: [0.5, 1, -1, 2, 0.3],
    nextValues: [1, -1, 2, 0.3, 0.7],
  };
  const gamma = 0.9;

  test('C5 one step is δ, two steps are the lecture’s expanded form, and all are the return less V', () => {
    const { rewards, values, nextValues } = steps;
    const delta = rewards.map((r, t) => r + gamma * nextValues[t]! - values[t]!);
    expectNear(kStepAdvantages(steps, { k: 1, gamma }), delta);
    expectNear(tdErrors(steps, gamma), delta);
    const two = [0, 1, 2, 3].map(
      (t) => rewards[t]! + gamma * rewards[t + 1]! + gamma ** 2 * nextValues[t + 1]! - values[t]!,
    );
    expectNear(kStepAdvantages(steps, { k: 2, gamma }), [...two, delta[4]!]);
    const ended = { ...steps, terminated: [0, 0, 0, 0, 1] };
    const returns = discountedReturns(ended, gamma);
    const all = values.map((v, t) => returns[t]! - v);
    expectNear(kStepAdvantages(ended, { k: Infinity, gamma }), all);
    expectNear(kStepAdvantages(ended, { k: 5, gamma }), all);
  });

  test('C5 nothing is carried across the end of an episode; a truncated one keeps its next value', () => {
    const flags = { terminated: [0, 1, 0, 0, 0], truncated: [0, 0, 0, 1, 0] };
    const [r, v, n] = [steps.rewards, steps.values, steps.nextValues];
    const got = kStepAdvantages({ ...steps, ...flags }, { k: 3, gamma });
    expectNear(got, [
      r[0]! + gamma * r[1]! - v[0]!,
      r[1]! - v[1]!,
      r[2]! + gamma * r[3]! + gamma ** 2 * n[3]! - v[2]!,
      r[3]! + gamma * n[3]! - v[3]!,
      r[4]! + gamma * n[4]! - v[4]!,
    ]);
  });

  test('C6 the λ-weighted mean of all k-step advantages, on plain arrays', () => {
    const example = { rewards: [1, 1, 1], values: [0.5, 0.6, 0.7], nextValues: [0.6, 0.7, 0] };
    const options = { gamma: 0.99, lambda: 0.95 };
    const targets = lambdaReturns(example, options);
    expectNear(targets, [0.5 + 2.387328575, 0.6 + 1.37515, 1]);
    const long = { ...steps, terminated: [0, 0, 0, 0, 1] };
    // From T steps on every k-step advantage is the return less V: the rest of the weights, λ^T, is its.
    const mean = steps.values.map((v, t) => {
      const A = (k: number) => kStepAdvantages(long, { k, gamma })[t]!;
      const weighted = [1, 2, 3, 4, 5].reduce((sum, k) => sum + 0.2 * 0.8 ** (k - 1) * A(k), 0);
      return weighted + 0.8 ** 5 * A(Infinity) + v;
    });
    expectNear(lambdaReturns(long, { gamma, lambda: 0.8 }), mean);
  });
});

describe('targets of a value function', () => {
  test('C3 Monte Carlo, bootstrapped and λ targets, in expectation over every episode, all lead to V_π', () => {
    // Three storeys of two rooms and an end below: every episode is over after three steps.
    const random = new RandomSequence({ seed: 3 });
    const storeys = finiteDynamics({
      id: 'Storeys',
      states: 7,
      actions: 2,
      starts: [0, 1],
      outcomes(state) {
        const below = 2 * (Math.floor(state / 2) + 1);
        if (below > 4) return certain(6, state === 6 ? 0 : random.normal(), true);
        const p = random.uniform(0.1, 0.9);
        const lead = { reward: random.normal(), terminated: false };
        return [
          { ...lead, state: below, probability: p },
          { ...lead, state: below + 1, probability: 1 - p },
        ];
      },
    });
    const mdp = fromDynamics(storeys, { gamma: 0.9 });
    const policy = randomPolicy(random, mdp);
    const truth = evaluatePolicy(mdp, policy);
    /** E[G^λ_0] of each state, from the values V. */
    const expected = (V: Float64Array, lambda: number) =>
      V.map((_, s) => {
        const from = { ...mdp, d0: V.map((_, start) => Number(start === s)) };
        let mean = 0;
        for (const { probability, states, rewards } of enumerateTrajectories(from, policy, 3)) {
          if (rewards.length === 0) continue; // an end: no target
          const [values, nextValues] = [states.slice(0, -1), states.slice(1)].map((at) =>
            at.map((state) => V[state]!),
          );
          const terminated = states.slice(1).map((state) => Number(state === 6));
          const steps = { rewards, terminated, values: values!, nextValues: nextValues! };
          mean += probability * lambdaReturns(steps, { gamma: 0.9, lambda })[0]!;
        }
        return mean;
      });
    for (const [lambda, rounds] of [
      [1, 1], // a Monte Carlo target does not depend on V
      [0, 3], // a bootstrapped one takes a round per storey
      [0.8, 3],
    ] as const) {
      let V: Float64Array = new Float64Array(7).fill(5);
      for (let round = 0; round < rounds; round++) V = expected(V, lambda);
      expectNear(V, [...truth]);
      if (rounds > 1)
        expect(supNorm(expected(new Float64Array(7).fill(5), lambda), truth)).toBeGreaterThan(0.1);
    }
  });
});
