// Text as an environment: the contract, and the same PPO on grid worlds, on texts token by token, and on batches of texts.

import { describe, expect, test } from 'vitest';
import {
  answerProbabilities,
  enumerable,
  enumerableCodec,
  enumerableTask,
  equalPair,
  uniformModel,
} from '../../src/posttrain/enumerable.ts';
import { RLHF_DEFAULTS, rlhf } from '../../src/posttrain/rlhf.ts';
import { textEnvironment } from '../../src/posttrain/text_environment.ts';
import { checkEnv } from '../../src/rl/check_env.ts';
import { evaluateAgent } from '../../src/rl/evaluate.ts';
import { MlpActorCritic } from '../../src/rl/networks.ts';
import { OnPolicy } from '../../src/rl/on_policy.ts';
import { PPO_DEFAULTS, ppo } from '../../src/rl/ppo.ts';
import { makeEnvironment } from '../../src/rl/registry.ts';
import { VectorEnvironment } from '../../src/rl/vector.ts';
import { device } from '../device.ts';

const pair = () =>
  textEnvironment({ vocabulary: 3, length: 2, score: ([a, b]) => Number(a === b) });

describe('text as an environment', () => {
  test('I1 a state is the text so far, an action the next token, and the reward comes with the last', () => {
    const score = (tokens: readonly number[]) => tokens.length;
    const make = () => textEnvironment({ vocabulary: 4, length: 3, end: 3, score });
    checkEnv(make);
    const environment = make();
    const { observation } = environment.reset({ seed: 0 });
    expect([...observation]).toEqual(Array(12).fill(0));
    const first = environment.step(2);
    expect(first).toMatchObject({ reward: 0, terminated: false });
    expect([...first.observation].indexOf(1)).toBe(2);
    expect(environment.step(3)).toMatchObject({ reward: 2, terminated: true, truncated: false });
    environment.reset();
    for (const token of [0, 1]) expect(environment.step(token).terminated).toBe(false);
    expect(environment.step(1)).toMatchObject({ reward: 3, terminated: true });
  });

  test('I1 the PPO that learns a grid world learns texts, token by token', async () => {
    const learnt = async (make: () => ReturnType<typeof makeEnvironment>, iterations: number) => {
      const environments = new VectorEnvironment(make, 16);
      const model = new MlpActorCritic(device, environments, { seed: 1, hidden: [16] });
      const settings = { ...PPO_DEFAULTS, rolloutSteps: 16, learningRate: 0.01, seed: 1 };
      const learner = ppo(device, model, environments, settings);
      for (let i = 0; i < iterations; i++) await learner.iterate(i, iterations);
      const { mean } = await evaluateAgent(device, model, make, { episodes: 20, seed: 9 });
      learner.dispose();
      return mean;
    };
    expect(await learnt(pair, 10)).toBe(1); // by chance 1/3
    expect(await learnt(() => makeEnvironment('FrozenLake-v1'), 12)).toBeGreaterThan(0.2); // 0.01
  });

  test('I1 the same class trains a language model on whole answers, drawn in one batch', async () => {
    const model = uniformModel(device);
    const policy = { model, adapter: null };
    const problem = {
      ...{ codec: enumerableCodec, rewards: [equalPair], policy, reference: null },
      ...{
        tasks: () => Array.from({ length: 64 }, () => enumerableTask),
        promptTokens: 1,
        ends: [],
      },
    };
    const settings = { ...RLHF_DEFAULTS, maxNewTokens: 2, beta: 0, learningRate: 0.01 };
    const { learner, collector } = rlhf(device, problem, settings);
    expect(learner).toBeInstanceOf(OnPolicy);
    for (let i = 0; i < 10; i++) await learner.iterate(i, 10);
    const space = enumerable();
    const found = await answerProbabilities(device, policy, space);
    const right = found.reduce((sum, p, i) => sum + p * space.rewards[i]!, 0);
    expect(right).toBeGreaterThan(0.9); // 1/3 before
    learner.dispose();
    collector.dispose();
    learner.model.dispose();
  });
});
