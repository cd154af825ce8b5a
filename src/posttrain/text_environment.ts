// Writing text as a decision problem in the contract of all environments: S texts, A tokens, T appends, and R is 0 until the end,
// where the text is scored. What steps it token by token is for environments; `TextCollector` is the same, a batch at a time.

import type { Environment } from '../rl/environment.ts';
import { box, discrete } from '../rl/environment.ts';
import { type Dynamics, simulate } from '../rl/simulate.ts';

export interface TextEnvironmentOptions {
  /** Number of tokens, V. */
  readonly vocabulary: number;
  /** Most tokens of a text, T; one of that length is scored as it is. */
  readonly length: number;
  /** The token that ends a text; default: none does. */
  readonly end?: number;
  /** What a text is worth; its end token is its last. */
  readonly score: (tokens: readonly number[]) => number;
}

/** Observations are [T, V]: a row for each place, with a 1 at its token, empty where nothing is written yet. */
export function textEnvironment({
  vocabulary: V,
  length: T,
  end,
  score,
}: TextEnvironmentOptions): Environment<Float64Array, number> {
  const dynamics: Dynamics<number[], Float64Array, number> = {
    id: 'Text',
    observationSpace: box([T, V], 0, 1),
    actionSpace: discrete(V),
    begin: () => [],
    next(tokens, token) {
      const state = [...tokens, token];
      const terminated = token === end || state.length === T;
      return { state, reward: terminated ? score(state) : 0, terminated };
    },
    observe(tokens) {
      const places = new Float64Array(T * V);
      for (const [t, token] of tokens.entries()) places[t * V + token] = 1;
      return places;
    },
  };
  return simulate(dynamics);
}
