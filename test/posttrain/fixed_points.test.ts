// Where every method comes to rest on a language model so small that the optimum is known, and where GRPO as published
// rests instead.

import { describe, expect, test } from 'vitest';
import { enumerable, objective, optimum, solveEnumerable } from '../../src/posttrain/enumerable.ts';
import { GRPO_DEFAULTS, GRPO_METHODS, type GrpoSettings, grpo } from '../../src/posttrain/grpo.ts';
import type { Task } from '../../src/posttrain/rewards.ts';
import type { DrawingSettings, TextLearner, TextProblem } from '../../src/posttrain/rlhf.ts';
import { RLHF_DEFAULTS, rlhf } from '../../src/posttrain/rlhf.ts';
import { device } from '../device.ts';
import { restOf } from '../reference/group_fixed_point.ts';

const ITERATIONS = 24;
const SPACE = enumerable();

const COMMON = {
  seed: 1,
  minibatches: 4,
  maxNewTokens: 2,
  missingEnd: null,
  learningRate: 1.5e-2,
  schedule: 'linear',
} as const;

type Make = (problem: TextProblem<Task>, settings: Partial<DrawingSettings>) => TextLearner<Task>;

const ppo: Make = (problem, settings) =>
  rlhf(device, problem, { ...RLHF_DEFAULTS, ...settings, epochs: 1, whitenRewards: false });

const grouped =
  (own: Partial<GrpoSettings>): Make =>
  (problem, settings) =>
    grpo(device, problem, { ...GRPO_DEFAULTS, ...settings, ...own });

const reinforce = grouped(GRPO_METHODS.reinforce);
const rloo = grouped({ ...GRPO_METHODS.rloo, groupSize: 2 });
/** But for the division by the deviation, and with KL among the rewards. */
const undividedGrpo = grouped({
  ...{ scale: 'none', klIn: 'reward', klEstimator: 'k1' },
  ...{ epochs: 2, learningRate: 1e-2 },
});
const publishedGrpo = grouped({ ...GRPO_METHODS.grpo, groupSize: 64 });

/** After training from the uniform policy. */
function trained(make: Make, beta: number, { answers = 256, sign = -1 } = {}) {
  const settings = { ...COMMON, answers, beta };
  const create = (problem: TextProblem<Task>) => {
    const made = make(problem, settings);
    if (sign > 0) made.collector.restore({ rollouts: 0, beta: -beta });
    return made;
  };
  return solveEnumerable(device, create, settings, { iterations: ITERATIONS });
}

const JSTAR = [
  [1, 0.452832],
  [0.5, 0.570466],
  [0.1, 0.890148],
] as const;

test.each(JSTAR)('I5 at beta %d the optimum is worth %d', (beta, JStar) => {
  const { policy, JStar: found } = optimum(SPACE, beta);
  expect(found).toBeCloseTo(JStar, 6);
  expect(objective(SPACE, policy, beta).J).toBeCloseTo(JStar, 6);
});

describe.each([
  ['PPO', ppo, [1, 0.5, 0.1]],
  ['REINFORCE', reinforce, [1, 0.5, 0.1]],
  ['GRPO, KL among the rewards, undivided', undividedGrpo, [1, 0.5, 0.1]],
  ['RLOO', rloo, [1]],
] as const)('I5 %s reaches J*', (_, make, betas) => {
  test.each(betas)('at beta %d, with the reference times exp(r / beta)', async (beta) => {
    const { J, JStar, probabilities, optimal } = await trained(make, beta);
    expect(J).toBeGreaterThan(0.99 * JStar);
    expect(J).toBeLessThan(JStar + 1e-6); // nothing is above the optimum
    const variation = probabilities.reduce((sum, p, i) => sum + Math.abs(p - optimal[i]!) / 2, 0);
    expect(variation).toBeLessThan(beta === 0.1 ? 0.12 : 0.05); // at 0.1 it is nearly 1 in three answers
  });
});

describe('I5 GRPO as published rests elsewhere', () => {
  const published = { advantage: 'standardised', kl: 'k3' } as const;

  test.each([
    [1, 0.379],
    [0.5, 0.544],
  ])('at beta %d in J %d, in large groups', (beta, J) => {
    const rest = restOf({ ...published, beta, groupSize: Infinity });
    expect(objective(SPACE, rest, beta).J).toBeCloseTo(J, 3);
  });

  test.each([1, 0.5])('and is found there, in groups of 64, at beta %d', async (beta) => {
    const rest = restOf({ ...published, beta, groupSize: 64 });
    const expected = objective(SPACE, rest, beta);
    const found = await trained(publishedGrpo, beta, { answers: 512 });
    expect(Math.abs(found.J / expected.J - 1)).toBeLessThan(0.02);
    expect(Math.abs(found.reward - expected.reward)).toBeLessThan(0.02);
    expect(found.J).toBeLessThan(0.98 * found.JStar);
  });

  test.each([1, 0.5])(
    'undivided, and with k2 in its place, it is the optimum at beta %d',
    (beta) => {
      const rest = restOf({ beta, groupSize: 8, advantage: 'leaveOneOut', kl: 'k2' });
      expect(objective(SPACE, rest, beta).J).toBeCloseTo(optimum(SPACE, beta).JStar, 9);
    },
  );
});

test('L1 with + beta, as the lecture prints it, the policy moves away from the optimum', async () => {
  const beta = 0.5;
  const { J } = await trained(ppo, beta, { sign: 1 });
  const uniform = objective(
    SPACE,
    SPACE.answers.map(() => 1 / SPACE.answers.length),
    beta,
  );
  expect(J).toBeLessThan(uniform.J);
});
