// The estimators of the policy gradient against ∇J, exactly: on a problem whose episodes can all be listed, E ĝ is a sum.

import { describe, expect, test } from 'vitest';
import { type AdvantageOptions, advantages, MovingAverage } from '../../src/rl/policy_gradient.ts';
import { discountedReturns } from '../../src/rl/returns.ts';
import {
  ALIASED_CHAIN,
  CHAIN,
  CHAIN_POLICY,
  type Enumerable,
  exactGradient,
  expected,
  type Gradient,
  objective,
  plus,
  probability,
  scaled,
  score,
  softmaxRow,
  sum,
  type Table,
  type Trajectory,
  totalVariance,
  trajectories,
  values,
  weightedScores,
} from '../reference/enumerable.ts';
import { randomFor } from '../reference/random.ts';

const THETA = CHAIN_POLICY;
const paths = trajectories(CHAIN);
const gradient = exactGradient(THETA, paths);
const { V, Q } = values(CHAIN, THETA);

/** V(s_t), which also depends on t: the episode is cut off after three steps. */
const valuesAlong = ({ states }: Trajectory) => states.map((s, t) => V[t]![s]!);

/** The product's estimate from one episode. */
const estimate =
  (options: AdvantageOptions, theta: Table = THETA) =>
  (path: Trajectory): Gradient =>
    weightedScores(theta, path, advantages([path.rewards], options)[0]!);

/** E over all batches of two episodes of the mean of their terms. */
function expectedOfPairs(options: AdvantageOptions, all = paths): Gradient {
  const parts = all.flatMap((first) =>
    all.map((second) => {
      const [a, b] = advantages([first.rewards, second.rewards], options);
      const both = plus(weightedScores(THETA, first, a!), weightedScores(THETA, second, b!));
      return scaled(both, (probability(THETA, first) * probability(THETA, second)) / 2);
    }),
  );
  return parts.reduce(plus);
}

function expectGradient(got: Gradient, want: Gradient, within = 1e-8): void {
  for (const [i, v] of want.entries()) expect(Math.abs(got[i]! - v), `${i}`).toBeLessThan(within);
}

const toOne = (row: readonly number[]) => row.map((p) => p / sum(row));

const distance = (a: Gradient, b: Gradient) => Math.hypot(...a.map((v, i) => v - b[i]!));

test('the problem: the probabilities sum to 1, and J is d0 V', () => {
  expect(sum(paths.map((path) => probability(THETA, path)))).toBeCloseTo(1, 12);
  const direct = sum(CHAIN.start.map((p, s) => p * V[0]![s]!));
  expect(objective(THETA, paths)).toBeCloseTo(direct, 12);
});

const rewardsToGo = (rewards: readonly number[]) => [...discountedReturns({ rewards })];

describe('unbiased', () => {
  test('B1 E Σ_t G_t ∇log π is ∇J, with nothing known of the environment', () => {
    expectGradient(expected(THETA, paths, estimate({})), gradient);
  });

  test('B1 also where two states look alike', () => {
    const aliased = trajectories(ALIASED_CHAIN);
    expectGradient(expected(THETA, aliased, estimate({})), exactGradient(THETA, aliased));
  });

  test('B2 Σ_τ p ∇ln p = 0: ∇ln Pr(τ) is the sum of scores, and the environment drops out of it', () => {
    expectGradient(
      expected(THETA, paths, (path) => weightedScores(THETA, path, [1, 1, 1])),
      gradient.map(() => 0),
      1e-14,
    );
    const path = paths[7]!;
    const byDifferences = THETA.flatMap((row, o) =>
      row.map((_, a) => {
        const at = (h: number) =>
          Math.log(
            probability(
              THETA.map((row, i) => row.map((z, j) => z + (i === o && j === a ? h : 0))),
              path,
            ),
          );
        return (at(1e-5) - at(-1e-5)) / 2e-5;
      }),
    );
    expectGradient(weightedScores(THETA, path, [1, 1, 1]), byDifferences, 1e-9);
  });

  test('B8 the whole return on every action', () => {
    expectGradient(expected(THETA, paths, estimate({ estimator: 'full' })), gradient);
  });

  test('B10 reward-to-go has the same expectation as the full return, and less variance', () => {
    const full = totalVariance(THETA, paths, estimate({ estimator: 'full' }));
    const toGo = totalVariance(THETA, paths, estimate({}));
    expect(toGo).toBeLessThan(0.8 * full);
  });

  test('B11 every baseline that no action has a part in leaves the expectation as it is', () => {
    for (const estimator of ['full', 'reward-to-go'] as const) {
      const moving = estimate({ estimator, baseline: 'ema', average: 1.7 });
      expectGradient(expected(THETA, paths, moving), gradient);
      const byValue = (path: Trajectory) =>
        estimate({ estimator, baseline: 'value', values: [valuesAlong(path)] })(path);
      expectGradient(expected(THETA, paths, byValue), gradient);
      expectGradient(expectedOfPairs({ estimator, baseline: 'rloo' }), gradient);
    }
  });

  test('B11 a baseline that depends on the action is wrong', () => {
    const byAction = (path: Trajectory) => {
      const values = path.states.map((s, t) => Q[t]![s]![path.actions[t]!]!);
      return estimate({ baseline: 'value', values: [values] })(path);
    };
    expect(distance(expected(THETA, paths, byAction), gradient)).toBeGreaterThan(0.3);
  });

  test('B12 Σ_a ∇π = ∇1 = 0: E[∇log π b(s)] = 0 in every state, for every b', () => {
    for (const [o, row] of THETA.entries()) {
      const scores = softmaxRow(row).map((p, a) => scaled(score(THETA, o, a), p));
      expectGradient(
        scores.reduce(plus),
        gradient.map(() => 0),
        1e-15,
      );
    }
    const b = (s: number) => [3, -70, 1000][s]!;
    const term = (path: Trajectory) => weightedScores(THETA, path, path.states.map(b));
    expectGradient(
      expected(THETA, paths, term),
      gradient.map(() => 0),
      1e-12,
    );
  });

  test('B15 G_t - v(X_t), the more common estimate', () => {
    const rewards = [1, -0.5, 2];
    const [weights] = advantages([rewards], { baseline: 'value', values: [[0.5, 1, 1.5]] });
    expect([...weights!]).toEqual([2, 0.5, 0.5]);
  });

  test('discounted returns are those of the discounted objective from each step on', () => {
    const [toGo] = advantages([[1, 2, 3]], { gamma: 0.5 });
    expect([...toGo!]).toEqual([2.75, 3.5, 3]);
    const [full] = advantages([[1, 2, 3]], { estimator: 'full', gamma: 0.5 });
    expect([...full!]).toEqual([2.75, 2.75, 2.75]);
  });
});

describe('variance', () => {
  test('B11 none > mean > timestep > value, of reward-to-go in the limit of a large batch', () => {
    const mean = sum(
      paths.map((path) => {
        const returns = rewardsToGo(path.rewards);
        return (probability(THETA, path) * sum(returns)) / returns.length;
      }),
    );
    const byTime = [0, 1, 2].map((t) => {
      const alive = paths.filter(({ states }) => states.length > t);
      const mass = sum(alive.map((path) => probability(THETA, path)));
      const total = alive.map((path) => probability(THETA, path) * rewardsToGo(path.rewards)[t]!);
      return sum(total) / mass;
    });
    const variances = [
      () => 0,
      () => mean,
      (_: Trajectory, t: number) => byTime[t]!,
      (path: Trajectory, t: number) => valuesAlong(path)[t]!,
    ].map((baseline) =>
      totalVariance(THETA, paths, (path) => {
        const values = path.states.map((_, t) => baseline(path, t));
        return estimate({ baseline: 'value', values: [values] })(path);
      }),
    );
    for (const [i, v] of variances.slice(1).entries()) expect(v).toBeLessThan(variances[i]!);
  });

  test('B13 the mean of N episodes has 1/N of the variance', () => {
    const draw = sampler(CHAIN, 'B13');
    const single = totalVariance(THETA, paths, estimate({}));
    const [N, batches] = [16, 4000];
    let squares = 0;
    for (let i = 0; i < batches; i++) {
      const terms = Array.from({ length: N }, () => estimate({})(draw()));
      squares += distance(scaled(terms.reduce(plus), 1 / N), gradient) ** 2;
    }
    expect(Math.abs((squares / batches / single) * N - 1)).toBeLessThan(0.1);
  });

  test('B14 Q is the expected reward-to-go, of which an episode is one sample', () => {
    for (const t of [0, 1, 2])
      for (const s of [0, 1, 2])
        for (const a of [0, 1]) {
          const through = paths.filter(
            ({ states, actions }) => states[t] === s && actions[t] === a,
          );
          if (through.length === 0) continue; // no episode begins in state 2
          const mass = sum(through.map((path) => probability(THETA, path)));
          const total = sum(
            through.map((path) => probability(THETA, path) * rewardsToGo(path.rewards)[t]!),
          );
          expect(total / mass).toBeCloseTo(Q[t]![s]![a]!, 12);
        }
  });
});

describe('slips of the lectures', () => {
  test('L7 the sum begins with the reward of the action itself: without it the estimate is biased', () => {
    const later = (path: Trajectory) =>
      weightedScores(
        THETA,
        path,
        rewardsToGo(path.rewards).map((G, t) => G - path.rewards[t]!),
      );
    expect(distance(expected(THETA, paths, later), gradient)).toBeGreaterThan(0.3);
  });

  test('L8 a mean that holds the episode itself shrinks the gradient by 1 - 1/N, leave-one-out does not', () => {
    const half = gradient.map((v) => v / 2);
    expectGradient(expectedOfPairs({ estimator: 'full', baseline: 'mean' }), half);
    expectGradient(expectedOfPairs({ estimator: 'full', baseline: 'rloo' }), gradient);
    const never = { ...CHAIN, transitions: CHAIN.transitions.map((rows) => rows.map(toOne)) };
    const wholes = trajectories(never); // all of one length
    const want = exactGradient(THETA, wholes).map((v) => v / 2);
    expectGradient(expectedOfPairs({ baseline: 'timestep' }, wholes), want);
  });

  test('L12 without 1/N the estimate is N times the gradient', () => {
    const sumOfTwo = expectedOfPairs({}).map((v) => 2 * v);
    expectGradient(
      sumOfTwo,
      gradient.map((v) => 2 * v),
    );
  });

  test('L13 A = r + V(s′) - V(s) in expectation over s′ only', () => {
    const [t, s, a] = [0, 0, 0];
    const next = CHAIN.transitions[s]![a]!;
    const errors = V[t + 1]!.map((v) => CHAIN.rewards[s]![a]! + v - V[t]![s]!);
    const A = Q[t]![s]![a]! - V[t]![s]!;
    expect(sum(next.map((p, i) => p * errors[i]!))).toBeCloseTo(A, 12);
    expect(Math.abs(errors[0]! - A)).toBeGreaterThan(0.05);
  });
});

describe('the moving baseline', () => {
  test('B9 starts from 0, so that the first returns look better than they are; debiased it does not', () => {
    const plain = new MovingAverage(0.9);
    const debiased = new MovingAverage(0.9, { debias: true });
    const seen = [10, 10, 10].map((G) => {
      plain.add(G);
      debiased.add(G);
      return [plain.value, debiased.value];
    });
    for (const [i, want] of [1, 1.9, 2.71].entries()) {
      expect(seen[i]![0]).toBeCloseTo(want, 12);
      expect(seen[i]![1]).toBeCloseTo(10, 12);
    }
  });
});

/** Left and right look alike. From either the middle is one step away, in opposite directions; its action 1 wins. */
const CORRIDOR: Enumerable = {
  start: [0.5, 0, 0.5],
  observe: [0, 1, 0],
  transitions: [
    [
      [1, 0, 0],
      [0, 1, 0],
    ],
    [
      [1, 0, 0],
      [0, 0, 0],
    ],
    [
      [0, 1, 0],
      [0, 0, 1],
    ],
  ],
  rewards: [
    [0, 0],
    [0, 1],
    [0, 0],
  ],
  horizon: 4,
};

test('B24 where states look alike, a policy that draws beats every deterministic one, and the gradient finds it', () => {
  const all = trajectories(CORRIDOR);
  const surely = (action: number) => [action === 0 ? 50 : -50, 0];
  const deterministic = [0, 1].flatMap((a) =>
    [0, 1].map((b) => objective([surely(a), surely(b)], all)),
  );
  expect(Math.max(...deterministic)).toBeCloseTo(0.5, 9);

  let theta: Table = [
    [0.4, 0],
    [0, 0],
  ];
  for (let i = 0; i < 500; i++) {
    const step = expected(theta, all, estimate({}, theta));
    theta = theta.map((row, o) => row.map((z, a) => z + 5 * step[2 * o + a]!));
  }
  const best = 1 - (1 / 2) ** 3; // three tries at even odds, and a step to win
  expect(objective(theta, all)).toBeGreaterThan(0.99 * best);
});

/** Draws episodes, by listing them: the chance of each is known. */
function sampler(mdp: Enumerable, seed: string): () => Trajectory {
  const all = trajectories(mdp);
  const cumulative: number[] = [];
  for (const path of all) cumulative.push((cumulative.at(-1) ?? 0) + probability(THETA, path));
  const draws = randomFor(seed).uniform([100_000], 0, 1).data;
  let at = 0;
  return () => {
    const u = draws[at++ % draws.length]!;
    return all[
      Math.max(
        0,
        cumulative.findIndex((c) => u < c),
      )
    ]!;
  };
}
