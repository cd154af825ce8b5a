// Losses of answers that are compared with others to the same prompt. Of the tokens t of an answer, with Â its advantage:
//
//   r_t = π(a_t) / π_old(a_t)      s = exp(mean_t ln r_t)      w = exp(Σ_t ln r_t)
//   clipped(r)   -min(r Â, clip(r, 1 - ε_low, 1 + ε_high) Â)
//   cispo        -stop(min(r_t, 1 + ε_high)) Â ln π(a_t)
//   sapo         -4/τ σ(τ (r_t - 1)) Â                   τ = 1 where Â > 0, else 1.05
//   vespo        -stop(e^λ w^k e^-λw) Â ln π(a_t)        k, λ = 2, 3 where Â ≥ 0, else 3, 2
// To each token's term comes β KL(π ‖ π_ref)_t where KL acts in the loss. At r = 1 all have the gradient of -Â ln π.

import {
  add,
  div,
  greater,
  greaterEqual,
  less,
  maximum,
  minimum,
  mul,
  notEqual,
  sub,
} from '../ops/binary.ts';
import { cast, full } from '../ops/copy.ts';
import { mean, sum } from '../ops/reduce.ts';
import { where } from '../ops/select.ts';
import { clamp, exp, neg, sigmoid } from '../ops/unary.ts';
import type { Losses } from '../rl/on_policy.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type KlEstimator, klEstimate } from './kl.ts';
import type { TextRollout } from './text_collector.ts';
import type { TokenJudgement } from './text_policy.ts';

export interface GroupLossSettings {
  /** Which loss; the names are TRL's. */
  readonly loss: GroupLoss;
  /** ε_low. */
  readonly clipLow: number;
  /** ε_high. */
  readonly clipHigh: number;
  /** Most tokens of an answer: the constant that dr_grpo divides by. */
  readonly maxNewTokens: number;
}

/** Where KL acts in the loss: its estimator, and β as a scalar. */
export interface KlPenalty {
  readonly estimator: KlEstimator;
  readonly beta: Tensor;
}

/** All [B, L], but for what is of a whole answer: [B, 1]. */
interface Terms {
  /** Of the tokens that count; 0 elsewhere. */
  readonly logProbs: Tensor;
  readonly logRatio: Tensor;
  readonly advantages: Tensor;
  readonly mask: Tensor;
}

type Term = (terms: Terms, settings: GroupLossSettings) => Tensor;

/** What a sum over tokens is divided by: [B, L] -> scalar. The weight is what parts of a minibatch count by. */
interface Mean {
  readonly of: (x: Tensor, mask: Tensor, settings: GroupLossSettings) => Tensor;
  readonly weight: (mask: Tensor) => Tensor;
}

const rowSum = (x: Tensor) => sum(x, { axis: 1, keepDims: true });

const tokenRatio = ({ logRatio }: Terms) => exp(logRatio);

/** The geometric mean of an answer's ratios. */
const answerRatio = ({ logRatio, mask }: Terms) =>
  exp(div(rowSum(logRatio), maximum(rowSum(mask), 1)));

const clipped =
  (ratioOf: (terms: Terms) => Tensor): Term =>
  (terms, { clipLow, clipHigh }) => {
    const ratio = ratioOf(terms);
    const bounded = clamp(ratio, { min: 1 - clipLow, max: 1 + clipHigh });
    return neg(minimum(mul(ratio, terms.advantages), mul(bounded, terms.advantages)));
  };

const cispo: Term = (terms, { clipHigh }) => {
  const weight = noGrad(() => mul(minimum(tokenRatio(terms), 1 + clipHigh), terms.advantages));
  return neg(mul(weight, terms.logProbs));
};

const sapo: Term = (terms) => {
  const { advantages } = terms;
  const tau = noGrad(() => where(greater(advantages, 0), 1, 1.05));
  const gate = sigmoid(mul(tau, sub(tokenRatio(terms), 1)));
  return neg(mul(mul(gate, div(4, tau)), advantages));
};

/** ln w is kept within ± 20, as TRL, so that w is finite. */
const vespo: Term = ({ logProbs, logRatio, advantages }) => {
  const weight = noGrad(() => {
    const good = greaterEqual(advantages, 0);
    const [k, lambda] = [where(good, 2, 3), where(good, 3, 2)];
    const logWeight = clamp(rowSum(logRatio), { min: -20, max: 20 });
    const phi = exp(add(mul(k, logWeight), mul(lambda, sub(1, exp(logWeight)))));
    return mul(phi, advantages);
  });
  return neg(mul(weight, logProbs));
};

const rows = (mask: Tensor) => full(mask.runtime, [], mask.shape[0]!, 'f32');
const answersCounted = (mask: Tensor) => sum(cast(notEqual(rowSum(mask), 0), 'f32'));
const tokenMean = (x: Tensor, mask: Tensor) => div(sum(mul(x, mask)), maximum(sum(mask), 1));

/** Of the tokens of each answer, then of the answers: a token of a long answer counts less. */
const overAnswers: Mean = {
  of: (x, mask) => {
    const each = div(rowSum(mul(x, mask)), maximum(rowSum(mask), 1));
    return div(sum(each), maximum(answersCounted(mask), 1));
  },
  weight: answersCounted,
};

/** Of all tokens of a minibatch, whatever parts it is computed in. */
const overTokens: Mean = { of: tokenMean, weight: (mask) => sum(mask) };

/** Of the tokens of a part, then of the parts. */
const overPart: Mean = { of: tokenMean, weight: rows };

/** By the most tokens that answers may have: what a token counts depends on no length. */
const overConstant: Mean = {
  of: (x, mask, { maxNewTokens }) => div(mean(rowSum(mul(x, mask))), maxNewTokens),
  weight: rows,
};

/** The sum of an answer's tokens, then the mean of the answers. */
const sumOfAnswers: Mean = { of: (x, mask) => mean(rowSum(mul(x, mask))), weight: rows };

const LOSSES = {
  grpo: { term: clipped(tokenRatio), mean: overAnswers },
  bnpo: { term: clipped(tokenRatio), mean: overPart },
  dapo: { term: clipped(tokenRatio), mean: overTokens },
  dr_grpo: { term: clipped(tokenRatio), mean: overConstant },
  gspo: { term: clipped(answerRatio), mean: overAnswers },
  luspo: { term: clipped(answerRatio), mean: sumOfAnswers },
  cispo: { term: cispo, mean: overTokens },
  sapo: { term: sapo, mean: overAnswers },
  vespo: { term: vespo, mean: overTokens },
} as const satisfies Record<string, { readonly term: Term; readonly mean: Mean }>;

/**
 * grpo (Shao et al. 2024); bnpo; dapo (Yu et al. 2025); dr_grpo (Liu et al. 2025); gspo (Zheng et al. 2025); luspo; cispo
 * (MiniMax 2025); sapo; vespo (Shen et al. 2026): as in TRL's GRPOTrainer, where gspo is loss_type grpo with
 * importance_sampling_level sequence, and cispo's bound is epsilon_high, not 1 + epsilon_high.
 */
export type GroupLoss = keyof typeof LOSSES;

export const GROUP_LOSSES = Object.keys(LOSSES) as readonly GroupLoss[];

/** What a loss is a mean over, for minibatches in parts. */
export const groupLossWeight =
  (loss: GroupLoss) =>
  ({ mask }: Pick<TextRollout, 'mask'>): Tensor =>
    LOSSES[loss].mean.weight(mask);

/**
 * The loss of a minibatch; 0 where no token counts. Differs from TRL in that answers without a counted token are not
 * counted as answers.
 */
export function groupLoss(
  judged: Pick<TokenJudgement, 'logProbs' | 'entropy'>,
  rollout: Pick<TextRollout, 'logProbs' | 'referenceLogProbs' | 'advantages' | 'mask'>,
  penalty: KlPenalty | null,
  settings: GroupLossSettings,
): Losses {
  const { mask, advantages } = rollout;
  const { term, mean: average } = LOSSES[settings.loss] as { term: Term; mean: Mean };
  // Before exp: what padding says must not become infinite.
  const logProbs = mul(judged.logProbs, mask);
  const logRatio = sub(logProbs, mul(rollout.logProbs, mask));
  const ofTokens = term({ logProbs, logRatio, advantages, mask }, settings);
  const policyLoss = average.of(ofTokens, mask, settings);
  const reference = mul(rollout.referenceLogProbs, mask);
  const klLoss =
    penalty && average.of(klEstimate(penalty.estimator, logProbs, reference), mask, settings);
  return {
    loss: klLoss ? add(policyLoss, mul(klLoss, penalty!.beta)) : policyLoss,
    policyLoss,
    ...(klLoss && { klLoss }),
    ...noGrad(() => monitored(judged.entropy, logRatio, rollout, settings)),
  };
}

/** Means over the tokens that count. */
function monitored(
  entropy: Tensor,
  logRatio: Tensor,
  { advantages, mask }: Pick<TextRollout, 'advantages' | 'mask'>,
  { clipLow, clipHigh }: GroupLossSettings,
) {
  const ratio = exp(logRatio);
  const share = (outside: Tensor, against: Tensor) =>
    tokenMean(mul(cast(outside, 'f32'), cast(against, 'f32')), mask);
  return {
    entropy: tokenMean(entropy, mask),
    approxKl: tokenMean(sub(sub(ratio, 1), logRatio), mask),
    clippedLow: share(less(ratio, 1 - clipLow), less(advantages, 0)),
    clippedHigh: share(greater(ratio, 1 + clipHigh), greater(advantages, 0)),
  };
}
