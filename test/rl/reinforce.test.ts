// REINFORCE: what one step does, that it learns, and where it fails as the lectures say.

import { describe, expect, test } from 'vitest';
import { AdamW } from '../../src/optim/adamw.ts';
import { box, discrete, type Environment } from '../../src/rl/environment.ts';
import { EpisodeCollector, stepTensors } from '../../src/rl/episodes.ts';
import { MlpActorCritic } from '../../src/rl/networks.ts';
import { makeEnvironment } from '../../src/rl/registry.ts';
import { type ReinforceIteration, reinforce } from '../../src/rl/reinforce.ts';
import {
  REINFORCE_DEFAULTS,
  Reinforce,
  type ReinforceSettings,
} from '../../src/rl/reinforce_learner.ts';
import { type Dynamics, simulate } from '../../src/rl/simulate.ts';
import { fitValues } from '../../src/rl/value_regression.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';
import { softmaxRow } from '../reference/enumerable.ts';

/** One state, an episode is one action, rewards without noise. */
const arms = (
  rewards: readonly number[],
  mask?: readonly number[],
): Dynamics<number, number, number> => ({
  id: 'Arms',
  observationSpace: discrete(1),
  actionSpace: discrete(rewards.length),
  begin: () => 0,
  next: (state, action) => ({ state, reward: rewards[action]!, terminated: true }),
  observe: () => 0,
  ...(mask && { actionMask: () => Uint8Array.from(mask) }),
});

function learnerOf(make: () => Environment, settings: Partial<ReinforceSettings>, seed = 1) {
  const all = { ...REINFORCE_DEFAULTS, seed, ...settings };
  const model = new MlpActorCritic(device, make(), all);
  return new Reinforce(device, model, make, all);
}

async function trained(
  make: () => Environment,
  settings: Partial<ReinforceSettings>,
  count: number,
  seed = 1,
) {
  const learner = learnerOf(make, settings, seed);
  const history: { mean: number; entropy: number }[] = [];
  for (let i = 0; i < count; i++) {
    const { episodes, metrics } = await learner.iterate();
    const total = episodes.reduce((sum, episode) => sum + episode.return, 0);
    history.push({ mean: total / episodes.length, entropy: metrics.entropy! });
  }
  return { learner, history };
}

function dispose(learner: Reinforce): void {
  learner.dispose();
  learner.model.dispose();
}

const values = async (learner: Reinforce) =>
  Promise.all([...learner.model.namedTensors().values()].map(async (x) => [...(await x.data())]));

describe('B9 REINFORCE(θ, η, β, maxIterations) as S4 states it', () => {
  const rewards = [1, 5, -2];

  test('each step is θ + η (G_1 - ρ̂) Σ ∇ln f, and ρ̂ the moving average', async () => {
    const make = () => simulate(arms(rewards));
    const policy = new MlpActorCritic(device, make(), { seed: 3, hidden: [] });
    const { weight, bias } = policy.actor.layers[0]!;
    const logits = async () => {
      const [w, b] = [await weight.data(), await bias!.data()];
      return [...w].map((v, i) => v + b[i]!);
    };
    let theta = await logits();
    const [eta, beta] = [0.1, 0.9];
    const seen: ReinforceIteration[] = [];
    const onIteration = (iteration: ReinforceIteration) => seen.push(iteration);
    await reinforce(device, policy, make(), { eta, beta, maxIterations: 5, seed: 2, onIteration });
    let average = 0;
    for (const { return: G, average: after } of seen) {
      const score = softmaxRow(theta).map((p, a) => Number(rewards[a] === G) - p);
      // A logit is weight plus bias, and both get its gradient.
      theta = theta.map((z, a) => z + 2 * eta * (G - average) * score[a]!);
      average = beta * average + (1 - beta) * G;
      expect(after).toBeCloseTo(average, 12);
    }
    expect(seen).toHaveLength(5);
    expectClose(await logits(), Float64Array.from(theta), { rtol: 1e-4, atol: 1e-5 }, 'θ');
    policy.dispose();
  });

  test('learns which arm is best, the baseline included', async () => {
    const make = () => simulate(arms(rewards));
    const policy = new MlpActorCritic(device, make(), { seed: 1, hidden: [] });
    const returns: number[] = [];
    const onIteration = (iteration: ReinforceIteration) => returns.push(iteration.return);
    await reinforce(device, policy, make(), { eta: 0.1, maxIterations: 80, seed: 1, onIteration });
    expect(returns.slice(-20).filter((G) => G === 5).length).toBeGreaterThan(16);
    policy.dispose();
  });

  test('refuses a step size or a number of iterations that is not one', async () => {
    const make = () => simulate(arms(rewards));
    const policy = new MlpActorCritic(device, make(), { seed: 1, hidden: [] });
    const run = (eta: number, maxIterations: number) =>
      reinforce(device, policy, make(), { eta, maxIterations, seed: 1 });
    await expect(run(0, 1)).rejects.toThrow('eta is 0');
    await expect(run(0.1, 0)).rejects.toThrow('maxIterations is 0');
    policy.dispose();
  });
});

describe('batches', () => {
  test('B8 learns CartPole, with a learned baseline', async () => {
    const make = () => makeEnvironment('CartPole-v1');
    const settings = {
      estimator: 'reward-to-go',
      baseline: 'value',
      copies: 8,
      batchSteps: 1,
      learningRate: 0.03,
      valueRate: 0.05,
      valueSteps: 5,
    } as const;
    const { learner, history } = await trained(make, settings, 10);
    dispose(learner);
    const last = history.slice(-3).map(({ mean }) => mean);
    expect(Math.min(...last)).toBeGreaterThan(50); // random: 22
  });

  test('the same seed gives the same parameters, and a run that was stopped goes on to them', async () => {
    const make = () => makeEnvironment('CartPole-v1');
    const settings = { baseline: 'value', copies: 3, batchSteps: 1, valueSteps: 2 } as const;
    const straight = (await trained(make, settings, 4)).learner;
    const stopped = (await trained(make, settings, 2)).learner;
    const saved = await stopped.save();
    const state = JSON.parse(JSON.stringify(saved.state));
    const resumed = learnerOf(make, settings, 1);
    resumed.load({ tensors: saved.tensors, state });
    for (let i = 0; i < 2; i++) await resumed.iterate();
    expect(await values(resumed)).toEqual(await values(straight));
    for (const learner of [straight, stopped, resumed]) dispose(learner);
  });

  test('one episode of each copy, or as many as begin within the steps of a batch', async () => {
    const make = () => makeEnvironment('CartPole-v1');
    const model = new MlpActorCritic(device, make(), { seed: 1, hidden: [] });
    const collector = new EpisodeCollector(device, model, make, { copies: 5, seed: 1 });
    const each = await collector.collect(1);
    expect(each.map(({ copy }) => copy)).toEqual([0, 1, 2, 3, 4]);
    const episodes = await collector.collect(300);
    const lengths = episodes.map(({ rewards }) => rewards.length);
    const total = lengths.reduce((a, b) => a + b, 0);
    expect(total).toBeGreaterThanOrEqual(300);
    const { observations, actions } = stepTensors(device, episodes, collector);
    expect([observations.shape, actions.shape]).toEqual([[total, 4], [total]]);
    for (const x of [observations, actions]) x.dispose();
    collector.dispose();
    model.dispose();
  });

  test('a baseline of other episodes is refused where there are none', () => {
    const make = () => makeEnvironment('CartPole-v1');
    for (const baseline of ['mean', 'timestep', 'rloo'] as const)
      expect(() => learnerOf(make, { baseline, copies: 1 })).toThrow(`baseline is ${baseline}`);
  });

  test('a masked action is never taken, and its logit gets no gradient', async () => {
    const make = () => simulate(arms([1, 9, 2], [1, 0, 1]));
    const settings = { hidden: [], copies: 4, batchSteps: 1, learningRate: 0.3 };
    const { learner, history } = await trained(make, settings, 15);
    const [, bias] = await values(learner);
    expect(bias![1]).toBe(0);
    expect(bias![2]!).toBeGreaterThan(bias![0]!);
    expect(Math.max(...history.map(({ mean }) => mean))).toBeLessThanOrEqual(2);
    dispose(learner);
  });

  test('continuous actions: a Gaussian moves to where the reward is highest', async () => {
    const target: Dynamics<number, number, Float64Array> = {
      id: 'Target',
      observationSpace: discrete(1),
      actionSpace: box([1], -3, 3),
      begin: () => 0,
      next: (state, [a]) => ({ state, reward: -((a! - 1.5) ** 2), terminated: true }),
      observe: () => 0,
    };
    const settings = {
      hidden: [],
      baseline: 'rloo',
      copies: 64,
      batchSteps: 1,
      learningRate: 0.1,
    } as const;
    const { learner, history } = await trained(() => simulate(target), settings, 60);
    dispose(learner);
    expect(history[0]!.mean).toBeLessThan(-2);
    expect(history.at(-1)!.mean).toBeGreaterThan(-0.5);
  });
});

describe('B16 a step that is too large commits to what it happened to try', () => {
  // One of twenty arms pays five times as much as the others; one pull a step.
  const make = () => simulate(arms([...new Array<number>(19).fill(1), 5]));
  const settings = { hidden: [], copies: 1, batchSteps: 1, learningRate: 0.5 };
  const outcomes = async (own: Partial<ReinforceSettings>) => {
    const found: { entropy: number; mean: number }[] = [];
    for (const seed of [1, 2, 3, 4, 5]) {
      const { learner, history } = await trained(make, { ...settings, ...own }, 200, seed);
      const last = history.slice(-20).map((each) => each.mean);
      const mean = last.reduce((a, b) => a + b, 0) / last.length;
      found.push({ entropy: history.at(-1)!.entropy, mean });
      dispose(learner);
    }
    return found;
  };

  test('entropy under 0.05 nats, and the return stays that of an arm tried first', async () => {
    const found = await outcomes({});
    expect(Math.max(...found.map(({ entropy }) => entropy))).toBeLessThan(0.05);
    expect(found.filter(({ mean }) => mean === 1).length).toBeGreaterThanOrEqual(4); // one may be lucky
  });

  test('an entropy bonus keeps it trying until it finds the best', async () => {
    for (const { mean } of await outcomes({ entropyCoef: 0.7 })) expect(mean).toBeGreaterThan(4);
  });
});

test('C2 a linear critic on one-hot states becomes the mean return of each state', async () => {
  const spaces = { observationSpace: discrete(3), actionSpace: discrete(2) };
  const model = new MlpActorCritic(device, spaces, { seed: 2, hidden: [] });
  const optimizer = new AdamW(model.critic.namedParameters(), { lr: 0.1, weightDecay: 0 });
  const states = [0, 0, 1, 2, 2, 2];
  const returns = [1, 3, -4, 2, 5, 8];
  const observations = device.tensor(states.map((s) => [0, 1, 2].map((i) => Number(i === s))));
  fitValues(device, model, optimizer, {
    observations,
    returns: device.tensor(returns),
    steps: 400,
  });
  const each = device.tensor([0, 1, 2].map((s) => [0, 1, 2].map((i) => Number(i === s))));
  expectClose(
    await model.value(each).data(),
    Float64Array.of(2, -4, 5),
    { rtol: 0, atol: 1e-2 },
    'V',
  );
  optimizer.dispose();
  model.dispose();
});
