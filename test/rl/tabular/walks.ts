// What these tests know without any of the methods under test: distances, and random decision problems.

import {
  type FiniteDynamics,
  type RandomSequence,
  softmaxPolicy,
  tabularMDP,
} from '../../../src/rl/index.ts';

/** Steps from each state to an end that some other state leads to, by breadth-first search back from it; 0 at the end. */
export function stepsToStar({ observationSpace, actionSpace, outcomes }: FiniteDynamics): number[] {
  const S = observationSpace.n;
  const moves: (readonly [from: number, to: number])[] = [];
  const ends = new Set<number>();
  for (let s = 0; s < S; s++) {
    for (let a = 0; a < actionSpace.n; a++) {
      const { state, terminated } = outcomes(s, a)[0]!;
      if (terminated && state !== s) ends.add(state);
      if (state !== s) moves.push([s, state]);
    }
  }
  const distances = new Array<number>(S).fill(Infinity);
  let edge = [...ends];
  for (let d = 0; edge.length > 0; d++) {
    for (const s of edge) distances[s] = d;
    const reached = new Set(edge);
    edge = [...new Set(moves.filter(([, to]) => reached.has(to)).map(([from]) => from))].filter(
      (s) => distances[s] === Infinity,
    );
  }
  return distances;
}

/** P and R drawn at random: each action leads to any state, to some with no chance at all. */
export function randomMDP(
  random: RandomSequence,
  { states: S, actions: A, gamma }: { states: number; actions: number; gamma: number },
) {
  const P: number[] = [];
  for (let row = 0; row < S * A; row++) {
    const weights = Array.from({ length: S }, () => Math.max(0, random.uniform(-0.5, 1)));
    weights[random.integer(S)]! += 0.1;
    const total = weights.reduce((a, b) => a + b);
    P.push(...weights.map((w) => w / total));
  }
  const R = Array.from({ length: S * A }, () => random.normal());
  const begin = Array.from({ length: S }, () => random.uniform(0.1, 1));
  const total = begin.reduce((a, b) => a + b);
  return tabularMDP({ P, R, d0: begin.map((p) => p / total), gamma });
}

/** π(a | s), every action with a chance. */
export function randomPolicy(
  random: RandomSequence,
  { states, actions }: { states: number; actions: number },
): Float64Array {
  const theta = Array.from({ length: states * actions }, () => random.normal());
  return softmaxPolicy({ states, actions }, theta);
}
