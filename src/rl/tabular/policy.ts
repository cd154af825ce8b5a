// Policies as tables: π(a | s), [S, A] row-major, every row sums to 1.

import { ShapeError } from '../../errors.ts';
import { expectDistribution, type TabularMDP } from './mdp.ts';

/** π(a | s), [S, A]. */
export type Policy = Float64Array;

type Sizes = Pick<TabularMDP, 'states' | 'actions'>;

/** Any action is as likely as the others. */
export const uniformPolicy = ({ states, actions }: Sizes): Policy =>
  new Float64Array(states * actions).fill(1 / actions);

/** The policy that takes choices[s] in state s. */
export function deterministicPolicy(
  { states, actions }: Sizes,
  choices: ArrayLike<number>,
): Policy {
  const policy = new Float64Array(states * actions);
  for (let s = 0; s < states; s++) policy[s * actions + choices[s]!] = 1;
  return policy;
}

/** π(a | s) = exp θ[s, a] / Σ_b exp θ[s, b]. */
export function softmaxPolicy({ states, actions }: Sizes, theta: ArrayLike<number>): Policy {
  const policy = Float64Array.from(theta);
  for (let s = 0; s < states; s++) {
    const row = policy.subarray(s * actions, (s + 1) * actions);
    const largest = row.reduce((a, b) => Math.max(a, b));
    let total = 0;
    for (let a = 0; a < actions; a++) total += row[a] = Math.exp(row[a]! - largest);
    for (let a = 0; a < actions; a++) row[a]! /= total;
  }
  return policy;
}

/** @throws ShapeError, ConfigError unless each state has probabilities of its actions */
export function expectPolicy({ states, actions }: Sizes, policy: Policy): void {
  if (policy.length !== states * actions)
    throw new ShapeError(
      `the policy has ${policy.length} entries, expected ${states} states x ${actions} actions`,
    );
  for (let s = 0; s < states; s++)
    expectDistribution(`policy of state ${s}`, policy.subarray(s * actions, (s + 1) * actions));
}
