// Episodes of at most T steps: what is best depends on the steps that are left.
//
//   V_0 = 0        V_k(s) = max_a (R + γ P V_{k-1})        with k steps left; for a fixed policy, the mean over its actions

import { actionValues, averageOver } from './evaluate.ts';
import type { TabularMDP } from './mdp.ts';
import { greedyValues } from './optimal.ts';
import { bestActions } from './order.ts';
import { expectPolicy, type Policy } from './policy.ts';

export interface HorizonSolution {
  /** V_T, [S]. */
  readonly values: Float64Array;
  /** policy[t][s]: the action to take at step t of T, the first of the best. */
  readonly policy: readonly (readonly number[])[];
}

/** The best over all policies, those that look at the time included. */
export function horizonOptimum(mdp: TabularMDP, T: number): HorizonSolution {
  let values: Float64Array = new Float64Array(mdp.states);
  const policy: number[][] = [];
  for (let left = 1; left <= T; left++) {
    policy.unshift(bestActions(actionValues(mdp, values), mdp.actions).map((best) => best[0]!));
    values = greedyValues(mdp, values);
  }
  return { values, policy };
}

/** V_T of a policy that does not look at the time, [S]. */
export function horizonValues(mdp: TabularMDP, policy: Policy, T: number): Float64Array {
  expectPolicy(mdp, policy);
  let values: Float64Array = new Float64Array(mdp.states);
  for (let left = 1; left <= T; left++)
    values = averageOver(policy, actionValues(mdp, values), mdp.actions);
  return values;
}
