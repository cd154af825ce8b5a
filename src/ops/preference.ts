// Losses on pairs of a chosen and a rejected answer, composed of ops.

import { ShapeError } from '../errors.ts';
import { format, sameShape } from '../tensor/shape.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, mul, sub } from './binary.ts';
import { mean } from './reduce.ts';
import { softplus } from './unary.ts';

export interface BradleyTerryOptions {
  /** The probability that `chosen` is the better one, of the rewards' shape: 1/2 of ties. Default 1 for all. */
  readonly weights?: Tensor;
  /** By how much the better answer's reward is to be higher (Llama 2). Default 0. */
  readonly margin?: number;
}

/**
 * The negative log-likelihood of the Bradley-Terry model, P(chosen ≻ rejected) = σ(chosen - rejected):
 * mean softplus(rejected - chosen). A constant added to all rewards does not change it; ln 2 where they are equal.
 *
 * @param chosen rewards of the preferred answers, any shape.
 * @param rejected rewards of the others, of the same shape.
 * @returns a scalar.
 */
export function bradleyTerryLoss(
  chosen: Tensor,
  rejected: Tensor,
  { weights, margin = 0 }: BradleyTerryOptions = {},
): Tensor {
  expectOneShape('bradleyTerryLoss', { chosen, rejected, ...(weights && { weights }) });
  const nll = (better: Tensor, worse: Tensor) => softplus(add(sub(worse, better), margin));
  const first = nll(chosen, rejected);
  if (!weights) return mean(first);
  const second = nll(rejected, chosen);
  return mean(add(second, mul(weights, sub(first, second))));
}

export interface DpoOptions {
  /** β: how strongly the policy is held to the reference. Default 0.1, as Rafailov et al. and TRL. */
  readonly beta?: number;
}

/**
 * Direct preference optimisation (Rafailov et al. 2023): Bradley-Terry with the implicit reward β log(π / π_ref),
 *   mean -log σ(β ((policyChosen - refChosen) - (policyRejected - refRejected))).
 * The reference model is fixed: no gradient flows into it.
 *
 * @param policyChosen log π(answer) of the preferred answers, summed over their tokens, any shape; the three others likewise.
 * @returns a scalar.
 */
export function dpoLoss(
  policyChosen: Tensor,
  policyRejected: Tensor,
  refChosen: Tensor,
  refRejected: Tensor,
  { beta = 0.1 }: DpoOptions = {},
): Tensor {
  expectOneShape('dpoLoss', { policyChosen, policyRejected, refChosen, refRejected });
  const refMargin = noGrad(() => sub(refRejected, refChosen));
  const rejectedMargin = sub(sub(policyRejected, policyChosen), refMargin);
  return mean(softplus(mul(rejectedMargin, beta)));
}

/** The losses pair element with element: broadcasting would hide a mistake. */
function expectOneShape(op: string, named: Readonly<Record<string, Tensor>>): void {
  const [[firstName, first], ...others] = Object.entries(named) as [
    [string, Tensor],
    ...[string, Tensor][],
  ];
  for (const [name, x] of others) {
    if (sameShape(x.shape, first.shape)) continue;
    throw new ShapeError(
      `${op}: ${firstName} is ${format(first.shape)} and ${name} is ${format(x.shape)}; they need one shape`,
    );
  }
}
