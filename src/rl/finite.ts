// Dynamics of which all can be listed: numbered states, numbered actions, and what each action may lead to.
//
//   P(s' | s, a) and r(s, a, s'), as rows of outcomes
//
// The one list makes the environment that is played and the decision problem that is solved (tabular/mdp.ts).

import { EnvironmentError } from '../errors.ts';
import { type Discrete, discrete } from './environment.ts';
import type { Picture } from './picture.ts';
import type { Dynamics } from './simulate.ts';

export interface Outcome {
  readonly probability: number;
  /** What follows. */
  readonly state: number;
  readonly reward: number;
  readonly terminated: boolean;
}

export interface FiniteDynamics extends Dynamics<number, number, number> {
  /** The states themselves are what is observed. */
  readonly observationSpace: Discrete;
  readonly actionSpace: Discrete;
  /** d0, the probability of each state to begin in. */
  readonly d0: Float64Array;
  /** All that may follow; the probabilities sum to 1. */
  outcomes(state: number, action: number): readonly Outcome[];
}

export interface FiniteRules {
  readonly id: string;
  readonly states: number;
  readonly actions: number;
  /** States to begin in, each as likely as the others. */
  readonly starts: readonly number[];
  outcomes(state: number, action: number): readonly Outcome[];
  picture?(state: number): Picture;
}

/** @throws EnvironmentError without a start, where probabilities do not sum to 1, or an outcome leads to no state. */
export function finiteDynamics({
  id,
  states,
  actions,
  starts,
  outcomes,
  picture,
}: FiniteRules): FiniteDynamics {
  if (starts.length === 0) throw new EnvironmentError(`${id}: there is no state to start in`);
  const rows: (readonly Outcome[])[] = [];
  for (let state = 0; state < states; state++) {
    for (let action = 0; action < actions; action++) {
      const row = outcomes(state, action);
      checkRow(`${id}: state ${state}, action ${action}`, row, states);
      rows.push(row);
    }
  }
  const d0 = new Float64Array(states);
  for (const state of starts) d0[state]! += 1 / starts.length;
  return {
    id,
    observationSpace: discrete(states),
    actionSpace: discrete(actions),
    d0,
    outcomes: (state, action) => rows[state * actions + action]!,
    begin: (random) => starts[starts.length === 1 ? 0 : random.integer(starts.length)]!,
    next(state, action, random) {
      const row = rows[state * actions + action]!;
      // What is certain takes no random number.
      const i = row.length === 1 ? 0 : random.choice(row.map(({ probability }) => probability));
      return row[i]!;
    },
    observe: (state) => state,
    ...(picture && { picture }),
  };
}

/** What is certain to follow. */
export const certain = (state: number, reward: number, terminated = false): readonly Outcome[] => [
  { probability: 1, state, reward, terminated },
];

export const isFiniteDynamics = (dynamics: Dynamics): dynamics is Dynamics & FiniteDynamics =>
  'outcomes' in dynamics;

/** Probabilities that sum to 1 up to rounding. */
export const SUM_TOLERANCE = 1e-12;

function checkRow(where: string, row: readonly Outcome[], states: number): void {
  for (const { state, probability, reward } of row) {
    if (!(Number.isInteger(state) && state >= 0 && state < states))
      throw new EnvironmentError(`${where}: leads to state ${state} of ${states}`);
    if (!(probability >= 0)) throw new EnvironmentError(`${where}: has probability ${probability}`);
    if (!Number.isFinite(reward)) throw new EnvironmentError(`${where}: has reward ${reward}`);
  }
  const total = row.reduce((sum, { probability }) => sum + probability, 0);
  if (!(Math.abs(total - 1) <= SUM_TOLERANCE))
    throw new EnvironmentError(`${where}: the probabilities sum to ${total}`);
}
