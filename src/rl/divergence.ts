// How far two policies are apart.

import { ConfigError } from '../errors.ts';
import { add, mul, notEqual, sub } from '../ops/binary.ts';
import { denseCopy } from '../ops/copy.ts';
import { sum } from '../ops/reduce.ts';
import { where } from '../ops/select.ts';
import { logSoftmax } from '../ops/softmax.ts';
import { exp, square } from '../ops/unary.ts';
import {
  type Categorical,
  categorical,
  type Distribution,
  type Gaussian,
  gaussian,
} from './distributions.ts';

/** A policy whose KL divergence has a closed form. */
export type ClosedForm = Categorical | Gaussian;

const LOWEST = -3.4028234663852886e38;

/** @throws ConfigError for a policy of another kind */
export function closedForm(policy: Distribution): ClosedForm {
  const { kind } = policy as Partial<ClosedForm>;
  if (kind === 'categorical' || kind === 'gaussian') return policy as ClosedForm;
  throw new ConfigError('trust regions need a policy that is categorical or Gaussian');
}

/** The same policy, through which no gradient flows, and which stays when the parameters move. */
export function frozen(policy: ClosedForm): ClosedForm {
  if (policy.kind === 'categorical')
    return categorical(denseCopy(policy.logits), policy.actionMask);
  return gaussian(denseCopy(policy.mean), denseCopy(policy.logStd)); // logStd may be a parameter itself
}

/**
 * KL(p ‖ q) of each state, [B]; p and q are of one kind. Differentiable twice.
 *
 *   categorical   Σ p (log p - log q)
 *   Gaussian      Σ log σ_q - log σ_p + (σ_p² + (μ_p - μ_q)²) / 2 σ_q² - ½
 */
export function divergence(p: ClosedForm, q: ClosedForm) {
  if (p.kind === 'categorical') {
    const [logP, logQ] = [logPolicy(p), logPolicy(q as Categorical)];
    return sum(mul(exp(logP), sub(logP, logQ)), { axis: 1 });
  }
  const { mean, logStd } = q as Gaussian;
  const apart = sub(logStd, p.logStd);
  // (σ_p² + (μ_p - μ_q)²) / σ_q² = (1 + ((μ_p - μ_q) / σ_p)²) (σ_p / σ_q)²
  const z = mul(sub(p.mean, mean), exp(mul(p.logStd, -1)));
  const spread = mul(add(square(z), 1), exp(mul(apart, -2)));
  return sum(add(mul(sub(spread, 1), 0.5), apart), { axis: 1 });
}

function logPolicy({ logits, actionMask }: Categorical) {
  return logSoftmax(actionMask ? where(notEqual(actionMask, 0), logits, LOWEST) : logits);
}
