// Rollouts that stay on the device: what they hold, the same bits again, and after a stop.

import { expect, test } from 'vitest';
import { type CopiesSettings, openCopies } from '../../src/rl/copies.ts';
import type { Learner, LearnerState } from '../../src/rl/index.ts';
import {
  KernelEnvironment,
  MlpActorCritic,
  PPO_DEFAULTS,
  ppo,
  VectorEnvironment,
} from '../../src/rl/index.ts';
import { KernelCollector } from '../../src/rl/kernel_collector.ts';
import { gaeEstimator } from '../../src/rl/rollout.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';

const ID = 'CartPole-v1';
const [N, T, SEED] = [6, 20, 3];

const values = async (x: Tensor) => Array.from(await x.data());
const open = (rows = T, count = N) =>
  KernelEnvironment.open(device, ID, { count, seed: SEED, rows });

test('a rollout is the policy and the environments in turns', async () => {
  const environments = await open();
  const model = new MlpActorCritic(device, environments, { seed: 1 });
  const estimate = gaeEstimator({ gamma: 0.9, lambda: 0.8 });
  const options = { steps: T, seed: SEED, gamma: 0.9, estimate };
  const collector = new KernelCollector(device, model, environments, options);
  const single = await open(1);
  for (let rollout = 0; rollout < 2; rollout++) {
    const episodes = await collector.collect();
    const { observations, actions, logProbs, values: found, advantages } = collector.rollout;
    const [seen, taken] = [await values(observations), await values(actions)];
    const ended: unknown[] = [];
    for (let t = 0; t < T; t++) {
      expect(seen.slice(t * N * 4, (t + 1) * N * 4)).toEqual(await values(single.observations));
      single.step(device.tensor(taken.slice(t * N, (t + 1) * N), { dtype: 'i32' }));
      const [, , , returns, lengths] = chunks(await values(single.steps.outcomes), N);
      for (let copy = 0; copy < N; copy++)
        if (lengths![copy]! > 0)
          ended.push({ copy, return: returns![copy], length: lengths![copy], truncated: false });
    }
    expect(episodes).toEqual(ended);
    const { logProb } = model.policy(observations).evaluate(actions);
    expect(await values(logProbs)).toEqual(await values(logProb));
    expect(await values(found)).toEqual(await values(model.value(observations)));
    const share = taken.reduce((sum, action) => sum + action, 0) / taken.length;
    expect(Math.abs(share - 0.5)).toBeLessThan(0.2);
    expect((await values(advantages)).every(Number.isFinite)).toBe(true);
  }
  expect(await values(environments.states)).toEqual(await values(single.states));
  collector.dispose();
  single.dispose();
});

const chunks = (all: number[], size: number) =>
  Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size));

const COUNT = 4;
const settings = {
  ...PPO_DEFAULTS,
  ...{ seed: SEED, copies: N, rolloutSteps: T, learningRate: 1e-2, epochs: 2 },
  ...{ normaliseRewards: true, normaliseObservations: true },
};

async function learner(): Promise<Learner> {
  const environments = await open();
  return ppo(device, new MlpActorCritic(device, environments, settings), environments, settings);
}

async function iterations(from: number, to: number, saved?: LearnerState): Promise<LearnerState> {
  const trained = await learner();
  if (saved) trained.load(saved);
  for (let i = from; i < to; i++) await trained.iterate(i, COUNT);
  const state = await trained.save();
  trained.dispose();
  trained.model.dispose();
  return { ...state, state: JSON.parse(JSON.stringify(state.state)) };
}

test('the same seed twice, and a run that was stopped, give the same bits', async () => {
  const straight = await iterations(0, COUNT);
  const half = await iterations(0, COUNT / 2);
  const resumed = await iterations(COUNT / 2, COUNT, half);
  expect(resumed).toEqual(straight);
  expect(half).toEqual(await iterations(0, COUNT / 2));
  expect(half).not.toEqual(straight);
});

test('the setting environments chooses, and says what it cannot', async () => {
  const place = { seed: SEED, copies: 2, rolloutSteps: 3, environments: 'auto', noiseSteps: null };
  const opened = (id: string, changes: object) =>
    openCopies(device, id, { ...place, ...changes } as CopiesSettings);
  const kernel = await opened(ID, {});
  expect(kernel).toBeInstanceOf(KernelEnvironment);
  expect(kernel).toMatchObject({ count: 2, rows: 3 });
  expect(await opened(ID, { environments: 'typescript' })).toBeInstanceOf(VectorEnvironment);
  expect(await opened('Acrobot-v1', {})).toBeInstanceOf(VectorEnvironment);
  expect(await opened('Pendulum-v1', { noiseSteps: 4 })).toBeInstanceOf(VectorEnvironment);
  await expect(opened('Acrobot-v1', { environments: 'kernel' })).rejects.toThrow(
    'Acrobot-v1 has no kernel',
  );
  await expect(opened('Pendulum-v1', { environments: 'kernel', noiseSteps: 4 })).rejects.toThrow(
    'noiseSteps is 4',
  );
});
