// Scripted experts, and the anchors of the registry: what random, scripted and optimal policies get.

import { describe, expect, test } from 'vitest';
import {
  ENVIRONMENTS,
  type Environment,
  EXPERTS,
  expertFor,
  makeEnvironment,
  randomPolicy,
  type ScriptedPolicy,
  scriptedReturns,
} from '../../src/rl/index.ts';

/** Mean return and its standard error, from 20 episodes or more, as many as 40,000 steps allow, 400 at most. */
function measure(env: Environment, newPolicy: () => ScriptedPolicy, seed: number) {
  let steps = 0;
  const counted: Environment = {
    ...env,
    step(action) {
      steps++;
      return env.step(action);
    },
  };
  const returns: number[] = [];
  while (returns.length < 20 || (returns.length < 400 && steps < 40_000))
    returns.push(
      ...scriptedReturns(counted, newPolicy, { episodes: 20, seed: seed + returns.length }),
    );
  const mean = returns.reduce((a, b) => a + b) / returns.length;
  const variance = returns.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (returns.length - 1);
  return { mean, error: Math.sqrt(variance / returns.length) };
}

describe('anchors', () => {
  test.each(Object.keys(ENVIRONMENTS))('K6 %s: random, scripted, optimal', (id) => {
    const { anchors } = ENVIRONMENTS[id]!;
    const env = makeEnvironment(id);
    const policy = randomPolicy(env, 5);
    const random = measure(env, () => policy, 1000);
    expect(Math.abs(random.mean - anchors.random)).toBeLessThan(4 * random.error + 0.051);
    expect(anchors.scripted !== undefined).toBe(id in EXPERTS);
    if (anchors.scripted === undefined) return;
    const scripted = measure(env, expertFor(id), 2000);
    expect(Math.abs(scripted.mean - anchors.scripted)).toBeLessThan(4 * scripted.error + 0.051);
    expect(scripted.mean).toBeGreaterThan(random.mean);
    if (anchors.optimal !== undefined)
      expect(scripted.mean).toBeLessThan(anchors.optimal + 4 * scripted.error + 0.051);
  });
});

// Computed from the definitions apart from this code.
test.each([
  ['CartPole-v1', 500],
  ['MountainCar-v0', -119.5],
  ['Pendulum-v1', -152.6],
  ['Acrobot-v1', -83.4],
])('A13 the scripted expert of %s gets what was computed for it elsewhere', (id, known) => {
  const { mean, error } = measure(makeEnvironment(id), expertFor(id), 7);
  expect(Math.abs(mean - known)).toBeLessThan(3 * error + 0.051);
});

test('where there is no expert, the message lists those that are', () => {
  expect(() => expertFor('Chess-v0')).toThrow(
    'no scripted expert for "Chess-v0"; there are CartPole-v1,',
  );
});
