// The contract of environments, and how ours are made: simulate, vectors, random sequences.

import { describe, expect, test } from 'vitest';
import { EnvironmentError } from '../../src/errors.ts';
import { cartPole } from '../../src/rl/env/cart_pole.ts';
import {
  makeEnvironment,
  RandomSequence,
  simulate,
  VectorEnvironment,
} from '../../src/rl/index.ts';
import { fillNormal, fillUniform } from '../../src/tensor/philox.ts';

const play = (seed: number, steps: number) => {
  const env = makeEnvironment('CartPole-v1');
  const observations = [env.reset({ seed }).observation];
  for (let t = 0; t < steps; t++) {
    const step = env.step(t % 2);
    observations.push(step.observation);
    if (step.terminated) observations.push(env.reset().observation);
  }
  return observations;
};

describe('one environment', () => {
  test('A13 the same seed gives the same trajectory, another seed another', () => {
    expect(play(3, 100)).toEqual(play(3, 100));
    expect(play(4, 100)).not.toEqual(play(3, 100));
  });

  test('goes on from a snapshot bit for bit, also across the end of an episode', () => {
    const env = makeEnvironment('CartPole-v1');
    env.reset({ seed: 5 });
    for (let t = 0; t < 4; t++) env.step(1);
    const saved = JSON.parse(JSON.stringify(env.snapshot()));
    const rest = () => {
      const seen: unknown[] = [];
      for (let t = 0; t < 60; t++) {
        const step = env.step(1);
        seen.push(step);
        if (step.terminated) seen.push(env.reset());
      }
      return seen;
    };
    const straight = rest();
    env.restore(saved);
    expect(rest()).toEqual(straight);
  });

  test('is refused without a seed, before reset, after the end, and with an action out of its space', () => {
    const env = makeEnvironment('CartPole-v1');
    expect(() => env.reset()).toThrow('the first reset needs a seed');
    expect(() => env.step(0)).toThrow('no episode is under way');
    env.reset({ seed: 1 });
    for (const action of [2, -1, 0.5, Number.NaN, Float64Array.of(1)])
      expect(() => env.step(action)).toThrow(EnvironmentError);
    while (!env.step(1).terminated);
    expect(() => env.step(0)).toThrow(
      'CartPole-v1: no episode is under way; call reset() before step()',
    );
  });

  test('an unknown id names the nearest, and lists all', () => {
    expect(() => makeEnvironment('CartPol-v1')).toThrow('did you mean "CartPole-v1"?');
  });

  test('the limit truncates, and an end in the last step terminates only', () => {
    const env = simulate(cartPole(), { limit: 3 });
    env.reset({ seed: 1 });
    const flags = [0, 1, 0].map((action) => {
      const { terminated, truncated } = env.step(action);
      return [terminated, truncated];
    });
    expect(flags).toEqual([
      [false, false],
      [false, false],
      [false, true],
    ]);
    const falling = simulate({ ...cartPole(), begin: () => [2.39, 10, 0, 0] }, { limit: 1 });
    falling.reset({ seed: 1 });
    expect(falling.step(0)).toMatchObject({ terminated: true, truncated: false });
  });
});

describe('a vector', () => {
  test('of N copies is N environments one at a time, with what each step led to', () => {
    const vector = new VectorEnvironment(() => makeEnvironment('CartPole-v1'), 3);
    const singles = [0, 1, 2].map(() => makeEnvironment('CartPole-v1'));
    const { observations } = vector.reset(7);
    expect(observations).toEqual(
      singles.map((env, i) => env.reset({ seed: 7, stream: i }).observation),
    );
    const returns = [0, 0, 0];
    let ends = 0;
    for (let t = 0; t < 80; t++) {
      const actions = [t % 2, 1, Number(t % 3 === 0)];
      const step = vector.step(actions);
      for (const [i, env] of singles.entries()) {
        const single = env.step(actions[i]!);
        returns[i]! += single.reward;
        expect(step.finalObservations[i]).toEqual(single.observation);
        expect(step.terminated[i]).toBe(Number(single.terminated));
        if (single.terminated) {
          const episode = step.episodes.find(({ copy }) => copy === i);
          expect(episode).toMatchObject({ return: returns[i], truncated: false });
          returns[i] = 0;
          ends++;
        }
        const next = single.terminated ? env.reset().observation : single.observation;
        expect(step.observations[i]).toEqual(next);
      }
    }
    expect(ends).toBeGreaterThan(10);
  });

  test('goes on from a snapshot, returns under way included', () => {
    const make = () => new VectorEnvironment(() => makeEnvironment('CartPole-v1'), 2);
    const [a, b] = [make(), make()];
    a.reset(2);
    for (let t = 0; t < 5; t++) a.step([1, 0]);
    b.restore(JSON.parse(JSON.stringify(a.snapshot())));
    for (let t = 0; t < 30; t++) expect(b.step([1, 0])).toEqual(a.step([1, 0]));
  });
});

describe('random sequences', () => {
  test('are the elements of a Philox draw', () => {
    const drawn = new Float64Array(9);
    fillUniform(drawn, { seed: 11, stream: 4 });
    const random = new RandomSequence({ seed: 11, stream: 4 });
    expect([...drawn].map(() => random.uniform())).toEqual([...drawn]);
    const normals = new Float64Array(6);
    fillNormal(normals, { seed: 11, stream: 4 });
    const again = new RandomSequence({ seed: 11, stream: 4 });
    expect([0, 2, 4].map(() => again.normal())).toEqual([0, 2, 4].map((i) => normals[i]));
  });

  test('choice follows the weights', () => {
    const random = new RandomSequence({ seed: 1 });
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[random.choice([1, 0, 3])]!++;
    expect(counts[1]).toBe(0);
    expect(Math.abs(counts[0]! / 30_000 - 0.25)).toBeLessThan(0.01);
    expect(() => random.choice([0, 0])).toThrow('the weights sum to 0');
  });
});
