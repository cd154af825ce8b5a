// TRPO keeps its promise at every update, learns, and goes on bit for bit; the natural policy gradient takes whole steps.

import { describe, expect, test } from 'vitest';
import { mean } from '../../src/ops/reduce.ts';
import { closedForm, divergence } from '../../src/rl/divergence.ts';
import { MlpActorCritic } from '../../src/rl/networks.ts';
import { makeEnvironment } from '../../src/rl/registry.ts';
import { actionsOf, encode } from '../../src/rl/rollout.ts';
import { agentSettings } from '../../src/rl/train_agent.ts';
import { TRPO_DEFAULTS, Trpo, type TrpoSettings } from '../../src/rl/trpo.ts';
import { VectorEnvironment } from '../../src/rl/vector.ts';
import { noGrad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';
import { follow } from './follow.ts';

const SETTINGS: TrpoSettings & { seed: number } = {
  ...TRPO_DEFAULTS,
  copies: 4,
  rolloutSteps: 64,
  minibatches: 2,
  valueEpochs: 4,
  damping: 1e-3,
  hidden: [16],
  seed: 3,
};

function learnerOf(name: 'CartPole-v1' | 'Follow', own: Partial<TrpoSettings> = {}) {
  const settings = { ...SETTINGS, ...own };
  const copies =
    name === 'Follow'
      ? follow(settings.copies)
      : new VectorEnvironment(() => makeEnvironment(name), settings.copies);
  const model = new MlpActorCritic(device, copies, settings);
  return { learner: new Trpo(device, model, copies, settings), model };
}

const parametersOf = async ({ model }: { model: MlpActorCritic }) => {
  const all: Record<string, number[]> = {};
  for (const [name, x] of model.namedTensors()) all[name] = [...(await x.data())];
  return all;
};

const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe('C9 at every update', () => {
  test('the measured KL is within its bound, and the surrogate does not fall', async () => {
    const { learner } = learnerOf('CartPole-v1');
    for (let i = 0; i < 12; i++) {
      const { metrics } = await learner.iterate();
      expect(metrics.kl).toBeLessThanOrEqual(SETTINGS.delta);
      expect(metrics.surrogateGain).toBeGreaterThanOrEqual(0);
      expect(metrics.solverResidual).toBeLessThan(0.5);
    }
    learner.dispose();
  });

  test('on states that were not learned from the KL is at most 1.5 times the bound', async () => {
    const { learner, model } = learnerOf('CartPole-v1', { rolloutSteps: 128 });
    const states = await statesOf(model);
    for (let i = 0; i < 5; i++) {
      const logits = () => closedForm(model.policy(device.tensor(states, { shape: [256, 4] })));
      const before = noGrad(logits);
      await learner.iterate();
      const kl = await noGrad(() => mean(divergence(before, logits()))).item();
      expect(kl).toBeLessThan(1.5 * SETTINGS.delta);
    }
    learner.dispose();
  });

  /** 256 states that the policy comes through, in episodes of their own. */
  async function statesOf(model: MlpActorCritic): Promise<Float32Array> {
    const copies = new VectorEnvironment(() => makeEnvironment('CartPole-v1'), 16);
    let { observations } = copies.reset(99);
    const states = new Float32Array(256 * 4);
    for (let t = 0; t < 16; t++) {
      const rows = encode(copies.observationSpace, observations);
      states.set(rows, t * 64);
      device.beginStep(5, t);
      const drawn = noGrad(() => model.policy(device.tensor(rows, { shape: [16, 4] })).sample());
      ({ observations } = copies.step(actionsOf(copies.actionSpace, await drawn.data())));
    }
    return states;
  }

  test('a step that no trial allows is not taken: the policy stays as it was, to the bit', async () => {
    const strict = learnerOf('CartPole-v1', { delta: 1e-30 }); // too small to change anything: nothing is gained
    const before = await parametersOf(strict);
    const { metrics } = await strict.learner.iterate();
    const after = await parametersOf(strict);
    expect(metrics).toMatchObject({ kl: 0, surrogateGain: 0, stepShare: 0 });
    for (const [name, values] of Object.entries(before)) {
      if (name.startsWith('actor')) expect(after[name]).toEqual(values);
      else expect(after[name]).not.toEqual(values);
    }
    strict.learner.dispose();
  });
});

test('C8 the natural policy gradient takes the whole step, whose KL is about its bound', async () => {
  const { learner } = learnerOf('CartPole-v1', { searchSteps: 0, delta: 1e-3, damping: 0.1 });
  for (let i = 0; i < 4; i++) {
    const { metrics } = await learner.iterate();
    expect(metrics.stepShare).toBe(1);
    expect(metrics.kl! / 1e-3).toBeGreaterThan(0.5);
    expect(metrics.kl! / 1e-3).toBeLessThan(1.5);
  }
  learner.dispose();
});

describe('learns', () => {
  test('continuous actions: to follow what it sees', async () => {
    const { learner } = learnerOf('Follow', { delta: 0.05, gamma: 0, lambda: 0 });
    const returns: number[] = [];
    for (let i = 0; i < 25; i++) {
      const { episodes } = await learner.iterate();
      returns.push(average(episodes.map((episode) => episode.return)));
    }
    expect(average(returns.slice(0, 3))).toBeLessThan(-8); // 10 steps with σ = 1
    expect(average(returns.slice(-3))).toBeGreaterThan(-2);
    learner.dispose();
  });

  test('CartPole: to balance ever longer', async () => {
    const { learner } = learnerOf('CartPole-v1', { rolloutSteps: 128, hidden: [32], lambda: 0.98 });
    const lengths: number[] = [];
    for (let i = 0; i < 15; i++) {
      const { episodes } = await learner.iterate();
      lengths.push(average(episodes.map(({ length }) => length)));
    }
    expect(lengths[0]).toBeLessThan(30);
    expect(average(lengths.slice(-3))).toBeGreaterThan(70);
    learner.dispose();
  });
});

test('goes on from its state as if it had not been stopped, to the bit', async () => {
  const straight = learnerOf('CartPole-v1', { normaliseObservations: true });
  for (let i = 0; i < 2; i++) await straight.learner.iterate();
  const saved = await straight.learner.save();
  const resumed = learnerOf('CartPole-v1', { normaliseObservations: true });
  resumed.learner.load({ ...saved, state: JSON.parse(JSON.stringify(saved.state)) });
  for (let i = 0; i < 2; i++) {
    const [a, b] = [await straight.learner.iterate(), await resumed.learner.iterate()];
    expect(b).toEqual(a);
  }
  expect(await parametersOf(resumed)).toEqual(await parametersOf(straight));
  for (const { learner } of [straight, resumed]) learner.dispose();
});

test('bad settings are refused before anything is trained', () => {
  const refusals = { delta: 0, damping: -1, shrink: 1.5, solverIterations: 0, gamma: 2 };
  for (const [name, value] of Object.entries(refusals))
    expect(() => agentSettings('trpo', { [name]: value })).toThrow(`${name} is ${value}`);
  expect(() => learnerOf('CartPole-v1', { minibatches: 3 })).toThrow(
    'a rollout of 64 steps of 4 copies has 256 samples, which it does not divide',
  );
});
