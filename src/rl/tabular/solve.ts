// An environment solved exactly, by its id.

import { ConfigError } from '../../errors.ts';
import { nearest } from '../../io/config.ts';
import { type FiniteDynamics, isFiniteDynamics } from '../finite.ts';
import { ENVIRONMENTS, environmentEntry } from '../registry.ts';
import { horizonValues } from './horizon.ts';
import { fromDynamics, startValue, type TabularMDP } from './mdp.ts';
import { policyIteration, valueIteration } from './optimal.ts';
import { deterministicPolicy } from './policy.ts';

const ALGORITHMS = { 'value-iteration': valueIteration, 'policy-iteration': policyIteration };

export type ExactAlgorithm = keyof typeof ALGORITHMS;
export const EXACT_ALGORITHMS = Object.keys(ALGORITHMS) as readonly ExactAlgorithm[];

export interface SolveOptions {
  /** Default 'value-iteration'. */
  readonly algorithm?: ExactAlgorithm;
  /** Discount, 0 to 1. Default 0.99. */
  readonly gamma?: number;
}

/** Plain numbers, ready for JSON. */
export interface Solved {
  /** V*(s) of each state. */
  readonly values: readonly number[];
  /** An action per state: the first of the best; with gamma 1 the first of them that leads on to an end. */
  readonly policy: readonly number[];
  /** All that are as good, per state. */
  readonly best: readonly (readonly number[])[];
  /** d0 · V*: the expected discounted return of an episode without a time limit. */
  readonly startValue: number;
  /** Expected return of this policy within the environment's time limit, not discounted; null for dynamics, which have none. */
  readonly evalReturn: number | null;
  /** Sweeps over all states, or policies evaluated. */
  readonly iterations: number;
  /** max over states of |max_a Q(s, a) - V(s)|. */
  readonly residual: number;
}

/**
 * V* and π* of an environment whose outcomes can be listed.
 * @param environment an id of the registry, or dynamics of your own
 * @throws ConfigError for an unknown id or algorithm, for an environment that cannot be listed, for gamma outside [0, 1],
 *   and where gamma 1 gives no finite values
 */
export function solve(
  environment: string | FiniteDynamics,
  { algorithm = 'value-iteration', gamma = 0.99 }: SolveOptions = {},
): Solved {
  const mdp = fromDynamics(listed(environment), { gamma });
  const { values, policy, ...rest } = named(algorithm)(mdp);
  const limit = typeof environment === 'string' ? environmentEntry(environment).limit : null;
  return {
    values: [...values],
    policy,
    startValue: startValue(mdp, values),
    evalReturn: limit === null ? null : returnWithin(limit, mdp, policy),
    ...rest,
  };
}

function returnWithin(limit: number, mdp: TabularMDP, policy: readonly number[]): number {
  const undiscounted = { ...mdp, gamma: 1 };
  const V = horizonValues(undiscounted, deterministicPolicy(mdp, policy), limit);
  return startValue(mdp, V);
}

function listed(environment: string | FiniteDynamics): FiniteDynamics {
  if (typeof environment !== 'string') return environment;
  const dynamics = environmentEntry(environment).dynamics();
  if (isFiniteDynamics(dynamics)) return dynamics;
  const finite = Object.keys(ENVIRONMENTS).filter((id) =>
    isFiniteDynamics(ENVIRONMENTS[id]!.dynamics()),
  );
  throw new ConfigError(
    `${environment}: its states cannot be listed, as exact methods need; it can be done for ${finite.join(', ')}`,
  );
}

function named(algorithm: string) {
  if (Object.hasOwn(ALGORITHMS, algorithm)) return ALGORITHMS[algorithm as ExactAlgorithm];
  const guess = nearest(algorithm, EXACT_ALGORITHMS);
  throw new ConfigError(
    `unknown algorithm "${algorithm}"${guess ? ` (did you mean "${guess}"?)` : ''}; exact ones are ${EXACT_ALGORITHMS.join(', ')}`,
  );
}
