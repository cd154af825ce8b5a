// The log-probability of the actions taken and the entropy of a policy over discrete actions.

import source from '../../kernels/policy_head.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, maximum, mul, notEqual, sub } from './binary.ts';
import { cast } from './copy.ts';
import { oneHot } from './embedding.ts';
import { allocate, expectDType, expectShape, groupsFor, kernelFile, launch } from './launch.ts';
import { rowsAlong } from './rows.ts';
import { where } from './select.ts';
import { logSoftmax } from './softmax.ts';
import { exp, neg } from './unary.ts';
import { reshape } from './view.ts';

const kernel = kernelFile('policy_head', source);

const LOWEST = -3.4028234663852886e38;
const LEAST_LOG = -100; // of a probability; its exponential is 0

export interface PolicyHeadOptions {
  /** [..., A], nonzero where the action is allowed; default all are. i32, u32 or f32. */
  readonly actionMask?: Tensor | undefined;
}

/** Both [...], f32. */
export interface PolicyHead {
  /** log π(action). */
  readonly logProb: Tensor;
  /** H(π) = -Σ π log π. */
  readonly entropy: Tensor;
}

/**
 * log π(action) and H(π) of π = softmax(logits) over the allowed actions, in one kernel; so is the gradient of both.
 * A row without an allowed action has log π = 0 and H = 0.
 * @param logits [..., A] f32.
 * @param actions [...] i32 or u32; one out of [0, A) has log π = 0, and the next awaited call throws a DataError.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function policyHead(
  logits: Tensor,
  actions: Tensor,
  { actionMask }: PolicyHeadOptions = {},
): PolicyHead {
  const A = checkArguments(logits, actions, actionMask);
  const { runtime } = logits;
  const allowed = actionMask ?? actions;
  const [logProb, entropy] = [0, 1].map(() => allocate(runtime, actions.shape, 'f32'));
  const parts = allocate(runtime, [actions.size, 2], 'f32');
  const masked = { ACTION_MASKED: String(actionMask !== undefined) };
  const { workgroups, constants } = rowsAlong('policyHead', logits, -1);
  launch(kernel, 'forward', {
    inputs: [logits, actions, allowed],
    outputs: [logProb!, entropy!, parts],
    params: { samples: actions.size, actions: A },
    constants: { ...constants, ...masked },
    workgroups: actions.size > 0 ? workgroups : 0,
    flops: 30 * logits.size,
    fault: `policyHead: an action is out of range [0, ${A})`,
  });

  type Saved = readonly [Tensor, Tensor, Tensor, Tensor, Tensor];
  /** dlogits by either result or both. */
  const gradient = (
    [logits, actions, allowed, entropy, parts]: Saved,
    dLogProb: Tensor | null,
    dEntropy: Tensor | null,
  ) => {
    const dlogits = allocate(runtime, logits.shape, 'f32');
    launch(kernel, 'backward', {
      inputs: [logits, actions, allowed, entropy, parts, dLogProb ?? entropy, dEntropy ?? entropy],
      outputs: [dlogits],
      params: { samples: actions.size, actions: A, fault: 0 },
      constants: {
        ...masked,
        BY_LOG_PROB: String(dLogProb !== null),
        BY_ENTROPY: String(dEntropy !== null),
      },
      workgroups: groupsFor(logits.size),
      flops: 20 * logits.size,
    });
    return dlogits;
  };
  const saved: Saved = [logits, actions, allowed, entropy!, parts];
  record({
    name: 'policyHead.entropy',
    inputs: [logits],
    output: entropy!,
    saved,
    // dlogits = -π (log π + H) dy
    backward: (dy, [logits, , allowed, entropy]) => {
      const logPi = logPolicy(logits, actionMask && allowed);
      const surprise = add(logPi, perRow(entropy));
      return [neg(mul(perRow(dy), mul(exp(logPi), surprise)))];
    },
    fused: (dy, saved) => [gradient(saved, null, dy)],
  });
  // The entropy is an input so that its gradient, which waits when this one's arrives, goes into the same kernel.
  record({
    name: 'policyHead.logProb',
    inputs: [logits, entropy!],
    output: logProb!,
    saved,
    // dlogits = ([a = action] - π) dy
    backward: (dy, [logits, actions, allowed]) => {
      const pi = exp(logPolicy(logits, actionMask && allowed));
      const chosen = oneHot(actions, { depth: A });
      const hit = actionMask ? mul(chosen, cast(notEqual(allowed, 0), 'f32')) : chosen;
      return [mul(perRow(dy), sub(hit, pi)), null];
    },
    fused: (dy, saved, take) => [gradient(saved, dy, take(1)), null],
  });
  parts.dispose(); // the records hold it under handles of their own
  return { logProb: logProb!, entropy: entropy! };
}

/** log π, at least LEAST_LOG. */
function logPolicy(logits: Tensor, actionMask?: Tensor): Tensor {
  const allowed = actionMask ? where(notEqual(actionMask, 0), logits, LOWEST) : logits;
  return maximum(logSoftmax(allowed), LEAST_LOG);
}

const perRow = (x: Tensor) => reshape(x, [...x.shape, 1]);

/** @returns A. */
function checkArguments(logits: Tensor, actions: Tensor, actionMask?: Tensor): number {
  const A = logits.shape.at(-1);
  if (!A) throw new ShapeError(`policyHead: logits is ${format(logits.shape)}, expected [..., A]`);
  expectDType('policyHead', 'logits', logits, 'f32');
  expectShape('policyHead', 'actions', actions, logits.shape.slice(0, -1));
  expectDType('policyHead', 'actions', actions, 'i32', 'u32');
  if (actionMask) {
    expectShape('policyHead', 'actionMask', actionMask, logits.shape);
    expectDType('policyHead', 'actionMask', actionMask, 'i32', 'u32', 'f32');
  }
  return A;
}
