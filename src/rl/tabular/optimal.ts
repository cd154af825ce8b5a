// The best that can be done.
//
//   V*(s) = max_a Q*(s, a)        Q*(s, a) = R(s, a) + γ Σ_s' P(s'|s, a) V*(s')        π*(s) = argmax_a Q*(s, a)

import { ConfigError } from '../../errors.ts';
import { actionValues, evaluatePolicy, supNorm } from './evaluate.ts';
import type { TabularMDP } from './mdp.ts';
import { bestActions, chooseActions } from './order.ts';
import { deterministicPolicy } from './policy.ts';

export interface Solution {
  /** V*, [S]. */
  readonly values: Float64Array;
  /** π*: an action per state, the first of the best; with γ = 1 the first that leads on to an end. */
  readonly policy: readonly number[];
  /** All that are as good. */
  readonly best: readonly (readonly number[])[];
  /** Sweeps, or policies. */
  readonly iterations: number;
  /** max |max_a Q(s, a) - V(s)|. */
  readonly residual: number;
}

export interface ValueIterationOptions {
  /** ε: |V - V*| is below ε/2, and the greedy policy within ε of the optimum. Default 1e-12. */
  readonly epsilon?: number;
  /** Default 100,000; more is an error. */
  readonly sweeps?: number;
  /** Called with V_k, [S], after each sweep. */
  readonly onSweep?: (V: Float64Array) => void;
}

/**
 * V ← max_a (R + γ P V), from 0, until ‖ΔV‖∞ < ε(1 - γ)/2γ, or what float64 can tell. With γ = 1 nothing bounds the
 * distance that is left: it stops where ‖ΔV‖∞ < ε.
 * @throws ConfigError where the values do not settle
 */
export function valueIteration(
  mdp: TabularMDP,
  { epsilon = 1e-12, sweeps = 100_000, onSweep }: ValueIterationOptions = {},
): Solution {
  const { gamma } = mdp;
  const stop = gamma === 0 || gamma === 1 ? epsilon : (epsilon * (1 - gamma)) / (2 * gamma);
  let V: Float64Array = new Float64Array(mdp.states);
  for (let iterations = 1; iterations <= sweeps; iterations++) {
    const next = greedyValues(mdp, V);
    const change = supNorm(next, V);
    V = next;
    onSweep?.(V);
    const rounding = 4 * Number.EPSILON * V.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    if (change < Math.max(stop, rounding)) return solution(mdp, V, iterations);
  }
  throw new ConfigError(
    `valueIteration: the values did not settle in ${sweeps} sweeps${
      gamma === 1 ? '; with gamma 1 a state may never come to an end' : ''
    }`,
  );
}

/**
 * Evaluate, then improve, until the policy stays: an action is left for a better one only.
 * @throws ConfigError where γ = 1 and no end can be reached
 */
export function policyIteration(mdp: TabularMDP): Solution {
  const all = Array.from({ length: mdp.states }, () => [...Array(mdp.actions).keys()]);
  let policy = chooseActions(mdp, all);
  for (let iterations = 1; ; iterations++) {
    const V = evaluatePolicy(mdp, deterministicPolicy(mdp, policy));
    const best = bestActions(actionValues(mdp, V), mdp.actions);
    const improved = policy.map((a, s) => (best[s]!.includes(a) ? a : best[s]![0]!));
    if (improved.every((a, s) => a === policy[s])) return solution(mdp, V, iterations);
    policy = improved;
  }
}

/** max_a Q(s, a), [S]. */
export function greedyValues(mdp: TabularMDP, V: Float64Array): Float64Array {
  const { states, actions } = mdp;
  const Q = actionValues(mdp, V);
  const values = new Float64Array(states).fill(-Infinity);
  for (let row = 0, s = 0; s < states; s++) {
    for (let a = 0; a < actions; a++, row++) values[s] = Math.max(values[s]!, Q[row]!);
  }
  return values;
}

function solution(mdp: TabularMDP, values: Float64Array, iterations: number): Solution {
  const best = bestActions(actionValues(mdp, values), mdp.actions);
  const residual = supNorm(greedyValues(mdp, values), values);
  return { values, policy: chooseActions(mdp, best), best, iterations, residual };
}
