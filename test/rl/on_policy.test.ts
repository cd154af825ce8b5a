// Learning from rollouts: PPO and A2C learn what can be learned, their gradients agree where they must, and a run that was
// stopped goes on bit for bit.

import { describe, expect, test } from 'vitest';
import { mean } from '../../src/ops/reduce.ts';
import { A2C_DEFAULTS, type A2cSettings, a2c, a2cLoss, kStepEstimator } from '../../src/rl/a2c.ts';
import { discrete } from '../../src/rl/environment.ts';
import type { Learner } from '../../src/rl/learner.ts';
import { MlpActorCritic } from '../../src/rl/networks.ts';
import { PPO_DEFAULTS, type PpoSettings, ppo, ppoLossOf } from '../../src/rl/ppo.ts';
import { makeEnvironment } from '../../src/rl/registry.ts';
import { kStepAdvantages } from '../../src/rl/returns.ts';
import { Collector, gaeEstimator } from '../../src/rl/rollout.ts';
import { type Dynamics, simulate } from '../../src/rl/simulate.ts';
import { VectorEnvironment } from '../../src/rl/vector.ts';
import { backward } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { follow } from './follow.ts';

const values = async (x: Tensor) => Array.from(await x.data());

/** One of three signs is seen, and the action should name it. */
const name: Dynamics<number, number, number> = {
  id: 'Name',
  observationSpace: discrete(3),
  actionSpace: discrete(3),
  begin: (random) => random.integer(3),
  next: (state, action, random) => ({
    state: random.integer(3),
    reward: Number(action === state),
    terminated: false,
  }),
  observe: (state) => state,
};

const copiesOf = (dynamics: Dynamics, count: number, limit = 10) =>
  new VectorEnvironment(() => simulate(dynamics, { limit }), count);

const PPO: PpoSettings & { seed: number } = {
  ...PPO_DEFAULTS,
  copies: 8,
  rolloutSteps: 16,
  minibatches: 2,
  learningRate: 5e-3,
  gamma: 0.4,
  hidden: [16],
  seed: 2,
};
const A2C: A2cSettings & { seed: number } = {
  ...A2C_DEFAULTS,
  copies: 16,
  rolloutSteps: 8,
  learningRate: 1e-2,
  gamma: 0.4,
  hidden: [16],
  seed: 2,
};

/** Mean return per step of the last iterations. */
async function learn(learner: Learner, iterations: number): Promise<number> {
  const returns: number[] = [];
  for (let i = 0; i < iterations; i++) {
    const { episodes } = await learner.iterate(i, 10 * iterations); // the learning rate hardly falls
    if (i >= iterations - 3) returns.push(...episodes.map((each) => each.return / each.length));
  }
  learner.dispose();
  return returns.reduce((sum, x) => sum + x, 0) / returns.length;
}

describe('learns what is rewarded', () => {
  test('PPO, discrete actions', async () => {
    const copies = copiesOf(name, PPO.copies);
    const model = new MlpActorCritic(device, copies, PPO);
    expect(await learn(ppo(device, model, copies, PPO), 14)).toBeGreaterThan(0.9);
  });

  test('PPO, continuous actions', async () => {
    const copies = follow(PPO.copies);
    const settings = { ...PPO, entropyCoef: 0, logStd: -1 };
    const model = new MlpActorCritic(device, copies, settings);
    expect(await learn(ppo(device, model, copies, settings), 25)).toBeGreaterThan(-0.2);
  });
});

describe('C4 A2C learns', () => {
  test.each(['mc', 'td', 'kStep', 'gae'] as const)('with the target %s', async (target) => {
    const copies = copiesOf(name, A2C.copies);
    const settings = { ...A2C, target, k: 3 };
    const model = new MlpActorCritic(device, copies, settings);
    expect(await learn(a2c(device, model, copies, settings), 60)).toBeGreaterThan(0.9);
  });
});

/** A rollout, and what it was estimated from. */
async function collected(estimate = gaeEstimator({ gamma: 0.9, lambda: 0.8 })) {
  const copies = copiesOf(name, 4, 7);
  const model = new MlpActorCritic(device, copies, { seed: 1, hidden: [8] });
  const seen: Parameters<typeof estimate>[0][] = [];
  const collector = new Collector(device, model, copies, {
    steps: 12,
    seed: 1,
    gamma: 0.9,
    estimate(experience) {
      for (const x of Object.values(experience) as Tensor[]) x.kept = true;
      seen.push(experience);
      return estimate(experience);
    },
  });
  await collector.collect();
  return { model, collector, experience: seen[0]! };
}

describe('estimates', () => {
  test('C10 the first gradient of PPO is that of the policy gradient', async () => {
    const { model, collector } = await collected();
    const coefficients = { valueCoef: 0.5, entropyCoef: 0.01, clip: 0.2, valueClip: null };
    const gradients = async (loss: Tensor) => {
      for (const x of model.parameters()) x.grad?.dispose();
      for (const x of model.parameters()) x.grad = null;
      backward(loss);
      return Promise.all(model.parameters().map((x) => values(x.grad!)));
    };
    const clipped = await gradients(ppoLossOf(model, collector.rollout, coefficients).loss);
    const plain = await gradients(a2cLoss(model, collector.rollout, coefficients).loss);
    for (const [i, expected] of plain.entries())
      for (const [k, g] of expected.entries())
        expect(Math.abs(clipped[i]![k]! - g)).toBeLessThan(1e-6);
    collector.dispose();
  });

  test.each([1, 2, 3, 50])(
    'C5 k-step advantages on the device are those of plain arrays, k = %i',
    async (k) => {
      const { collector, experience } = await collected(kStepEstimator({ gamma: 0.9, k }));
      const { rewards, values: V, nextValues, terminated, truncated } = experience;
      const [T, N] = rewards.shape as [number, number];
      const found = await values(collector.rollout.advantages);
      const all = await Promise.all([rewards, V, nextValues, terminated, truncated].map(values));
      for (let n = 0; n < N; n++) {
        const [r, v, next, end, cut] = all.map((x) =>
          Array.from({ length: T }, (_, t) => x[t * N + n]!),
        );
        const expected = kStepAdvantages(
          { rewards: r!, values: v!, nextValues: next!, terminated: end!, truncated: cut! },
          { gamma: 0.9, k },
        );
        for (let t = 0; t < T; t++) expect(found[t * N + n]).toBeCloseTo(expected[t]!, 5);
      }
      collector.dispose();
    },
  );

  test('C12 between REINFORCE and the one-step actor-critic: λ = 1 without a critic is the reward to go, λ = 0 the TD error', async () => {
    const rewards = [1, -2, 3, 0.5];
    const V = [0.3, 0.1, -0.4, 0.2, 0.7];
    const [T, N] = [rewards.length, 1];
    const column = (x: readonly number[]) => device.tensor(x, { shape: [T, N] });
    const advantages = (lambda: number, values: readonly number[]) =>
      device.scope(
        () =>
          gaeEstimator({ gamma: 0.9, lambda })({
            rewards: column(rewards),
            values: column(values.slice(0, T)),
            nextValues: column(values.slice(1)),
            terminated: device.zeros([T, N]),
            truncated: device.zeros([T, N]),
          }).advantages,
      );
    const found = await values(advantages(1, [0, 0, 0, 0, 0]));
    const togo = rewards.map((_, t) =>
      rewards.slice(t).reduce((sum, r, l) => sum + 0.9 ** l * r, 0),
    );
    for (const [t, g] of togo.entries()) expect(found[t]).toBeCloseTo(g, 5);
    const errors = await values(advantages(0, V));
    for (const [t, r] of rewards.entries())
      expect(errors[t]).toBeCloseTo(r + 0.9 * V[t + 1]! - V[t]!, 5);
  });

  test('C6 a reward of 1 forever is worth 100 under a time limit, and less where the limit is taken for an end', async () => {
    const [T, N] = [40, 1];
    const limit = Array.from({ length: T }, (_, t) => Number(t % 10 === 9));
    const fixedPoint = async (terminated: number[], truncated: number[]) => {
      const estimate = gaeEstimator({ gamma: 0.99, lambda: 0.95 });
      let value = 0;
      for (let i = 0; i < 400; i++) {
        value = await device
          .scope(() => {
            const full = (x: number) => device.full([T, N], x);
            const flags = {
              terminated: device.tensor(terminated, { shape: [T, N] }),
              truncated: device.tensor(truncated, { shape: [T, N] }),
            };
            return mean(
              estimate({ rewards: full(1), values: full(value), nextValues: full(value), ...flags })
                .returns,
            );
          })
          .item();
      }
      return value;
    };
    const none = limit.map(() => 0);
    expect(Math.abs((await fixedPoint(none, limit)) - 100)).toBeLessThan(1);
    expect(await fixedPoint(limit, none)).toBeLessThan(20);
  });
});

/** PPO on an environment that has everything that a checkpoint must hold. */
function everything() {
  const settings: PpoSettings & { seed: number } = {
    ...PPO,
    copies: 3,
    rolloutSteps: 20,
    minibatches: 5,
    normaliseObservations: true,
    normaliseRewards: true,
    noiseSteps: 4,
    entropyCoef: 0,
  };
  const copies = new VectorEnvironment(() => makeEnvironment('Pendulum-v1'), settings.copies);
  const model = new MlpActorCritic(device, copies, settings);
  return { learner: ppo(device, model, copies, settings), model };
}

const tensorsOf = async (model: MlpActorCritic) =>
  Object.fromEntries(
    await Promise.all([...model.namedTensors()].map(async ([key, x]) => [key, await values(x)])),
  );

describe('a run', () => {
  test('is the same again, and after a stop: optimiser, statistics, environments, random numbers, schedule', async () => {
    const straight = everything();
    const metrics = [];
    for (let i = 0; i < 4; i++) metrics.push((await straight.learner.iterate(i, 4)).metrics);
    const stopped = everything();
    for (let i = 0; i < 2; i++)
      expect((await stopped.learner.iterate(i, 4)).metrics).toEqual(metrics[i]);
    const { tensors, state } = await stopped.learner.save();
    const resumed = everything();
    resumed.learner.load({ tensors, state: JSON.parse(JSON.stringify(state)) });
    for (let i = 2; i < 4; i++)
      expect((await resumed.learner.iterate(i, 4)).metrics).toEqual(metrics[i]);
    expect(await tensorsOf(resumed.model)).toEqual(await tensorsOf(straight.model));
    for (const { learner } of [straight, stopped, resumed]) learner.dispose();
  });

  test('ends its epochs where the KL is over 1.5 times the target', async () => {
    const epochsOf = async (targetKl: number | null) => {
      const copies = copiesOf(name, PPO.copies);
      const settings = { ...PPO, epochs: 6, targetKl };
      const learner = ppo(device, new MlpActorCritic(device, copies, PPO), copies, settings);
      await learner.iterate(0, 1);
      const { epochs } = (await learner.save()).state as { epochs: number };
      learner.dispose();
      return epochs;
    };
    expect(await epochsOf(null)).toBe(6);
    expect(await epochsOf(1)).toBe(6);
    expect(await epochsOf(1e-9)).toBe(1);
  });

  test('stops at NaN with the name of the tensor where it is', async () => {
    const copies = copiesOf(name, PPO.copies);
    const model = new MlpActorCritic(device, copies, PPO);
    const learner = ppo(device, model, copies, PPO);
    const { weight } = model.critic.layers.at(-1)!; // tanh may hide a NaN before it
    weight.write(new Float32Array(weight.size).fill(Number.NaN));
    await expect(learner.iterate(0, 1)).rejects.toThrow(
      /is NaN; the first tensor that is not finite is critic\.layers\.1\.weight/,
    );
    learner.dispose();
  });

  test('is refused where the minibatches do not divide a rollout', () => {
    const copies = copiesOf(name, 3);
    const model = new MlpActorCritic(device, copies, PPO);
    expect(() => ppo(device, model, copies, { ...PPO, minibatches: 5 })).toThrow(
      'minibatches is 5; a rollout has 48 samples, which it does not divide',
    );
  });
});
