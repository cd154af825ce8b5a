// The toy-text environments and grid worlds: their rules, their maps and what is seen of them.

import { describe, expect, test } from 'vitest';
import {
  cliffWalking,
  type FiniteDynamics,
  frozenLake,
  gridWorld,
  makeEnvironment,
  randomMaze,
  simulate,
  solve,
  taxi,
} from '../../src/rl/index.ts';
import { stepsToStar } from './tabular/walks.ts';

const lines = (rules: FiniteDynamics, state: number) => {
  const picture = rules.picture!(state);
  return picture.kind === 'text' ? picture.lines : [];
};
/** [state, reward, terminated] of what is certain. */
const follows = (rules: FiniteDynamics, state: number, action: number) => {
  const [only, ...others] = rules.outcomes(state, action);
  expect(others).toEqual([]);
  return [only!.state, only!.reward, only!.terminated];
};

describe('FrozenLake', () => {
  test('slips to either side, but never back', () => {
    const row = (state: number, action: number) =>
      frozenLake()
        .outcomes(state, action)
        .map(({ state, reward, terminated }) => [state, reward, terminated]);
    expect(row(0, 0)).toEqual([
      [0, 0, false],
      [0, 0, false],
      [4, 0, false],
    ]);
    expect(row(14, 2)).toEqual([
      [14, 0, false],
      [15, 1, true],
      [10, 0, false],
    ]);
    expect(row(4, 2)[1]).toEqual([5, 0, true]);
  });

  test('takes a map of its user, and refuses one that is none', () => {
    const own = frozenLake({ map: ['SFG'], slippery: false });
    expect(follows(own, 1, 2)).toEqual([2, 1, true]);
    expect(() => frozenLake({ map: ['SF', 'G'] })).toThrow('row 1 of the map has 1 cells');
    expect(() => frozenLake({ map: ['S?G'] })).toThrow('a cell is one of S F H G');
    expect(() => frozenLake({ map: [] })).toThrow('the map is empty');
    expect(() => frozenLake({ map: ['FFG'] })).toThrow('no state to start in');
  });

  test('is shown with the agent in brackets', () => {
    expect(lines(frozenLake(), 5)[1]).toBe(' F [H] F  H ');
  });
});

test('CliffWalking sends one who falls back to the start', () => {
  const cliff = cliffWalking();
  expect(follows(cliff, 36, 1)).toEqual([36, -100, false]);
  expect(follows(cliff, 36, 0)).toEqual([24, -1, false]);
  expect(follows(cliff, 35, 2)).toEqual([47, -1, true]);
  expect(follows(cliff, 0, 3)).toEqual([0, -1, false]);
});

describe('Taxi', () => {
  test('follows the published rows of state 328', () => {
    const expected = [428, 228, 348, 328, 328, 328];
    const rewards = [-1, -1, -1, -1, -10, -10];
    for (const [action, state] of expected.entries())
      expect(follows(taxi(), 328, action)).toEqual([state, rewards[action], false]);
  });

  test('a whole fare: fetched at Y, taken to R', () => {
    const env = simulate(taxi(), { limit: 200 });
    let seed = 0;
    while (env.reset({ seed }).observation !== 328) seed++;
    const down = 0;
    const [up, left, pickUp, dropOff] = [1, 3, 4, 5];
    const way = [up, left, down, down, pickUp, up, up, up, up, dropOff];
    const rewards = way.map((action) => env.step(action).reward);
    expect(rewards).toEqual([-1, -1, -1, -1, -1, -1, -1, -1, -1, 20]);
    expect(() => env.step(0)).toThrow('no episode is under way');
  });

  test('another stop than the destination takes the passenger too, and can be left again', () => {
    const riding = (4 * 5 + 4) * 4 + 1; // in the taxi at G, column 4 of row 0, to G
    const elsewhere = (4 * 5 + 4) * 4 + 0; // to R
    expect(follows(taxi(), riding, 5)).toEqual([(4 * 5 + 1) * 4 + 1, 20, true]);
    expect(follows(taxi(), elsewhere, 5)).toEqual([(4 * 5 + 1) * 4, -1, false]);
    expect(follows(taxi(), (4 * 5 + 1) * 4, 4)).toEqual([elsewhere, -1, false]);
  });

  test('is shown with taxi, passenger and destination', () => {
    expect(lines(taxi(), 328)).toEqual([
      ' >R    . |  .    .    G  ',
      '  .    . |  .    .    .  ',
      '  .    .    .    .    .  ',
      '  . |[ .]   . |  .    .  ',
      '  y |  .    . |  B    .  ',
      'passenger: waits at Y, to R',
    ]);
  });
});

describe('grid worlds', () => {
  test('A11 a blocker and the border keep the agent where it is; the star pays 1 and ends', () => {
    const world = gridWorld({ map: ['S.#', '..*'] });
    expect(follows(world, 0, 0)).toEqual([0, 0, false]);
    expect(follows(world, 1, 3)).toEqual([1, 0, false]);
    expect(follows(world, 4, 3)).toEqual([5, 1, true]);
    expect(follows(gridWorld({ map: ['S.#', '..*'], reward: 'maze' }), 1, 3)).toEqual([
      1,
      -1,
      false,
    ]);
  });

  test('A11 begins at an S, or anywhere that is free', () => {
    expect([...gridWorld({ map: ['S..S*'] }).d0]).toEqual([0.5, 0, 0, 0.5, 0]);
    expect([...gridWorld({ map: ['..#*'] }).d0]).toEqual([0.5, 0.5, 0, 0]);
    expect(() => gridWorld({ map: ['#*'] })).toThrow('no cell to start in');
  });

  test('A12 a random maze is its seed’s, has all rooms joined, and more ways where walls are open', () => {
    const size = { rows: 7, columns: 9 };
    const maze = randomMaze({ seed: 3, ...size });
    expect(randomMaze({ seed: 3, ...size })).toEqual(maze);
    expect(randomMaze({ seed: 4, ...size })).not.toEqual(maze);
    const free = maze.join('').replaceAll('#', '').length;
    expect(free).toBe(2 * 63 - 1); // rooms, and a tree of passages
    expect(stepsToStar(gridWorld({ map: maze })).filter(Number.isFinite).length).toBe(free);
    const open = randomMaze({ seed: 3, ...size, open: 0.3 });
    expect(open.join('').replaceAll('#', '').length).toBeGreaterThan(free + 10);
    expect(() => randomMaze({ seed: 1, rows: 0, columns: 3 })).toThrow('0 x 3 rooms');
  });

  test('A13 the same seed plays the same, in every grid', () => {
    for (const id of [
      'FrozenLake8x8-v1',
      'CliffWalking-v1',
      'Taxi-v3',
      'GridWorld-v0',
      'Maze-v0',
    ]) {
      const play = (seed: number) => {
        const env = makeEnvironment(id);
        const seen: unknown[] = [env.reset({ seed })];
        for (let t = 0; t < 150; t++) {
          const step = env.step(t % 4);
          seen.push(step, ...(step.terminated || step.truncated ? [env.reset()] : []));
        }
        return seen;
      };
      expect(play(8)).toEqual(play(8));
    }
  });
});

describe('solve', () => {
  test('A6 by id, both ways, as plain numbers', () => {
    const byValues = solve('FrozenLake-v1');
    const byPolicies = solve('FrozenLake-v1', { algorithm: 'policy-iteration', gamma: 0.99 });
    for (const solved of [byValues, byPolicies]) {
      expect(Math.abs(solved.startValue - 0.542026)).toBeLessThan(1e-6);
      expect(solved.values[0]).toBe(solved.startValue);
      expect(solved.policy.slice(0, 4)).toEqual([0, 3, 3, 3]);
      expect(solved.residual).toBeLessThan(1e-12);
      expect(Math.abs(solved.evalReturn! - 0.740165)).toBeLessThan(1e-6);
      expect(JSON.parse(JSON.stringify(solved))).toEqual(solved);
    }
    expect(byPolicies.iterations).toBeLessThan(20);
    const own = solve(gridWorld({ map: ['S..*'] }), { gamma: 0.5 });
    expect(own).toMatchObject({ values: [0.25, 0.5, 1, 0], evalReturn: null });
  });

  test('A6 refuses what cannot be solved, and says what can', () => {
    expect(() => solve('CartPole-v1')).toThrow(/cannot be listed.*FrozenLake-v1, .*Maze-v0/);
    expect(() => solve('FrozenLake-v2')).toThrow('did you mean "FrozenLake-v1"?');
    expect(() => solve('Taxi-v3', { gamma: 2 })).toThrow('gamma is 2, expected 0 to 1');
    expect(() => solve('Taxi-v3', { algorithm: 'value-iterations' as 'value-iteration' })).toThrow(
      'did you mean "value-iteration"?',
    );
    const large = gridWorld({
      map: randomMaze({ seed: 1, rows: 40, columns: 40 }),
      reward: 'maze',
    });
    expect(() => solve(large, { algorithm: 'policy-iteration' })).toThrow(
      /unknown values, at most 2000; use iteratePolicy or value iteration/,
    );
    const walled = gridWorld({ map: ['S#*'], reward: 'maze' });
    for (const algorithm of ['value-iteration', 'policy-iteration'] as const)
      expect(() => solve(walled, { algorithm, gamma: 1 })).toThrow(/with gamma 1/);
  });
});
