// Every way an episode can go, with its probability: expectations over trajectories as finite sums.
//
//   p(τ) = d0(s_0) Π_t π(a_t | s_t) P(s_{t+1} | s_t, a_t)

import type { TabularMDP } from './mdp.ts';
import { expectPolicy, type Policy } from './policy.ts';

export interface Trajectory {
  /** p(τ), above 0. */
  readonly probability: number;
  /** s_0 … s_T: one more than there are actions. */
  readonly states: readonly number[];
  readonly actions: readonly number[];
  /** r_t = R(s_t, a_t), what action t earned. */
  readonly rewards: readonly number[];
}

/** All of at most T steps; shorter where the episode is over. Their probabilities sum to 1. There are up to S (A S)^T. */
export function* enumerateTrajectories(
  mdp: TabularMDP,
  policy: Policy,
  T: number,
): Generator<Trajectory> {
  expectPolicy(mdp, policy);
  const { actions: A, P, R, ends } = mdp;
  function* from({ probability, states, actions, rewards }: Trajectory): Generator<Trajectory> {
    const s = states.at(-1)!;
    if (actions.length === T || ends[s]) {
      yield { probability, states, actions, rewards };
      return;
    }
    for (let a = 0; a < A; a++) {
      const row = s * A + a;
      for (const branch of policy[row]! > 0 ? P[row]! : []) {
        yield* from({
          probability: probability * policy[row]! * branch.probability,
          states: [...states, branch.state],
          actions: [...actions, a],
          rewards: [...rewards, R[row]!],
        });
      }
    }
  }
  for (const [s, probability] of mdp.d0.entries()) {
    if (probability > 0) yield* from({ probability, states: [s], actions: [], rewards: [] });
  }
}
