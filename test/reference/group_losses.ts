// The losses of src/posttrain/group_losses.ts and their gradients by ln π(a_t), token by token in float64.

import type { GroupLoss } from '../../src/posttrain/group_losses.ts';
import { sum } from './enumerable.ts';

/** One answer; all by token but the advantage. */
export interface LossAnswer {
  readonly logProbs: readonly number[];
  readonly oldLogProbs: readonly number[];
  readonly referenceLogProbs: readonly number[];
  readonly advantage: number;
}

export interface LossRule {
  readonly loss: GroupLoss;
  readonly clipLow: number;
  readonly clipHigh: number;
  readonly maxNewTokens: number;
  /** Of k3 in the loss. */
  readonly beta: number;
}

interface Term {
  readonly value: number;
  /** By each of the answer's ln π: its own, and where the ratio is the answer's, the others. */
  readonly slopes: readonly number[];
}

/** @param answers those with a token that counts. */
export function groupLossReference(answers: readonly LossAnswer[], rule: LossRule) {
  const tokens = sum(answers.map(({ logProbs }) => logProbs.length));
  const divisors: Record<GroupLoss, (length: number) => number> = {
    grpo: (length) => length * answers.length,
    gspo: (length) => length * answers.length,
    sapo: (length) => length * answers.length,
    bnpo: () => tokens,
    dapo: () => tokens,
    cispo: () => tokens,
    vespo: () => tokens,
    dr_grpo: () => answers.length * rule.maxNewTokens,
    luspo: () => answers.length,
  };
  const each = answers.map((answer) => {
    const terms = answer.logProbs.map((_, t) => termOf(answer, t, rule));
    const divisor = divisors[rule.loss](terms.length);
    return {
      loss: sum(terms.map(({ value }) => value)) / divisor,
      gradient: terms.map((_, t) => sum(terms.map(({ slopes }) => slopes[t]!)) / divisor),
    };
  });
  return {
    loss: sum(each.map(({ loss }) => loss)),
    gradients: each.map(({ gradient }) => gradient),
  };
}

function termOf(answer: LossAnswer, t: number, rule: LossRule): Term {
  const { logProbs, referenceLogProbs } = answer;
  const policy = policyTerm(answer, t, rule);
  const distance = logProbs[t]! - referenceLogProbs[t]!;
  const kl = Math.exp(-distance) - 1 + distance;
  const slope = rule.beta * (1 - Math.exp(-distance));
  return {
    value: policy.value + rule.beta * kl,
    slopes: policy.slopes.map((s, i) => s + (i === t ? slope : 0)),
  };
}

function policyTerm(
  { logProbs, oldLogProbs, advantage: A }: LossAnswer,
  t: number,
  { loss, clipLow, clipHigh }: LossRule,
): Term {
  const logRatios = logProbs.map((x, i) => x - oldLogProbs[i]!);
  const own = (slope: number) => logProbs.map((_, i) => (i === t ? slope : 0));
  const r = Math.exp(logRatios[t]!);
  const clipped = (ratio: number) => {
    const bounded = Math.min(1 + clipHigh, Math.max(1 - clipLow, ratio));
    const inside = ratio * A <= bounded * A;
    return { value: -Math.min(ratio * A, bounded * A), slope: inside ? -ratio * A : 0 };
  };
  if (loss === 'gspo' || loss === 'luspo') {
    const { value, slope } = clipped(Math.exp(sum(logRatios) / logRatios.length));
    return { value, slopes: logProbs.map(() => slope / logProbs.length) };
  }
  if (loss === 'cispo') {
    const weight = Math.min(r, 1 + clipHigh) * A;
    return { value: -weight * logProbs[t]!, slopes: own(-weight) };
  }
  if (loss === 'sapo') {
    const tau = A > 0 ? 1 : 1.05;
    const gate = 1 / (1 + Math.exp(-tau * (r - 1)));
    return { value: (-4 / tau) * gate * A, slopes: own(-4 * gate * (1 - gate) * r * A) };
  }
  if (loss === 'vespo') {
    const [k, lambda] = A >= 0 ? [2, 3] : [3, 2];
    const w = Math.exp(sum(logRatios));
    const weight = Math.exp(lambda) * w ** k * Math.exp(-lambda * w) * A;
    return { value: -weight * logProbs[t]!, slopes: own(-weight) };
  }
  const { value, slope } = clipped(r);
  return { value, slopes: own(slope) };
}
