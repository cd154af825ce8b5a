// A Markov decision process as tables: (S, A, P, R, γ), and d0, where it begins.
//
//   P(s' | s, a)        R(s, a) = E[r | s, a]        d0(s)
//
// An end is a state that keeps to itself and earns nothing: an episode is then an endless walk like any other, V = 0
// at its end, and γ may be 1.

import { ConfigError, EnvironmentError, ShapeError } from '../../errors.ts';
import { type FiniteDynamics, SUM_TOLERANCE } from '../finite.ts';

export interface Branch {
  /** s'. */
  readonly state: number;
  /** Above 0. */
  readonly probability: number;
}

export interface TabularMDP {
  /** S. */
  readonly states: number;
  /** A. */
  readonly actions: number;
  /** P: row s A + a holds the s' that have a chance. */
  readonly P: readonly (readonly Branch[])[];
  /** [S, A]. */
  readonly R: Float64Array;
  /** [S]. */
  readonly d0: Float64Array;
  /** 1 where an episode is over, [S]. */
  readonly ends: Uint8Array;
  readonly gamma: number;
}

/**
 * The decision process that these dynamics play.
 * @throws EnvironmentError where a state is an end after one step and not after another
 */
export function fromDynamics(dynamics: FiniteDynamics, { gamma }: { gamma: number }): TabularMDP {
  const [S, A] = [dynamics.observationSpace.n, dynamics.actionSpace.n];
  const ends = endsOf(dynamics);
  const P: Branch[][] = [];
  const R = new Float64Array(S * A);
  for (let row = 0; row < S * A; row++) {
    const [state, action] = [Math.floor(row / A), row % A];
    const outcomes = ends[state] ? [] : dynamics.outcomes(state, action);
    for (const { probability, reward } of outcomes) R[row]! += probability * reward;
    P.push(ends[state] ? [{ state, probability: 1 }] : merged(outcomes));
  }
  return checkedMDP({ states: S, actions: A, P, R, d0: dynamics.d0, ends, gamma });
}

export interface Tables {
  /** P[s, a, s'], row-major. */
  readonly P: ArrayLike<number>;
  /** R[s, a]. */
  readonly R: ArrayLike<number>;
  /** Default: any state. */
  readonly d0?: ArrayLike<number>;
  readonly gamma: number;
}

/** From dense tables. States that every action keeps, with no reward, are ends. @throws ShapeError, ConfigError */
export function tabularMDP({ P, R, d0, gamma }: Tables): TabularMDP {
  const S = P.length / R.length;
  const A = R.length / S;
  if (!(Number.isInteger(S) && Number.isInteger(A)))
    throw new ShapeError(
      `tabularMDP: P has ${P.length} entries, R has ${R.length}; expected S A S and S A`,
    );
  const rows = Array.from({ length: S * A }, (_, row) => {
    const entries = Array.from({ length: S }, (_, state) => ({
      state,
      probability: P[row * S + state]!,
    }));
    return entries.filter(({ probability }) => probability !== 0);
  });
  const keeps = (state: number, row: number) =>
    rows[row]!.every((branch) => branch.state === state) && R[row] === 0;
  const ends = Uint8Array.from({ length: S }, (_, state) => {
    const own = Array.from({ length: A }, (_, action) => state * A + action);
    return Number(own.every((row) => keeps(state, row)));
  });
  const begin = Float64Array.from(d0 ?? new Float64Array(S).fill(1 / S));
  return checkedMDP({
    states: S,
    actions: A,
    P: rows,
    R: Float64Array.from(R),
    d0: begin,
    ends,
    gamma,
  });
}

/** E[f(s') | s, a]. */
export function expectedNext({ P }: TabularMDP, row: number, f: ArrayLike<number>): number {
  let sum = 0;
  for (const { state, probability } of P[row]!) sum += probability * f[state]!;
  return sum;
}

/** d0 · V = J: the expected return of an episode. */
export const startValue = ({ d0 }: TabularMDP, V: ArrayLike<number>): number =>
  d0.reduce((sum, p, s) => sum + (p === 0 ? 0 : p * V[s]!), 0);

/** The states that a step ends in. */
function endsOf({ id, observationSpace, actionSpace, outcomes }: FiniteDynamics): Uint8Array {
  const S = observationSpace.n;
  const [ends, others] = [new Uint8Array(S), new Uint8Array(S)];
  for (let s = 0; s < S; s++) {
    for (let a = 0; a < actionSpace.n; a++) {
      for (const { state, terminated } of outcomes(s, a)) (terminated ? ends : others)[state] = 1;
    }
  }
  const both = ends.findIndex((end, s) => end === 1 && others[s] === 1);
  if (both >= 0)
    throw new EnvironmentError(
      `${id}: state ${both} ends the episode after one step and not after another; such ends need a state of their own`,
    );
  return ends;
}

/** Each s' once. */
function merged(branches: readonly Branch[]): Branch[] {
  const total = new Map<number, number>();
  for (const { state, probability } of branches)
    total.set(state, (total.get(state) ?? 0) + probability);
  return [...total].flatMap(([state, probability]) =>
    probability > 0 ? [{ state, probability }] : [],
  );
}

function checkedMDP(mdp: TabularMDP): TabularMDP {
  const { actions, P, R, d0, gamma } = mdp;
  if (!(gamma >= 0 && gamma <= 1)) throw new ConfigError(`gamma is ${gamma}, expected 0 to 1`);
  for (const [i, row] of P.entries()) {
    expectDistribution(
      `P of state ${Math.floor(i / actions)}, action ${i % actions}`,
      row.map(({ probability }) => probability),
    );
  }
  expectDistribution('d0', d0);
  if (!R.every(Number.isFinite)) throw new ConfigError('R has a reward that is not a number');
  return mdp;
}

/** @throws ConfigError unless no p is below 0 and they sum to 1 */
export function expectDistribution(what: string, p: ArrayLike<number>): void {
  const values = Array.from(p);
  const total = values.reduce((sum, x) => sum + x, 0);
  if (!(values.every((x) => x >= 0) && Math.abs(total - 1) <= SUM_TOLERANCE))
    throw new ConfigError(`${what}: expected probabilities that sum to 1, got a sum of ${total}`);
}
