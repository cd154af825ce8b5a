// Soft actor-critic: its policy is a density over the actions, its parts move as they should, it learns, and goes on bit
// for bit.

import { describe, expect, test } from 'vitest';
import { makeEnvironment } from '../../src/rl/registry.ts';
import { SAC_DEFAULTS, Sac, type SacSettings } from '../../src/rl/sac.ts';
import { SacModel } from '../../src/rl/sac_networks.ts';
import { squashed } from '../../src/rl/squashed.ts';
import { agentSettings } from '../../src/rl/train_agent.ts';
import { VectorEnvironment } from '../../src/rl/vector.ts';
import { noGrad } from '../../src/tensor/tape.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';
import { follow } from './follow.ts';

const SETTINGS: SacSettings & { seed: number } = {
  ...SAC_DEFAULTS,
  hidden: [16, 16],
  batch: 32,
  bufferSize: 1000,
  learningStarts: 50,
  learningRate: 3e-3,
  criticLearningRate: 3e-3,
  gamma: 0.5,
  seed: 3,
};

function learnerOf(own: Partial<SacSettings> = {}) {
  const settings = { ...SETTINGS, ...own };
  const copies = follow(settings.copies);
  const model = new SacModel(device, copies, settings);
  return { learner: new Sac(device, model, copies, settings), model };
}

const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe('the policy', () => {
  const bounds = () => ({ centre: device.tensor([1, -2]), scale: device.tensor([3, 0.5]) });

  test('keeps its actions within their bounds, around its mode where σ is small', async () => {
    const head = device.tensor(Array.from({ length: 500 }, () => [0.3, -0.2, -6, 2]));
    const policy = squashed(head, bounds());
    device.beginStep(1, 0);
    const actions = Float64Array.from(await policy.sample().data());
    const [first, second] = [0, 1].map((j) => [...actions].filter((_, i) => i % 2 === j));
    expect(Math.max(...first!.map((a) => Math.abs(a - (1 + 3 * Math.tanh(0.3)))))).toBeLessThan(
      0.05,
    );
    expect(Math.min(...second!)).toBeGreaterThanOrEqual(-2.5);
    expect(Math.max(...second!)).toBeLessThanOrEqual(-1.5);
    expect(Math.max(...second!) - Math.min(...second!)).toBeGreaterThan(0.9);
    const mode = await policy.mode().data();
    expect(mode[0]).toBeCloseTo(1 + 3 * Math.tanh(0.3), 5);
    expect(mode[1]).toBeCloseTo(-2 + 0.5 * Math.tanh(-0.2), 5);
  });

  test('tells a density: it integrates to 1 over the actions', async () => {
    const steps = 100;
    const cells = Array.from({ length: steps * steps }, (_, i) => [
      -2 + (6 * ((i % steps) + 0.5)) / steps,
      -2.5 + (Math.floor(i / steps) + 0.5) / steps,
    ]);
    const head = device.tensor(cells.map(() => [0.2, -0.1, -0.5, -0.7]));
    const { logProb } = squashed(head, bounds()).evaluate(device.tensor(cells));
    const density = Array.from(await logProb.data(), Math.exp);
    expect(density.reduce((a, b) => a + b) * (6 / steps) * (1 / steps)).toBeCloseTo(1, 2);
  });
});

describe('an update', () => {
  test('raises α below the target entropy, lowers it above, and leaves it where it is fixed', async () => {
    const alphaAfter = async (own: Partial<SacSettings>) => {
      const { learner } = learnerOf(own);
      const { metrics } = await learner.iterate();
      learner.dispose();
      return metrics.alpha!;
    };
    expect(await alphaAfter({ targetEntropy: 5 })).toBeGreaterThan(1.2);
    expect(await alphaAfter({ targetEntropy: -5 })).toBeLessThan(0.8);
    expect(await alphaAfter({ temperature: 0.25 })).toBeCloseTo(0.25, 6);
  });

  test('waits for the first transitions, which are random', async () => {
    const { learner, model } = learnerOf({ learningStarts: 200 });
    const before = await model.actor.layers[0]!.weight.data();
    const { metrics } = await learner.iterate(); // 200 steps
    expect(metrics).toEqual({});
    expect(await model.actor.layers[0]!.weight.data()).toEqual(before);
    expect((await learner.iterate()).metrics.criticLoss).toBeGreaterThan(0);
    expect(await model.actor.layers[0]!.weight.data()).not.toEqual(before);
    learner.dispose();
  });
});

test('learns to follow what it sees, and by how much its action counts', async () => {
  const { learner, model } = learnerOf({ copies: 2, gamma: 0 });
  const returns: number[] = [];
  for (let i = 0; i < 3; i++)
    returns.push(average((await learner.iterate()).episodes.map((episode) => episode.return)));
  expect(returns[0]).toBeLessThan(-5);
  expect(returns[2]).toBeGreaterThan(-2.5);
  const seen = device.tensor([[-0.8], [0], [0.8]]);
  const mode = await noGrad(() => model.policy(seen).mode()).data();
  expectClose(mode, Float64Array.of(-0.8, 0, 0.8), { rtol: 0, atol: 0.25 }, 'mode');
  // Q(s, a) = -(2 a - s)² in the critics' units, of actions in [-1, 1].
  const pairs = device.tensor([
    [0.5, 0.25],
    [0.5, -0.5],
  ]);
  const [good, bad] = await noGrad(() => model.values(pairs)[0]).data();
  expect(good! - bad!).toBeGreaterThan(1);
  learner.dispose();
});

test('goes on from its state as if it had not been stopped, to the bit', async () => {
  const straight = learnerOf({ bufferSize: 150 }); // the buffer goes round
  await straight.learner.iterate();
  const saved = await straight.learner.save();
  const resumed = learnerOf({ bufferSize: 150 });
  resumed.learner.load({ ...saved, state: JSON.parse(JSON.stringify(saved.state)) });
  const [a, b] = [await straight.learner.iterate(), await resumed.learner.iterate()];
  expect(b).toEqual(a);
  const [one, other] = [await straight.learner.save(), await resumed.learner.save()];
  expect(other.state).toEqual(one.state);
  for (const [name, x] of one.tensors) expect(other.tensors.get(name), name).toEqual(x);
  for (const { learner } of [straight, resumed]) learner.dispose();
});

test('NaN stops the training, and its message names the first tensor that has it', async () => {
  const { learner, model } = learnerOf();
  await learner.iterate();
  model.critics[0]!.layers[2]!.bias!.write([Number.NaN]);
  await expect(learner.iterate()).rejects.toThrow(
    /is NaN; the first tensor that is not finite is (actor|critics)/,
  );
  learner.dispose();
});

test('what does not fit is refused before anything is trained', () => {
  const cartPole = new VectorEnvironment(() => makeEnvironment('CartPole-v1'), 1);
  expect(() => new SacModel(device, cartPole, { ...SETTINGS })).toThrow(
    'a squashed policy needs continuous actions with finite bounds, the environment has discrete(2)',
  );
  expect(() => learnerOf({ learningStarts: 2000 })).toThrow(
    'learningStarts is 2000, more than bufferSize, 1000, holds',
  );
  const refusals = { tau: 1.5, gamma: -1, batch: 0, learningRate: 0, temperature: -1 };
  for (const [name, value] of Object.entries(refusals))
    expect(() => agentSettings('sac', { [name]: value })).toThrow(`${name} is ${value}`);
});
