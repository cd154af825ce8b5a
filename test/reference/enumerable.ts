// A decision problem so small that all its episodes can be listed, in float64: expectations are sums, not estimates.
//
//   Pr(τ) = d0(s_1) Π_t π(a_t | o(s_t)) P(s_{t+1} | s_t, a_t)        J(θ) = Σ_τ Pr(τ) Σ_t r_t
//
// The policy is a softmax of a table: π(a | o) ∝ exp θ[o, a].

export interface Enumerable {
  /** d0[s]. */
  readonly start: readonly number[];
  /** What the agent sees of state s: states that share a number look the same. */
  readonly observe: readonly number[];
  /** transitions[s][a][s']; a row that sums to less than 1 ends the episode with the rest. */
  readonly transitions: readonly (readonly (readonly number[])[])[];
  /** rewards[s][a]. */
  readonly rewards: readonly (readonly number[])[];
  /** Steps after which an episode is over. */
  readonly horizon: number;
}

export interface Trajectory {
  /** d0 Π P: the part of its probability that the policy has no say in. */
  readonly chance: number;
  readonly states: readonly number[];
  readonly observations: readonly number[];
  readonly actions: readonly number[];
  readonly rewards: readonly number[];
}

/** θ[o][a]. */
export type Table = readonly (readonly number[])[];

/** Three steps; going on in state 1 is risky; states 0 and 1 differ in what their actions are worth. */
export const CHAIN: Enumerable = {
  start: [0.7, 0.3, 0],
  observe: [0, 1, 2],
  transitions: [
    [
      [0.2, 0.8, 0],
      [0, 0.1, 0.9],
    ],
    [
      [0.5, 0, 0.25],
      [0.1, 0.3, 0.6],
    ],
    [
      [0.3, 0.3, 0.2],
      [0, 1, 0],
    ],
  ],
  rewards: [
    [1, -0.5],
    [0.25, 2],
    [-1, 0.75],
  ],
  horizon: 3,
};

/** The same, but states 0 and 2 look alike. */
export const ALIASED_CHAIN: Enumerable = { ...CHAIN, observe: [0, 1, 0] };

export const CHAIN_POLICY: Table = [
  [0.3, -0.4],
  [-0.2, 0.5],
  [0.1, 0.6],
];

/** All episodes, each once. */
export function trajectories(mdp: Enumerable): Trajectory[] {
  const found: Trajectory[] = [];
  const walk = (path: Trajectory, state: number) => {
    for (const [action, next] of mdp.transitions[state]!.entries()) {
      const longer: Trajectory = {
        chance: path.chance,
        states: [...path.states, state],
        observations: [...path.observations, mdp.observe[state]!],
        actions: [...path.actions, action],
        rewards: [...path.rewards, mdp.rewards[state]![action]!],
      };
      if (longer.states.length === mdp.horizon) {
        found.push(longer);
        continue;
      }
      for (const [s, p] of next.entries()) {
        if (p > 0) walk({ ...longer, chance: path.chance * p }, s);
      }
      const ends = 1 - sum(next);
      if (ends > 1e-12) found.push({ ...longer, chance: path.chance * ends });
    }
  };
  for (const [state, p] of mdp.start.entries()) {
    const empty = { states: [], observations: [], actions: [], rewards: [] };
    if (p > 0) walk({ chance: p, ...empty }, state);
  }
  return found;
}

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export function softmaxRow(logits: readonly number[]): number[] {
  const top = Math.max(...logits);
  const exps = logits.map((z) => Math.exp(z - top));
  return exps.map((e) => e / sum(exps));
}

/** π(a_t | o_t) of each step. */
export const stepProbabilities = (theta: Table, { observations, actions }: Trajectory): number[] =>
  observations.map((o, t) => softmaxRow(theta[o]!)[actions[t]!]!);

export const probability = (theta: Table, path: Trajectory): number =>
  path.chance * stepProbabilities(theta, path).reduce((product, p) => product * p, 1);

export const objective = (theta: Table, paths: readonly Trajectory[]): number =>
  sum(paths.map((path) => probability(theta, path) * sum(path.rewards)));

/** By θ, flat, row by row. */
export type Gradient = readonly number[];

/** ∇J by central differences, with the error's h² term removed. */
export function exactGradient(theta: Table, paths: readonly Trajectory[], h = 1e-3): Gradient {
  return theta.flatMap((row, o) =>
    row.map((_, a) => {
      const at = (step: number) => objective(moved(theta, o, a, step), paths);
      const slope = (h: number) => (at(h) - at(-h)) / (2 * h);
      return (4 * slope(h) - slope(2 * h)) / 3;
    }),
  );
}

const moved = (theta: Table, o: number, a: number, step: number): Table =>
  theta.map((row, i) => row.map((z, j) => (i === o && j === a ? z + step : z)));

/** ∇ log π(a_t | o_t), which is [o = o_t] ([a = a_t] - π(a | o)). */
export function score(theta: Table, observation: number, action: number): Gradient {
  return theta.flatMap((row, o) => {
    const pi = softmaxRow(row);
    return row.map((_, a) => (o === observation ? Number(a === action) - pi[a]! : 0));
  });
}

/** Σ_t A_t ∇ log π(a_t | o_t). */
export function weightedScores(
  theta: Table,
  { observations, actions }: Trajectory,
  weights: ArrayLike<number>,
): Gradient {
  const scores = observations.map((o, t) => scaled(score(theta, o, actions[t]!), weights[t]!));
  return scores.reduce(plus);
}

export const scaled = (x: Gradient, by: number): Gradient => x.map((v) => by * v);
export const plus = (a: Gradient, b: Gradient): Gradient => a.map((v, i) => v + b[i]!);

/** E g(τ) under the policy. */
export const expected = (
  theta: Table,
  paths: readonly Trajectory[],
  g: (path: Trajectory) => Gradient,
): Gradient => paths.map((path) => scaled(g(path), probability(theta, path))).reduce(plus);

/** E ‖g - E g‖². */
export function totalVariance(
  theta: Table,
  paths: readonly Trajectory[],
  g: (path: Trajectory) => Gradient,
): number {
  const squares = expected(theta, paths, (path) => g(path).map((v) => v * v));
  const mean = expected(theta, paths, g);
  return sum(squares) - sum(mean.map((v) => v * v));
}

/** The expected rest of the return from state s at step t (from 0), by action and on average. */
export function values(mdp: Enumerable, theta: Table): { V: number[][]; Q: number[][][] } {
  const states = mdp.start.map((_, s) => s);
  const V: number[][] = Array.from({ length: mdp.horizon + 1 }, () => states.map(() => 0));
  const Q: number[][][] = [];
  for (let t = mdp.horizon - 1; t >= 0; t--) {
    Q[t] = states.map((s) =>
      mdp.rewards[s]!.map(
        (r, a) => r + sum(mdp.transitions[s]![a]!.map((p, next) => p * V[t + 1]![next]!)),
      ),
    );
    V[t] = states.map((s) => {
      const pi = softmaxRow(theta[mdp.observe[s]!]!);
      return sum(pi.map((p, a) => p * Q[t]![s]![a]!));
    });
  }
  return { V, Q };
}
