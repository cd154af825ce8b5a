// What a policy is worth.
//
//   V_π(s) = Σ_a π(a|s) Q_π(s, a)        Q_π(s, a) = R(s, a) + γ Σ_s' P(s'|s, a) V_π(s')        A_π = Q_π - V_π
//
// so V_π = R_π + γ P_π V_π: solved as linear equations, or by applying the right side again and again.

import { ConfigError, LimitError } from '../../errors.ts';
import { solveLinear } from './linear.ts';
import { expectedNext, type TabularMDP } from './mdp.ts';
import { expectPolicy, type Policy } from './policy.ts';

/** More unknowns than these are for the iteration: they would take minutes. */
const MOST_EQUATIONS = 2000;

/** Q(s, a) of the values V(s'), [S, A]. */
export function actionValues(mdp: TabularMDP, V: ArrayLike<number>): Float64Array {
  const { R, gamma } = mdp;
  const Q = new Float64Array(R.length);
  for (let row = 0; row < R.length; row++) Q[row] = R[row]! + gamma * expectedNext(mdp, row, V);
  return Q;
}

/** Σ_a π(a|s) Q(s, a), [S]. */
export function averageOver(policy: Policy, Q: Float64Array, actions: number): Float64Array {
  const V = new Float64Array(Q.length / actions);
  for (const [row, q] of Q.entries()) V[Math.floor(row / actions)]! += policy[row]! * q;
  return V;
}

/** A_π(s, a) = Q_π(s, a) - V_π(s), [S, A]. */
export function actionAdvantages(mdp: TabularMDP, V: ArrayLike<number>): Float64Array {
  return actionValues(mdp, V).map((q, row) => q - V[Math.floor(row / mdp.actions)]!);
}

/**
 * V_π by (I - γ P_π) V = R_π, over the states from which some reward can come; of all others V = 0.
 * @throws ConfigError where γ = 1 and a state earns for ever, LimitError for more states than equations can be solved
 */
export function evaluatePolicy(mdp: TabularMDP, policy: Policy): Float64Array {
  expectPolicy(mdp, policy);
  const { states: S, actions: A, P, R, gamma } = mdp;
  const V = new Float64Array(S);
  const unknowns = earningStates(mdp, policy);
  const n = unknowns.length;
  if (n > MOST_EQUATIONS)
    throw new LimitError(
      `evaluatePolicy: ${n} unknown values, at most ${MOST_EQUATIONS}; use iteratePolicy or value iteration`,
    );
  const indexOf = new Map(unknowns.map((s, i) => [s, i]));
  const matrix = new Float64Array(n * n);
  const b = new Float64Array(n);
  for (const [i, s] of unknowns.entries()) {
    matrix[i * n + i] = 1;
    for (let row = s * A; row < (s + 1) * A; row++) {
      b[i]! += policy[row]! * R[row]!;
      for (const { state, probability } of P[row]!) {
        const j = indexOf.get(state);
        if (j !== undefined) matrix[i * n + j]! -= gamma * policy[row]! * probability;
      }
    }
  }
  const solution = solveLinear(matrix, b);
  if (!solution)
    throw new ConfigError(
      'evaluatePolicy: with gamma 1 this policy never ends from some state where it earns; take gamma below 1',
    );
  for (const [i, s] of unknowns.entries()) V[s] = solution[i]!;
  return V;
}

export interface Sweeps {
  /** Stop where no value changes by more than this; default 1e-12. */
  readonly tolerance?: number;
  /** Default 100,000; more is an error. */
  readonly sweeps?: number;
}

/** V_π by V ← R_π + γ P_π V, from 0. @throws ConfigError where the values do not settle */
export function iteratePolicy(
  mdp: TabularMDP,
  policy: Policy,
  { tolerance = 1e-12, sweeps = 100_000 }: Sweeps = {},
): Float64Array {
  expectPolicy(mdp, policy);
  let V: Float64Array = new Float64Array(mdp.states);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const next = averageOver(policy, actionValues(mdp, V), mdp.actions);
    const change = supNorm(next, V);
    V = next;
    if (change <= tolerance) return V;
  }
  throw new ConfigError(`iteratePolicy: the values did not settle in ${sweeps} sweeps`);
}

/** max |x - y|. */
export function supNorm(x: Float64Array, y: Float64Array): number {
  let most = 0;
  for (let i = 0; i < x.length; i++) most = Math.max(most, Math.abs(x[i]! - y[i]!));
  return most;
}

/** The states from which the policy may come to a reward. */
function earningStates({ states: S, actions: A, P, R }: TabularMDP, policy: Policy): number[] {
  const before: number[][] = Array.from({ length: S }, () => []);
  const earning = new Set<number>();
  for (let row = 0; row < S * A; row++) {
    if (policy[row] === 0) continue;
    const s = Math.floor(row / A);
    if (R[row] !== 0) earning.add(s);
    for (const { state } of P[row]!) before[state]!.push(s);
  }
  for (const s of earning) for (const earlier of before[s]!) earning.add(earlier); // grows as it goes
  return [...earning].sort((a, b) => a - b);
}
