// Where learning from groups comes to rest on the enumerable model, by enumeration in float64: answers of two tokens out of
// V, a uniform reference, reward 1 where they are equal. The policy is a table of logits, and its step the expectation, over
// all groups, of the gradient of
//
//   Â ln π(y) - β Σ_t k(ln π(y_t) - ln π_ref(y_t)),     Â = (r - mean) / (std + 1e-4), or r - mean of the others

import { softmaxRow, sum } from './enumerable.ts';

const V = 3;
const TOKENS = [0, 1, 2];
const LEAST_DEVIATION = 1e-4;

export interface GroupRule {
  readonly beta: number;
  /** G; Infinity: mean and deviation are those of the policy. */
  readonly groupSize: number;
  readonly advantage: 'standardised' | 'leaveOneOut';
  /** The estimator of KL in the loss, through which the gradient flows. */
  readonly kl: 'k2' | 'k3';
}

/** The policy at rest: of each answer, in the order 00, 01, … 22. @throws where it does not come to rest */
export function restOf(rule: GroupRule): number[] {
  let logits = Array.from({ length: V + 1 }, () => TOKENS.map(() => 0)); // of the first token, and of the second after each
  for (let step = 0; step < 20_000; step++) {
    const gradient = expectedGradient(logits, rule);
    if (Math.max(...gradient.flat().map(Math.abs)) < 1e-10)
      return answersOf(logits).map(({ p }) => p);
    logits = logits.map((row, i) => row.map((z, a) => z + 3 * gradient[i]![a]!));
  }
  throw new Error('no rest');
}

const answersOf = (logits: number[][]) => {
  const [first, ...second] = logits.map(softmaxRow) as [number[], ...number[][]];
  return TOKENS.flatMap((a) =>
    TOKENS.map((b) => ({ a, b, p: first[a]! * second[a]![b]!, reward: Number(a === b) })),
  );
};

function expectedGradient(logits: number[][], { beta, kl, ...rule }: GroupRule): number[][] {
  const pi = logits.map(softmaxRow);
  const answers = answersOf(logits);
  const right = sum(answers.map(({ p, reward }) => p * reward));
  const gradient = logits.map((row) => row.map(() => 0));
  /** + weight ∇ ln π(token). */
  const push = (row: number, token: number, weight: number) => {
    for (const a of TOKENS) gradient[row]![a]! += weight * (Number(a === token) - pi[row]![a]!);
  };
  const penalty = (row: number, token: number) => {
    const ratio = Math.log(pi[row]![token]! * V);
    return beta * (kl === 'k2' ? ratio : 1 - Math.exp(-ratio)); // dk / d ln π
  };
  for (const { a, b, p, reward } of answers) {
    const advantage = expectedAdvantage(reward, right, rule);
    push(0, a, p * (advantage - penalty(0, a)));
    push(1 + a, b, p * (advantage - penalty(1 + a, b)));
  }
  return gradient;
}

/** E Â of an answer, over the rewards of the G - 1 others, each 1 with probability p. */
function expectedAdvantage(
  reward: number,
  p: number,
  { groupSize: G, advantage }: Pick<GroupRule, 'groupSize' | 'advantage'>,
): number {
  if (advantage === 'leaveOneOut') return reward - p;
  if (G === Infinity) return (reward - p) / (Math.sqrt(p * (1 - p)) + LEAST_DEVIATION);
  return sum(
    binomial(G - 1, p).map((chance, others) => {
      const right = others + reward;
      const deviation = Math.sqrt((right * (G - right)) / (G * (G - 1)));
      return (chance * (reward - right / G)) / (deviation + LEAST_DEVIATION);
    }),
  );
}

/** Pr(k of n), k = 0 … n. */
function binomial(n: number, p: number): number[] {
  const chances = [(1 - p) ** n];
  for (let k = 1; k <= n; k++) chances.push((chances[k - 1]! * (n - k + 1) * p) / (k * (1 - p)));
  return chances;
}
