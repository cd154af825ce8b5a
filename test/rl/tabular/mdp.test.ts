// Decision processes as tables, what policies are worth on them, and which are best.

import { describe, expect, test } from 'vitest';
import { ConfigError, EnvironmentError, ShapeError } from '../../../src/errors.ts';
import {
  actionValues,
  bestActions,
  certain,
  comparePolicies,
  deterministicPolicy,
  ENVIRONMENTS,
  enumerateTrajectories,
  evaluatePolicy,
  finiteDynamics,
  fromDynamics,
  frozenLake,
  horizonValues,
  isFiniteDynamics,
  iteratePolicy,
  policyIteration,
  RandomSequence,
  simulate,
  softmaxPolicy,
  startValue,
  supNorm,
  tabularMDP,
  taxi,
  uniformPolicy,
  valueIteration,
} from '../../../src/rl/index.ts';
import { randomMDP, randomPolicy } from './walks.ts';

describe('A1 a decision process as tables', () => {
  const finite = Object.values(ENVIRONMENTS)
    .map(({ dynamics }) => dynamics())
    .filter(isFiniteDynamics);

  test('A1 every row of P sums to 1, for all environments that can be listed', () => {
    expect(finite.length).toBeGreaterThanOrEqual(7);
    for (const dynamics of finite) {
      const { P, d0 } = fromDynamics(dynamics, { gamma: 1 });
      for (const row of P)
        expect(
          Math.abs(row.reduce((sum, { probability }) => sum + probability, 0) - 1),
        ).toBeLessThan(1e-12);
      expect(Math.abs(d0.reduce((a, b) => a + b) - 1)).toBeLessThan(1e-12);
    }
  });

  test('A1 what is played converges to P and R', () => {
    const dynamics = frozenLake();
    const { actions: A, states: S, P, R } = fromDynamics(dynamics, { gamma: 1 });
    const random = new RandomSequence({ seed: 5 });
    const draws = 4000;
    for (const [s, a] of [
      [0, 1],
      [14, 1],
      [14, 2],
      [9, 3],
    ] as const) {
      const counts = new Float64Array(S);
      let earned = 0;
      for (let i = 0; i < draws; i++) {
        const { state, reward } = dynamics.next(s, a, random);
        counts[state]!++;
        earned += reward;
      }
      const near = (count: number, p: number) =>
        expect(Math.abs(count / draws - p)).toBeLessThan(4 * Math.sqrt(0.25 / draws));
      for (const { state, probability } of P[s * A + a]!) near(counts[state]!, probability);
      near(earned, R[s * A + a]!);
    }
  });

  test('A1 tables and rules that are none are refused', () => {
    const rules = { id: 'Test', states: 2, actions: 1, starts: [0] };
    const leading = (row: object) => () =>
      finiteDynamics({
        ...rules,
        outcomes: () => [{ reward: 0, terminated: false, state: 0, probability: 1, ...row }],
      });
    expect(leading({ probability: 0.9 })).toThrow(
      'Test: state 0, action 0: the probabilities sum to 0.9',
    );
    expect(leading({ state: 2 })).toThrow('leads to state 2 of 2');
    expect(leading({ reward: Number.NaN })).toThrow(EnvironmentError);
    const torn = finiteDynamics({ ...rules, outcomes: (s) => certain(1, 0, s === 0) });
    expect(() => fromDynamics(torn, { gamma: 1 })).toThrow(
      'state 1 ends the episode after one step',
    );
    expect(() => fromDynamics(frozenLake(), { gamma: 1.1 })).toThrow(ConfigError);
    expect(() => tabularMDP({ P: [1, 0, 0.5, 0.4], R: [0, 0], gamma: 0.9 })).toThrow(
      'P of state 1, action 0',
    );
    expect(() => tabularMDP({ P: [1, 0, 0], R: [0, 0], gamma: 0.9 })).toThrow(ShapeError);
  });
});

describe('values of policies', () => {
  test('A3 with γ = 1 an episodic problem has finite values, one without an end has none', () => {
    const lake = fromDynamics(frozenLake(), { gamma: 1 });
    expect(evaluatePolicy(lake, uniformPolicy(lake)).every(Number.isFinite)).toBe(true);
    const endless = { P: [1], R: [1] };
    const undiscounted = tabularMDP({ ...endless, gamma: 1 });
    expect(() => evaluatePolicy(undiscounted, Float64Array.of(1))).toThrow('take gamma below 1');
    expect(() => valueIteration(undiscounted, { sweeps: 100 })).toThrow('may never come to an end');
    const discounted = tabularMDP({ ...endless, gamma: 0.99 });
    expect(evaluatePolicy(discounted, Float64Array.of(1))[0]).toBeCloseTo(100, 10);
  });

  test('A3 with γ = 1 a policy that walks in circles and earns nothing is worth 0', () => {
    const lake = fromDynamics(frozenLake({ slippery: false }), { gamma: 1 });
    const leftwards = deterministicPolicy(lake, new Array(16).fill(0));
    expect(evaluatePolicy(lake, leftwards)[0]).toBe(0);
  });

  test('A4 equations and iteration give the same V, and V = Σ π Q', () => {
    const random = new RandomSequence({ seed: 1 });
    for (let trial = 0; trial < 10; trial++) {
      const mdp = randomMDP(random, { states: 6, actions: 3, gamma: 0.9 });
      const policy = randomPolicy(random, mdp);
      const V = evaluatePolicy(mdp, policy);
      expect(supNorm(V, iteratePolicy(mdp, policy))).toBeLessThan(1e-10);
      const Q = actionValues(mdp, V);
      for (const [s, value] of V.entries()) {
        const mean = [0, 1, 2].reduce((sum, a) => sum + policy[3 * s + a]! * Q[3 * s + a]!, 0);
        expect(Math.abs(value - mean)).toBeLessThan(1e-12);
      }
    }
    const mdp = fromDynamics(taxi(), { gamma: 1 });
    const V = evaluatePolicy(mdp, uniformPolicy(mdp));
    const Q = actionValues(mdp, V);
    const residual = V.map((v, s) => Q.subarray(6 * s, 6 * s + 6).reduce((a, b) => a + b) / 6 - v);
    expect(Math.max(...residual.map(Math.abs))).toBeLessThan(1e-8); // of values near -2000
  });

  test('A5 the objective is d0 · V: what many episodes earn in the mean', () => {
    const mdp = fromDynamics(frozenLake(), { gamma: 0.99 });
    const policy = softmaxPolicy(
      mdp,
      policyIteration(mdp).best.flatMap((best) =>
        [0, 1, 2, 3].map((a) => (best.includes(a) ? 3 : 0)),
      ),
    );
    const expected = startValue(mdp, evaluatePolicy(mdp, policy));
    const env = simulate(frozenLake()); // without its time limit, of which V knows nothing
    const random = new RandomSequence({ seed: 2 });
    const returns: number[] = [];
    env.reset({ seed: 3 });
    for (let episode = 0; episode < 3000; episode++) {
      let state = env.reset().observation as number;
      let [earned, discount, over] = [0, 1, false];
      while (!over) {
        const step = env.step(random.choice(policy.subarray(4 * state, 4 * state + 4)));
        earned += discount * step.reward;
        discount *= mdp.gamma;
        state = step.observation as number;
        over = step.terminated;
      }
      returns.push(earned);
    }
    const mean = returns.reduce((a, b) => a + b) / returns.length;
    const variance = returns.reduce((sum, g) => sum + (g - mean) ** 2, 0) / (returns.length - 1);
    expect(expected).toBeGreaterThan(0.1);
    expect(Math.abs(mean - expected)).toBeLessThan(3 * Math.sqrt(variance / returns.length));
  });

  test('A5 as a sum over all trajectories it is the same number', () => {
    const mdp = randomMDP(new RandomSequence({ seed: 4 }), { states: 3, actions: 2, gamma: 1 });
    const policy = randomPolicy(new RandomSequence({ seed: 5 }), mdp);
    let [total, earned] = [0, 0];
    for (const { probability, rewards } of enumerateTrajectories(mdp, policy, 4)) {
      total += probability;
      earned += probability * rewards.reduce((a, b) => a + b);
    }
    expect(Math.abs(total - 1)).toBeLessThan(1e-12);
    expect(Math.abs(earned - startValue(mdp, horizonValues(mdp, policy, 4)))).toBeLessThan(1e-12);
  });

  test('trajectories end where the episode ends', () => {
    const mdp = fromDynamics(frozenLake({ map: ['SG'], slippery: false }), { gamma: 1 });
    const all = [...enumerateTrajectories(mdp, uniformPolicy(mdp), 2)];
    expect(all.map(({ actions }) => actions.length).sort()).toEqual([1, ...Array(12).fill(2)]);
    expect(all.find(({ actions }) => actions.length === 1)).toEqual({
      probability: 0.25,
      states: [0, 1],
      actions: [2],
      rewards: [1],
    });
  });
});

describe('the best policies', () => {
  const trials = (
    n: number,
    run: (mdp: ReturnType<typeof randomMDP>, random: RandomSequence) => void,
  ) => {
    const random = new RandomSequence({ seed: 6 });
    for (let trial = 0; trial < n; trial++)
      run(randomMDP(random, { states: 4, actions: 3, gamma: 0.9 }), random);
  };

  test('A7 the greedy policy reaches V*, which no deterministic policy exceeds and one attains', () => {
    trials(5, (mdp) => {
      const { values, policy } = valueIteration(mdp);
      expect(supNorm(evaluatePolicy(mdp, deterministicPolicy(mdp, policy)), values)).toBeLessThan(
        1e-10,
      );
      const best = new Float64Array(4).fill(-Infinity);
      for (let number = 0; number < 3 ** 4; number++) {
        const choices = [0, 1, 2, 3].map((s) => Math.floor(number / 3 ** s) % 3);
        const V = evaluatePolicy(mdp, deterministicPolicy(mdp, choices));
        expect(['better', 'equal']).toContain(comparePolicies(values, V));
        for (const [s, v] of V.entries()) best[s] = Math.max(best[s]!, v);
      }
      expect(supNorm(best, values)).toBeLessThan(1e-10);
    });
  });

  test('A7 all best actions are listed, and any choice among them is optimal', () => {
    const lake = fromDynamics(frozenLake({ slippery: false }), { gamma: 0.99 });
    const { values, best } = valueIteration(lake);
    expect(best[0]).toEqual([1, 2]); // down and right: six steps either way
    for (const pick of [0, -1]) {
      const policy = deterministicPolicy(
        lake,
        best.map((actions) => actions.at(pick)!),
      );
      expect(supNorm(evaluatePolicy(lake, policy), values)).toBeLessThan(1e-10);
    }
    expect(bestActions(Float64Array.of(1, 3, 3, 2, 2, 2), 3)).toEqual([
      [1, 2],
      [0, 1, 2],
    ]);
  });

  test('A7 with γ = 1 of equal actions the one that leads on is taken, else the star is never reached', () => {
    // One cell short of the goal, waiting is as good as going, at each moment.
    const lake = fromDynamics(frozenLake({ map: ['SFG'], slippery: false }), { gamma: 1 });
    for (const { best, policy, values } of [valueIteration(lake), policyIteration(lake)]) {
      expect(best[1]).toEqual([0, 1, 2, 3]);
      expect(policy.slice(0, 2)).toEqual([2, 2]);
      expect(supNorm(evaluatePolicy(lake, deterministicPolicy(lake, policy)), values)).toBe(0);
    }
    const waiting = deterministicPolicy(lake, [0, 0, 0]);
    expect(evaluatePolicy(lake, waiting)[0]).toBe(0);
  });

  test('A9 the order on policies is partial', () => {
    const [low, high] = [Float64Array.of(1, 2), Float64Array.of(1, 3)];
    expect(comparePolicies(high, low)).toBe('better');
    expect(comparePolicies(low, high)).toBe('worse');
    expect(comparePolicies(low, low)).toBe('equal');
    expect(comparePolicies(low, Float64Array.of(2, 1))).toBe('incomparable');
  });

  test('A9 an improvement step never gives a worse policy', () => {
    let better = 0;
    trials(100, (mdp, random) => {
      const V = evaluatePolicy(mdp, randomPolicy(random, mdp));
      const greedy = bestActions(actionValues(mdp, V), mdp.actions).map((best) => best[0]!);
      const order = comparePolicies(evaluatePolicy(mdp, deterministicPolicy(mdp, greedy)), V);
      expect(['better', 'equal']).toContain(order);
      if (order === 'better') better++;
    });
    expect(better).toBeGreaterThan(95);
  });

  test('L9 V_π is at most max Q_π; at the argmax of Q* it may be more, against what the lecture says', () => {
    let above = 0;
    trials(100, (mdp, random) => {
      const V = evaluatePolicy(mdp, randomPolicy(random, mdp));
      const Q = actionValues(mdp, V);
      const star = policyIteration(mdp).policy;
      for (const [s, v] of V.entries()) {
        expect(v).toBeLessThanOrEqual(Math.max(...Q.subarray(3 * s, 3 * s + 3)) + 1e-12);
        if (v > Q[3 * s + star[s]!]! + 1e-6) above++;
      }
    });
    expect(above).toBeGreaterThan(10);
  });
});
