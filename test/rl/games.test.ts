// Asteroids, pursuit, the recommender and the cooling: their rules, and the optimum where it is known.

import { describe, expect, test } from 'vitest';
import { asteroids, cellAt } from '../../src/rl/env/asteroids.ts';
import {
  asteroidsExpert,
  bestFanSpeed,
  cooling,
  ENVIRONMENTS,
  makeEnvironment,
  pursuit,
  RandomSequence,
  recommender,
  scriptedReturns,
} from '../../src/rl/index.ts';
import {
  fromDynamics,
  horizonOptimum,
  horizonValues,
  startValue,
  uniformPolicy,
} from '../../src/rl/tabular/index.ts';

describe('K3 Asteroids', () => {
  const { next, observe } = asteroids();
  const random = new RandomSequence({ seed: 1 });
  const [STAY, RIGHT, FIRE_UP] = [0, 4, 5];
  const far = [3, 3, 0, 1, 3, 3, 0, 1, 3, 3, 0, 1, 3, 3, 0, 1]; // four rocks out of the way
  const stepOf = (rock: number[], action: number) => next([0, 0, ...rock, ...far], action, random);

  test('rocks drift around the ring, seen from the ship, which moves too', () => {
    expect(stepOf([2, 1, 1, -1], STAY).state.slice(2, 6)).toEqual([3, 0, 1, -1]);
    expect(stepOf([3, 1, 1, 0], STAY).state.slice(2, 6)).toEqual([-3, 1, 1, 0]);
    expect(stepOf([2, 1, 1, -1], RIGHT).state.slice(0, 6)).toEqual([1, 0, 2, 0, 1, -1]);
  });

  test('a rock that comes to the ship is the end; one that the ship moves past is not', () => {
    expect(stepOf([1, 1, -1, -1], STAY)).toMatchObject({ terminated: true, reward: 0 });
    expect(stepOf([1, 1, -1, -1], RIGHT).terminated).toBe(false);
    expect(stepOf([1, 0, 0, 1], RIGHT).terminated).toBe(false);
  });

  test('a shot hits where the rock has come to, and another drifts in from the rim', () => {
    const hit = stepOf([1, -2, -1, 0], FIRE_UP);
    expect(hit.reward).toBe(1);
    expect(Math.max(...hit.state.slice(2, 4))).toBe(3);
    expect(stepOf([0, -2, 1, 0], FIRE_UP).reward).toBe(0); // it was in the line, and has left it
  });

  test('states that differ in velocity look the same, and their next frames do not', () => {
    const [left, right] = [-1, 1].map((dx) => [0, 0, 2, -2, dx, 0, ...far]);
    expect(observe(left!)).toEqual(observe(right!));
    const [a, b] = [left!, right!].map((state) => observe(next(state, STAY, random).state));
    expect(a).not.toEqual(b);
    expect(a![cellAt(1, -2)]).toBe(1);
  });

  test('who remembers one frame gets more than twice what others get, by 95 % intervals', () => {
    const play = (memory: boolean) => {
      const returns = scriptedReturns(
        makeEnvironment('Asteroids7x7-v0'),
        () => asteroidsExpert({ memory }),
        { episodes: 12, seed: 3 },
      );
      const mean = returns.reduce((a, b) => a + b) / returns.length;
      const square = returns.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (returns.length - 1);
      const half = 1.96 * Math.sqrt(square / returns.length);
      return { low: mean - half, high: mean + half };
    };
    const [remembers, forgets] = [play(true), play(false)];
    expect(remembers.low).toBeGreaterThan(2 * forgets.high);
  });
});

describe('K5 pursuit', () => {
  const mdp = fromDynamics(pursuit(), { gamma: 1 });

  test('random and optimal returns by dynamic programming are those of the registry', () => {
    const { limit, anchors } = ENVIRONMENTS['Pursuit-v0']!;
    const optimum = startValue(mdp, horizonOptimum(mdp, limit).values);
    expect(optimum).toBeCloseTo(anchors.optimal!, 2);
    const random = startValue(mdp, horizonValues(mdp, uniformPolicy(mdp), limit));
    expect(random).toBeCloseTo(anchors.random, 2);
  });

  test('the evader runs as far as it can, and rests half of the time', () => {
    const dynamics = pursuit();
    const start = dynamics.d0.findIndex((p) => p > 0);
    for (const outcome of dynamics.outcomes(start, 0)) expect(outcome.reward).toBe(-1);
    const rest = dynamics.outcomes(start, 0).find(({ state }) => state % 21 === start % 21);
    expect(rest!.probability).toBeGreaterThanOrEqual(0.5);
  });
});

describe('K6 recommender', () => {
  test('its anchors are exact: over all users and items', () => {
    const { users, clicks } = recommender();
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    const table = users.map(clicks);
    const popular = table[0]!.map((_, item) => mean(table.map((row) => row[item]!)));
    const { random, scripted, optimal } = ENVIRONMENTS['Recommender-v0']!.anchors;
    expect(mean(table.flat())).toBeCloseTo(random, 3);
    expect(Math.max(...popular)).toBeCloseTo(scripted!, 3);
    expect(mean(table.map((row) => Math.max(...row)))).toBeCloseTo(optimal!, 3);
  });
});

describe('K6 cooling', () => {
  const { next, begin } = cooling();
  const none = new RandomSequence({ seed: 0 });
  const run = (start: number[], fans: Iterable<number>) => {
    let [state, total] = [start, 0];
    for (const fan of fans) {
      const step = next(state, Float64Array.of(fan), none);
      state = step.state;
      total += step.reward;
    }
    return { state, total };
  };
  const held = (fan: number, steps: number) => new Array<number>(steps).fill(fan);

  test('no speed that is held costs less than the best one', () => {
    for (const [outside, load] of [
      [15, 0.5],
      [20, 0.7],
      [30, 1],
    ] as const) {
      const costOf = (fan: number) =>
        -run(run([24, outside, load], held(fan, 600)).state, [fan]).total;
      const best = bestFanSpeed(outside, load);
      for (const away of [-0.1, -0.01, -0.001, 0.001, 0.01, 0.1])
        expect(costOf(best + away)).toBeGreaterThan(costOf(best));
    }
  });

  test('the best of all plans is the optimum of the registry, and the scripted one is near it', () => {
    const random = new RandomSequence({ seed: 11 });
    const { optimal, scripted } = ENVIRONMENTS['Cooling-v0']!.anchors;
    let [difference, n] = [0, 40];
    for (let i = 0; i < n; i++) {
      const start = begin(random);
      const plan = run(start, bestPlan(start, 200)).total;
      const holds = run(start, held(bestFanSpeed(start[1]!, start[2]!), 200)).total;
      expect(plan).toBeGreaterThan(holds);
      difference += (plan - holds) / n;
    }
    expect(Math.abs(difference - (optimal! - scripted!))).toBeLessThan(1);
  });

  /** Least Σ fan³ + 0.05 (T - 24)²: convex, by Nesterov's gradient steps over all speeds together. */
  function bestPlan([room, outside, load]: number[], steps: number): Float64Array {
    let [fans, ahead, momentum] = [new Float64Array(steps), new Float64Array(steps), 1];
    for (let iteration = 0; iteration < 600; iteration++) {
      const excess = new Float64Array(steps);
      let temperature = room!;
      for (const [t, fan] of ahead.entries()) {
        temperature += 0.05 * (outside! - temperature) + load! - 1.5 * fan;
        excess[t] = temperature - 24;
      }
      const better = new Float64Array(steps);
      let later = 0; // of the cost to come, by the temperature now
      for (let t = steps - 1; t >= 0; t--) {
        later = 0.95 * later + 0.1 * excess[t]!;
        const slope = 3 * ahead[t]! ** 2 - 1.5 * later;
        better[t] = Math.min(1, Math.max(0, ahead[t]! - slope / 96));
      }
      const grown = (1 + Math.sqrt(1 + 4 * momentum ** 2)) / 2;
      ahead = better.map((fan, t) => fan + ((momentum - 1) / grown) * (fan - fans[t]!));
      [fans, momentum] = [better, grown];
    }
    return fans;
  }
});
