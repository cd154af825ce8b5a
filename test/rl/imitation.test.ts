// Imitation: cloning, DAgger, and why one mistake is dear without recovery.

import { describe, expect, test } from 'vitest';
import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import {
  CLONING_DEFAULTS,
  Cloning,
  type categorical,
  cloningLoss,
  dagger,
  demonstrate,
  discrete,
  type Environment,
  expertFor,
  finiteDynamics,
  MlpActorCritic,
  makeEnvironment,
  noisy,
  type ScriptedPolicy,
  scriptedReturns,
  signFlipTest,
  VectorEnvironment,
} from '../../src/rl/index.ts';
import { fromDynamics, horizonValues, startValue } from '../../src/rl/tabular/index.ts';
import { device } from '../device.ts';

const table = { observationSpace: discrete(3), actionSpace: discrete(2) };
/** A row of logits per state. */
const tabular = (seed = 1) => new MlpActorCritic(device, table, { seed, hidden: [] });

describe('D1 the objective', () => {
  const expert = [0.7, 0.2, 0.1];
  const kl = (p: number[], q: number[]) =>
    p.reduce((sum, x, i) => sum + (x === 0 ? 0 : x * Math.log(x / q[i]!)), 0);

  test('KL from the expert is the negative log-likelihood of its draws, up to its entropy', () => {
    const entropy = -expert.reduce((sum, p) => sum + p * Math.log(p), 0);
    const policy = [0.5, 0.3, 0.2];
    const nll = -expert.reduce((sum, p, i) => sum + p * Math.log(policy[i]!), 0);
    expect(nll - entropy).toBeCloseTo(kl(expert, policy), 12);
    const sure = [0, 1, 0]; // it is exactly the likelihood where the expert is sure
    expect(kl(sure, policy)).toBeCloseTo(-Math.log(0.3), 12);
  });

  test('of all policies on a grid, KL is least at the expert; 0-1 at its likeliest action, which may be another', () => {
    let [best, least] = [[0, 0, 0], Infinity];
    for (let i = 1; i < 20; i++)
      for (let j = 1; j < 20 - i; j++) {
        const policy = [i / 20, j / 20, (20 - i - j) / 20];
        if (kl(expert, policy) < least) [best, least] = [policy, kl(expert, policy)];
      }
    expect(best).toEqual(expert);
    const mistaken = (policy: number[]) =>
      1 - policy.reduce((sum, p, i) => sum + p * expert[i]!, 0);
    expect(mistaken([1, 0, 0])).toBeCloseTo(0.3, 12);
    expect(mistaken(expert)).toBeGreaterThan(mistaken([1, 0, 0]));
  });
});

describe('D2 cloning', () => {
  test('its loss is cross-entropy, less the weighted entropy', async () => {
    const model = tabular();
    const observations = device.tensor([1, 0, 0, 0, 0, 1], { shape: [2, 3] });
    const actions = device.tensor(Int32Array.of(1, 0));
    const { logits } = model.policy(observations) as ReturnType<typeof categorical>;
    const { loss, nll, entropy } = cloningLoss(model, observations, actions, 0.25);
    const reference = await crossEntropy(logits, actions).item();
    expect(await nll.item()).toBeCloseTo(reference, 6);
    expect(await loss.item()).toBeCloseTo(reference - 0.25 * (await entropy.item()), 6);
  });

  test('of a table ends at the frequencies of the actions', async () => {
    const model = tabular();
    const settings = { ...CLONING_DEFAULTS, batch: 20, learningRate: 0.05, entropyWeight: 0 };
    using cloning = new Cloning(device, model, table, 20, settings);
    const shares = [0.25, 0.5, 0.8]; // of action 1, in states 0, 1, 2
    const counts = [8, 2, 10];
    for (const [state, count] of counts.entries())
      cloning.add({
        observations: new Array(count).fill(state),
        actions: Array.from({ length: count }, (_, i) => Number(i < shares[state]! * count)),
      });
    await cloning.fit(300);
    const states = device.tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], { shape: [3, 3] });
    const { logits } = model.policy(states) as ReturnType<typeof categorical>;
    const z = await logits.data();
    for (const [state, share] of shares.entries())
      expect(1 / (1 + Math.exp(z[2 * state]! - z[2 * state + 1]!))).toBeCloseTo(share, 2);
  });

  test('of continuous actions is regression', async () => {
    const spaces = makeEnvironment('Pendulum-v1');
    const model = new MlpActorCritic(device, spaces, { seed: 1, hidden: [], logStd: -1 });
    const settings = { ...CLONING_DEFAULTS, batch: 8, learningRate: 0.05, entropyWeight: 0 };
    using cloning = new Cloning(device, model, spaces, 8, settings);
    const observations = Array.from({ length: 8 }, (_, i) => Float64Array.of(1, 0, i - 3.5));
    const actions = observations.map(([, , omega]) => Float64Array.of(0.5 - 0.25 * omega!));
    cloning.add({ observations, actions });
    await cloning.fit(400);
    const policy = model.policy(device.tensor([1, 0, 2], { shape: [1, 3] }));
    expect((await policy.mode().data())[0]).toBeCloseTo(0, 1);
  });

  test('bad input', async () => {
    using cloning = new Cloning(device, tabular(), table, 1);
    await expect(cloning.fit(1)).rejects.toThrow('no demonstrations; add() some before fit()');
    expect(() => cloning.add({ observations: [0, 1], actions: [0, 1] })).toThrow(
      'Cloning: 2 demonstrations for a capacity of 1',
    );
  });
});

describe('D3 compounding errors', () => {
  /** On the way or lost; the wrong action loses it. The cost of a step is 1 when lost; where `recovers`, a step later it is back. */
  const expectedCost = (T: number, recovers: boolean) => {
    const [ON, LOST] = [0, 1];
    const way = finiteDynamics({
      id: 'way',
      states: 2,
      actions: 2,
      starts: [ON],
      outcomes: (state, wrong) => {
        const lost = wrong === 1 || (state === LOST && !recovers);
        const outcome = { state: lost ? LOST : ON, reward: lost ? -1 : 0, terminated: false };
        return [{ probability: 1, ...outcome }];
      },
    });
    const mdp = fromDynamics(way, { gamma: 1 });
    const mistakes = Float64Array.of(0.99, 0.01, 0.99, 0.01);
    return -startValue(mdp, horizonValues(mdp, mistakes, T));
  };

  test('one mistake in a hundred costs about T² ε / 2 without recovery, T ε with it', () => {
    const lengths = [10, 20, 40, 80];
    const without = lengths.map((T) => expectedCost(T, false));
    expect(without.map((cost) => Number(cost.toPrecision(4)))).toEqual([
      0.5338, 1.973, 7.228, 25.3,
    ]);
    for (const [i, T] of lengths.entries())
      expect(expectedCost(T, true)).toBeCloseTo([0.1, 0.2, 0.4, 0.8][i]!, 12);
  });

  test('DAgger asks in states of the learner: β falls linearly, labels add up, and it learns', async () => {
    const make = () => makeEnvironment('CartPole-v1');
    const model = new MlpActorCritic(device, make(), { seed: 1, hidden: [16] });
    const rounds: { beta: number; labels: number; nll: number }[] = [];
    await dagger(device, model, make, expertFor('CartPole-v1'), {
      settings: { rounds: 4, labels: 40, epochs: 10, seed: 1, learningRate: 1e-2 },
      onRound: ({ beta, labels, metrics }) => {
        rounds.push({ beta, labels, nll: metrics.nll! });
      },
    });
    expect(rounds.map(({ beta }) => beta)).toEqual([1, 0.75, 0.5, 0.25]);
    expect(rounds.map(({ labels }) => labels)).toEqual([40, 80, 120, 160]);
    expect(rounds.at(-1)!.nll).toBeLessThan(0.5);
  });

  test('the expert is asked in every state, whoever acts; it begins anew with each episode', async () => {
    const make = () => makeEnvironment('CartPole-v1');
    let experts = 0;
    const newExpert = (): ScriptedPolicy => {
      experts++;
      return expertFor('CartPole-v1')();
    };
    const falls = { act: async () => [1] };
    const vector = new VectorEnvironment(make, 1);
    const options = { labels: 60, seed: 2, beta: 0, learner: falls };
    const shown = await demonstrate(vector, newExpert, options);
    expect(shown.actions.length).toBe(60);
    expect(experts).toBeGreaterThan(5); // an episode of one push lasts about ten steps
    for (const [i, seen] of shown.observations.entries()) {
      const [, , theta, omega] = seen as Float64Array;
      expect(shown.actions[i]).toBe(Number(theta! + 0.2 * omega! > 0));
    }
    const third = await demonstrate(vector, newExpert, { ...options, labels: 20, every: 3 });
    const kept = shown.observations.filter((_, i) => i % 3 === 0);
    expect(third.observations).toEqual(kept);
    await expect(demonstrate(vector, newExpert, { labels: 1, seed: 1, beta: 0.5 })).rejects.toThrow(
      'demonstrate: beta is 0.5, and there is no learner to act',
    );
  });
});

test('D4 a noisy expert returns less, by the noise alone', () => {
  const env: Environment = makeEnvironment('CartPole-v1');
  const returns = (noise: number) => {
    const newExpert = noisy(env, expertFor('CartPole-v1'), { noise, seed: 3 });
    const each = scriptedReturns(env, newExpert, { episodes: 20, seed: 4 });
    return each.reduce((a, b) => a + b) / each.length;
  };
  expect(returns(0)).toBe(500);
  expect(returns(0.9)).toBeLessThan(60);
});

test('the sign-flip test is exact', () => {
  expect(signFlipTest([1, 2, 3, 4], [0, 0, 0, 0])).toBe(1 / 16);
  expect(signFlipTest([1, 1], [1, 1])).toBe(1);
  expect(signFlipTest([1, -1], [0, 0])).toBe(3 / 4);
  expect(() => signFlipTest([1], [1, 2])).toThrow('1 and 2 values, expected 1 to 20 of each');
});
