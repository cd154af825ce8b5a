// From rewards of tokens to advantages: by GAE with a value function, or by comparing answers to the same prompt.
//
//   GAE           δ_t = r_t + γ V_{t+1} - V_t,  Â_t = δ_t + γ λ Â_{t+1}
//   group mean    Â = R_i - mean(R)            RLOO    Â = R_i - mean of the others = (R_i - mean(R)) G / (G - 1)
//   GRPO          Â = (R_i - mean(R)) / (std(R) + 1e-4)
// with R the sum of an answer's rewards, and Â the same for all its tokens. N answers, L positions, G answers in a group.

import { add, div, maximum, mul, sub } from '../ops/binary.ts';
import { denseCopy } from '../ops/copy.ts';
import { gae } from '../ops/gae.ts';
import { mean, sum } from '../ops/reduce.ts';
import { pad } from '../ops/shape_ops.ts';
import { sqrt, square } from '../ops/unary.ts';
import { expand, reshape, slice, transpose } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** All [N, L]. */
export interface TokenExperience {
  /** The answer's score at its last token, and what KL costs at each. */
  readonly rewards: Tensor;
  /** V of the text up to each token; zeros where there is no value function. */
  readonly values: Tensor;
  /** 1 at each answer's last token. */
  readonly ends: Tensor;
  /** 1 at the tokens of answers. */
  readonly mask: Tensor;
}

/** Both [N, L]. */
export interface TokenAdvantages {
  readonly advantages: Tensor;
  /** What the values are fitted to. */
  readonly returns: Tensor;
}

export type TokenEstimator = (experience: TokenExperience) => TokenAdvantages;

/** The scan that serves environments; each answer is an episode that ends with its last token. */
export const tokenGae =
  (options: { readonly gamma: number; readonly lambda: number }): TokenEstimator =>
  ({ rewards, values, ends }) => {
    const L = values.shape[1]!;
    const next =
      L === 1
        ? mul(values, 0)
        : pad(slice(values, { start: [0, 1] }), { before: [0, 0], after: [0, 1] });
    const steps = [rewards, values, next, ends, mul(ends, 0)].map((x) => denseCopy(transpose(x)));
    const [r, v, following, terminated, truncated] = steps as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const { advantages, returns } = gae(r, v, following, terminated, truncated, options);
    return { advantages: transpose(advantages), returns: transpose(returns) };
  };

export interface GroupOptions {
  /** G: answers to the same prompt, in neighbouring rows; of leaveOneOut and of a scale at least 2. */
  readonly groupSize: number;
  /** What an answer is compared with: its group's mean, or the mean of the others. */
  readonly baseline: 'mean' | 'leaveOneOut';
  /** What the difference is divided by: nothing, or the standard deviation of the group or of all answers, + 1e-4. */
  readonly scale: 'none' | 'group' | 'batch';
}

/** As TRL: in its GRPO the deviation is of n - 1. */
const LEAST_DEVIATION = 1e-4;

export const groupAdvantages =
  (options: GroupOptions): TokenEstimator =>
  ({ rewards, mask }) => {
    const [N, L] = rewards.shape as [number, number];
    const totals = sum(mul(rewards, mask), { axis: 1 });
    const each = reshape(compared(totals, options), [N, 1]);
    const advantages = mul(expand(each, [N, L]), mask);
    return { advantages, returns: advantages };
  };

/** R [N] -> Â [N]. */
export function compared(totals: Tensor, { groupSize: G, baseline, scale }: GroupOptions): Tensor {
  const groups = reshape(totals, [-1, G]);
  const centred = sub(groups, mean(groups, { axis: 1, keepDims: true }));
  const difference = baseline === 'mean' ? centred : mul(centred, G / (G - 1));
  if (scale === 'none') return reshape(difference, totals.shape);
  const batch = sub(groups, mean(groups));
  const deviation =
    scale === 'group'
      ? sqrt(div(sum(square(centred), { axis: 1, keepDims: true }), G - 1))
      : sqrt(div(sum(square(batch)), totals.size - 1));
  return reshape(div(difference, add(deviation, LEAST_DEVIATION)), totals.shape);
}

/** (x - mean) / deviation over what the mask counts; without `shift` the mean is put back (Ziegler et al. 2019). */
export function whitened(
  x: Tensor,
  mask: Tensor,
  { shift = true }: { shift?: boolean } = {},
): Tensor {
  const count = maximum(sum(mask), 1);
  const centre = div(sum(mul(x, mask)), count);
  const centred = mul(sub(x, centre), mask);
  const scaled = div(centred, sqrt(add(div(sum(square(centred)), count), 1e-8)));
  return shift ? scaled : mul(add(scaled, centre), mask);
}
