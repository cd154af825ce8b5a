// Policies against each other, and the best action of each state.

import type { TabularMDP } from './mdp.ts';

/** Values this near count as equal, as a share of the largest. */
const TIE = 1e-9;

export type Order = 'better' | 'worse' | 'equal' | 'incomparable';

/** The partial order on policies by their values: π ≥ π' if V_π(s) ≥ V_π'(s) in every state. */
export function comparePolicies(V: Float64Array, other: Float64Array, tolerance = TIE): Order {
  const slack = tolerance * Math.max(largest(V), largest(other));
  const above = V.some((value, s) => value > other[s]! + slack);
  const below = V.some((value, s) => value < other[s]! - slack);
  if (above && below) return 'incomparable';
  return above ? 'better' : below ? 'worse' : 'equal';
}

/** All a with Q(s, a) = max_b Q(s, b) up to rounding, in order. */
export function bestActions(Q: Float64Array, actions: number, tolerance = TIE): number[][] {
  const slack = tolerance * largest(Q);
  return Array.from({ length: Q.length / actions }, (_, s) => {
    const row = Q.subarray(s * actions, (s + 1) * actions);
    const top = row.reduce((a, b) => Math.max(a, b));
    return [...row.keys()].filter((a) => row[a]! >= top - slack);
  });
}

/**
 * One of each state's best actions. With γ below 1 any will do: the first. With γ = 1 two may be equally good and one
 * of them put off the end for ever, so it is the first by which an end comes nearer.
 */
export function chooseActions(mdp: TabularMDP, best: readonly (readonly number[])[]): number[] {
  const first = best.map((actions) => actions[0]!);
  return mdp.gamma < 1 ? first : towardsEnds(mdp, best, first);
}

/** Back from the ends, one step at a time: choices[s] has a chance to come nearer to one. */
function towardsEnds(
  { states, actions, P, ends }: TabularMDP,
  best: readonly (readonly number[])[],
  choices: number[],
): number[] {
  let near = Uint8Array.from(ends);
  for (let found = true; found; ) {
    found = false;
    const grown = near.slice();
    for (let s = 0; s < states; s++) {
      if (near[s]) continue;
      const choice = best[s]!.find((a) => P[s * actions + a]!.some(({ state }) => near[state]));
      if (choice === undefined) continue;
      choices[s] = choice;
      grown[s] = 1;
      found = true;
    }
    near = grown;
  }
  return choices;
}

const largest = (x: Float64Array) => x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
