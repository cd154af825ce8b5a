// frameStack: the last n observations as one.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { meanInterval } from '../../src/io/mean_interval.ts';
import { checkEnv, frameStack, makeEnvironment } from '../../src/rl/index.ts';

const stacked = (n: number) => () => frameStack(makeEnvironment('CartPoleNoVelocity-v1'), n);

test('the newest frame is last, and the first of an episode fills all', () => {
  const [env, single] = [stacked(3)(), makeEnvironment('CartPoleNoVelocity-v1')];
  expect(env.observationSpace).toMatchObject({ kind: 'box', shape: [6] });
  const frames = [single.reset({ seed: 1 })].map(({ observation }) => observation as Float64Array);
  const [o0] = frames;
  expect(env.reset({ seed: 1 }).observation).toEqual(Float64Array.of(...o0!, ...o0!, ...o0!));
  for (const action of [1, 0, 1, 1]) {
    frames.push(single.step(action).observation as Float64Array);
    const last = [o0!, o0!, ...frames].slice(-3).flatMap((frame) => [...frame]);
    expect(env.step(action).observation).toEqual(Float64Array.from(last));
  }
});

test('channels are stacked, rows and columns stay', () => {
  const env = frameStack(makeEnvironment('Asteroids7x7-v0'), 2);
  expect(env.observationSpace).toMatchObject({ shape: [4, 7, 7] });
});

test('keeps the contract, snapshots included', () => {
  checkEnv(stacked(4), { name: 'stacked', steps: 200 });
  expect(() => stacked(2)().restore({ environment: null, frames: [[0], [0], [0]] })).toThrow(
    'frameStack: a snapshot of 3 frames for a stack of 2',
  );
});

test('bad input', () => {
  expect(stacked(0)).toThrow('frameStack: n is 0, expected at least 1');
  expect(() => frameStack(makeEnvironment('FrozenLake-v1'), 2)).toThrow(
    'frameStack: discrete observations have no frames to stack',
  );
});

interface Run {
  readonly environment: string;
  readonly evalReturn: number;
}

test('C14 in the published runs PPO learns from four frames what one does not tell, 95 % intervals apart', () => {
  const text = readFileSync('bench/results/hidden-velocity.json', 'utf8');
  const { runs } = JSON.parse(text) as { runs: Run[] };
  const of = (id: string) => {
    const returns = runs.filter((run) => run.environment === id).map((run) => run.evalReturn);
    expect(returns.length).toBe(5);
    return meanInterval(returns);
  };
  const [frames, single] = [of('CartPoleFrames-v1'), of('CartPoleNoVelocity-v1')];
  expect(frames.mean - frames.margin).toBeGreaterThan(single.mean + single.margin);
});
