// Off-policy estimates, exactly: episodes of a behaviour policy μ, all listed, for the gradient of another policy π.

import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import {
  importanceWeights,
  isEstimate,
  offPolicyWeights,
  overlap,
  type RatioPer,
  trajectoryLogRatio,
} from '../../src/rl/off_policy.ts';
import { advantages } from '../../src/rl/policy_gradient.ts';
import {
  CHAIN,
  CHAIN_POLICY,
  exactGradient,
  expected,
  type Gradient,
  objective,
  probability,
  stepProbabilities,
  type Table,
  type Trajectory,
  totalVariance,
  trajectories,
  weightedScores,
} from '../reference/enumerable.ts';

const PI = CHAIN_POLICY;
const MU: Table = [
  [-0.5, 0.6],
  [0.4, -0.3],
  [0.8, 0],
];
const paths = trajectories(CHAIN);
const gradient = exactGradient(PI, paths);

const logs = (theta: Table, path: Trajectory) => stepProbabilities(theta, path).map(Math.log);

/** The product's estimate from one episode of `behaviour`. */
const estimate =
  (per: RatioPer, behaviour: Table = MU) =>
  (path: Trajectory): Gradient => {
    const A = advantages([path.rewards]);
    const { weights } = offPolicyWeights(A, [logs(PI, path)], [logs(behaviour, path)], { per });
    return weightedScores(PI, path, weights[0]!);
  };

const distance = (a: Gradient, b: Gradient) => Math.hypot(...a.map((v, i) => v - b[i]!));

describe('the gradient from episodes of another policy', () => {
  test('B18 without weights it is not ∇J', () => {
    const naive = (path: Trajectory) => weightedScores(PI, path, advantages([path.rewards])[0]!);
    expect(distance(expected(MU, paths, naive), gradient)).toBeGreaterThan(0.3);
  });

  test('B20 with the ratio of the whole episode it is ∇J', () => {
    expect(distance(expected(MU, paths, estimate('trajectory')), gradient)).toBeLessThan(1e-8);
  });

  test('B20 the weighted returns are J(π)', () => {
    const J = paths.reduce((total, path) => {
      const ratio = Math.exp(trajectoryLogRatio(logs(PI, path), logs(MU, path)));
      return total + probability(MU, path) * ratio * path.rewards.reduce((a, b) => a + b, 0);
    }, 0);
    expect(J).toBeCloseTo(objective(PI, paths), 12);
  });

  test('B21 with the ratio of the step alone it is biased, less and less as μ → π', () => {
    const gaps = [1, 0.1, 0.01].map((share) => {
      const near = PI.map((row, o) => row.map((z, a) => z + share * (MU[o]![a]! - z)));
      return distance(expected(near, paths, estimate('step', near)), gradient);
    });
    expect(gaps[0]).toBeGreaterThan(0.1);
    expect(gaps[1]! / gaps[0]!).toBeLessThan(0.15);
    expect(gaps[2]! / gaps[1]!).toBeCloseTo(0.1, 1);
  });

  test('L14 S1 prints the ratio of the step with the whole return: biased too', () => {
    const printed = (path: Trajectory) => {
      const A = advantages([path.rewards], { estimator: 'full' });
      const { weights } = offPolicyWeights(A, [logs(PI, path)], [logs(MU, path)], { per: 'step' });
      return weightedScores(PI, path, weights[0]!);
    };
    expect(distance(expected(MU, paths, printed), gradient)).toBeGreaterThan(0.1);
  });

  test('the price of the ratio: more variance than on-policy', () => {
    const onPolicy = totalVariance(PI, paths, (path) =>
      weightedScores(PI, path, advantages([path.rewards])[0]!),
    );
    expect(totalVariance(MU, paths, estimate('trajectory'))).toBeGreaterThan(onPolicy);
  });
});

describe('B19 importance sampling by hand: p = (.5, .3, .2), q = (.4, .4, .2), f = (1, 2, 3)', () => {
  const p = [0.5, 0.3, 0.2];
  const q = [0.4, 0.4, 0.2];
  const drawn = [0, 0, 1, 1, 2]; // as often as q says
  const logRatios = drawn.map((i) => Math.log(p[i]! / q[i]!));
  const f = drawn.map((i) => i + 1);

  test('the estimate is E_p f = 1.7', () => {
    for (const weighting of ['ordinary', 'self-normalised'] as const)
      expect(isEstimate(f, logRatios, { weighting }).estimate).toBeCloseTo(1.7, 12);
  });

  test('E_q w² = 1.05, which is 1.05^T over T steps', () => {
    const squares = importanceWeights(logRatios).map((w) => w * w);
    expect(squares.reduce((a, b) => a + b, 0) / 5).toBeCloseTo(1.05, 12);
    expect(overlap(logRatios).effectiveSize).toBeCloseTo(5 / 1.05, 12);
    const afterSteps = (T: number) => {
      let total = 0; // over all 3^T outcomes
      const walk = (left: number, mass: number, square: number) => {
        if (left === 0) total += mass * square;
        else for (const [i, v] of q.entries()) walk(left - 1, mass * v, square * (p[i]! / v) ** 2);
      };
      walk(T, 1, 1);
      return total;
    };
    expect(afterSteps(10)).toBeCloseTo(1.05 ** 10, 9);
    expect(1.05 ** 10).toBeCloseTo(1.629, 3);
    expect(1.05 ** 100).toBeCloseTo(131.5, 1);
  });

  test('truncated weights are at most what they may be, and pull towards E_q f', () => {
    const { estimate } = isEstimate(f, logRatios, { weighting: 'truncated', most: 1 });
    expect(estimate).toBeCloseTo((0.4 * 1 + 0.4 * 0.75 * 2 + 0.2 * 3) / 1, 12);
    expect(Math.max(...importanceWeights([5, 0, 0, 0], { weighting: 'truncated' }))).toBe(2);
  });
});

describe('B22 ratios that blow up', () => {
  test('a hundred steps of a little each: told by the largest ratio, the effective size and a warning', () => {
    const far = overlap([100 * Math.log(1.5), ...new Array<number>(99).fill(0)]);
    expect(far.maxLogRatio).toBeCloseTo(40.5, 1);
    expect(far.effectiveSize).toBeCloseTo(1, 6);
    expect(far.warning).toMatch('100 samples are worth 1.00; the policies are too far apart');
    const near = overlap(new Array<number>(100).fill(0.1));
    expect(near.share).toBeCloseTo(1, 12);
    expect(near.warning).toBeNull();
  });

  test('ratios beyond the range of floats are still told apart', () => {
    const { share } = overlap([5000, 5000, -5000]);
    expect(share).toBeCloseTo(2 / 3, 12);
    const weights = importanceWeights([5000, 5000, -5000], { weighting: 'self-normalised' });
    expect([...weights]).toEqual([1.5, 1.5, 0]);
  });

  test('what does not fit is refused', () => {
    expect(() => isEstimate([1], [0, 0])).toThrow('1 values and 2 ratios');
    expect(() => overlap([])).toThrow(ConfigError);
    expect(() => overlap([-Infinity])).toThrow('the largest ln ratio is -Infinity');
    expect(() => trajectoryLogRatio([0], [0, 0])).toThrow('1 steps under π and 2 under μ');
  });
});
