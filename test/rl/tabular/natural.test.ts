// Advantages, gradients and step sizes of tabular softmax policies, where each is known exactly.

import { describe, expect, test } from 'vitest';
import {
  actionAdvantages,
  evaluatePolicy,
  exactNaturalStep,
  exactNormalisedStep,
  expectedNext,
  fisherBlock,
  meanKL,
  naturalGradient,
  policyGradient,
  RandomSequence,
  softmaxPolicy,
  startValue,
  supNorm,
  visitation,
} from '../../../src/rl/index.ts';
import { randomMDP, randomPolicy } from './walks.ts';

const sizes = { states: 5, actions: 3 };
const random = new RandomSequence({ seed: 12 });
const mdp = randomMDP(random, { ...sizes, gamma: 0.9 });
const theta = Float64Array.from({ length: 15 }, () => random.normal());
const policy = softmaxPolicy(mdp, theta);
const V = evaluatePolicy(mdp, policy);
const A = actionAdvantages(mdp, V);

const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
const moved = (step: Float64Array) =>
  softmaxPolicy(
    mdp,
    theta.map((x, i) => x + step[i]!),
  );
/** Δᵀ F Δ. */
const curvature = (step: Float64Array) => {
  const d = visitation(mdp, policy);
  return [0, 1, 2, 3, 4].reduce((sum, s) => {
    const [F, x] = [fisherBlock(mdp, policy, d, s), step.subarray(3 * s, 3 * s + 3)];
    return sum + x.reduce((part, xa, a) => part + xa * dot(F.subarray(3 * a, 3 * a + 3), x), 0);
  }, 0);
};

describe('advantages', () => {
  test('C1 the policy’s mean advantage is 0 in every state', () => {
    for (let s = 0; s < 5; s++) {
      const mean = [0, 1, 2].reduce((sum, a) => sum + policy[3 * s + a]! * A[3 * s + a]!, 0);
      expect(Math.abs(mean)).toBeLessThan(1e-12);
    }
  });

  test('C1 the expected TD error is the advantage', () => {
    for (const [row, a] of A.entries()) {
      const next = expectedNext(mdp, row, V);
      const delta = mdp.R[row]! + mdp.gamma * next - V[Math.floor(row / 3)]!;
      expect(Math.abs(delta - a)).toBeLessThan(1e-12);
    }
  });

  test('L13 r + V(s′) - V(s) is the advantage only in the mean over s′, and only with γ', () => {
    const [row, s] = [0, 0];
    const single = mdp.P[row]!.map(({ state }) => mdp.R[row]! + mdp.gamma * V[state]! - V[s]!);
    expect(Math.max(...single.map((delta) => Math.abs(delta - A[row]!)))).toBeGreaterThan(0.1);
    const undiscounted = mdp.R[row]! + expectedNext(mdp, row, V) - V[s]!;
    expect(Math.abs(undiscounted - A[row]!)).toBeGreaterThan(0.01);
  });
});

describe('gradients', () => {
  test('C8 the policy gradient is the derivative of d0 · V', () => {
    const J = (step: Float64Array) => startValue(mdp, evaluatePolicy(mdp, moved(step)));
    const differences = theta.map((_, i) => {
      const step = new Float64Array(15);
      step[i] = 1e-5;
      return (J(step) - J(step.map((x) => -x))) / 2e-5;
    });
    expect(supNorm(policyGradient(mdp, policy), differences)).toBeLessThan(1e-8);
  });

  test('C8 what is visited sums to 1', () => {
    const d = visitation(mdp, policy);
    expect(Math.abs(d.reduce((a, b) => a + b) - 1)).toBeLessThan(1e-12);
    expect(d.every((x) => x > 0)).toBe(true);
    expect(() => visitation({ ...mdp, gamma: 1 }, policy)).toThrow('gamma below 1');
  });

  test('C8 the natural gradient is A / (1 - γ), but for a constant per state', () => {
    const x = naturalGradient(mdp, policy);
    for (let s = 0; s < 5; s++) {
      const rest = [0, 1, 2].map((a) => x[3 * s + a]! - A[3 * s + a]! / (1 - mdp.gamma));
      expect(Math.max(...rest) - Math.min(...rest)).toBeLessThan(1e-10);
    }
    // The plain gradient is none of it.
    const g = policyGradient(mdp, policy);
    expect(Math.abs(dot(g, x)) / Math.sqrt(dot(g, g) * dot(x, x))).toBeLessThan(0.95);
  });

  test('C8 KL(π_θ+Δ || π_θ) = ½ Δᵀ F Δ near θ', () => {
    const d = visitation(mdp, policy);
    const step = Float64Array.from({ length: 15 }, () => 1e-3 * random.normal());
    const kl = meanKL(d, moved(step), policy);
    expect(Math.abs(kl / (curvature(step) / 2) - 1)).toBeLessThan(2e-3);
    const tenth = step.map((x) => x / 10);
    const nearer = meanKL(d, moved(tenth), policy) / (curvature(tenth) / 2);
    expect(Math.abs(nearer - 1)).toBeLessThan(2e-4); // the error falls with the step
  });

  test('L3 without the ½ the natural step spends half of what it may', () => {
    const d = visitation(mdp, policy);
    const [g, x] = [policyGradient(mdp, policy), naturalGradient(mdp, policy)];
    const allowed = 1e-6;
    const spent = (step: Float64Array) => meanKL(d, moved(step), policy) / allowed;
    expect(Math.abs(spent(exactNaturalStep(g, x, allowed)) - 1)).toBeLessThan(0.01);
    const lecture = x.map((value) => Math.sqrt(allowed / dot(g, x)) * value);
    expect(Math.abs(spent(lecture) - 0.5)).toBeLessThan(0.01);
  });
});

describe('how far to go', () => {
  const g = policyGradient(mdp, policy);

  test('C7 the best step of a given length follows the gradient', () => {
    const epsilon = 0.3;
    const best = exactNormalisedStep(g, epsilon);
    expect(Math.abs(dot(best, best) - epsilon)).toBeLessThan(1e-12);
    expect(Math.abs(dot(best, g) - Math.sqrt(epsilon * dot(g, g)))).toBeLessThan(1e-12);
    for (let trial = 0; trial < 100; trial++) {
      const other = exactNormalisedStep(
        Float64Array.from(g, () => random.normal()),
        epsilon,
      );
      expect(dot(other, g)).toBeLessThan(dot(best, g));
    }
    expect([...exactNormalisedStep(new Float64Array(2), 1)]).toEqual([0, 0]);
  });

  test('C7 of a given KL the natural step gains most, to first order', () => {
    const best = exactNaturalStep(g, naturalGradient(mdp, policy), 0.01);
    expect(Math.abs(curvature(best) / 2 - 0.01)).toBeLessThan(1e-12);
    for (let trial = 0; trial < 100; trial++) {
      const way = Float64Array.from(g, () => random.normal());
      const other = way.map((x) => x * Math.sqrt(0.02 / curvature(way)));
      expect(dot(other, g)).toBeLessThan(dot(best, g));
    }
    const other = randomPolicy(random, sizes);
    expect(meanKL(visitation(mdp, policy), policy, policy)).toBe(0);
    expect(meanKL(visitation(mdp, policy), other, policy)).toBeGreaterThan(0);
  });
});
