// The losses of soft actor-critic (Haarnoja et al. 2018), a kernel each, and one for each gradient.

import source from '../../kernels/soft_actor_critic.wgsl' with { type: 'text' };
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { lessEqual, mul, sub } from './binary.ts';
import { cast } from './copy.ts';
import {
  allocate,
  expectDType,
  expectShape,
  groupsFor,
  kernelFile,
  lanesFor,
  launch,
} from './launch.ts';
import { expand } from './view.ts';

const kernel = kernelFile('soft_actor_critic', source);

/** Q₁ and Q₂, f32 [B] each. */
export type TwinValues = readonly [Tensor, Tensor];

/** All f32. */
export interface SoftTargetInputs {
  /** [B] */
  readonly rewards: Tensor;
  /** [B]: 1 where nothing follows, else 0. */
  readonly terminated: Tensor;
  /** Of the next observation and an action drawn there. */
  readonly nextValues: TwinValues;
  /** [B]: log π of that action. */
  readonly nextLogProb: Tensor;
  /** α, a scalar. */
  readonly alpha: Tensor;
}

/** y = r + γ (1 - terminated) (min(Q₁, Q₂) - α log π), [B]; a constant. @throws ShapeError or DTypeError */
export function softTargets(
  { rewards, terminated, nextValues, nextLogProb, alpha }: SoftTargetInputs,
  { gamma }: { readonly gamma: number },
): Tensor {
  const [q1, q2] = nextValues;
  const B = rewards.size;
  check('softTargets', { rewards, terminated, q1, q2, nextLogProb }, [B]);
  check('softTargets', { alpha }, []);
  const y = allocate(rewards.runtime, [B], 'f32');
  launch(kernel, 'targets', {
    inputs: [rewards, terminated, q1, q2, nextLogProb, alpha],
    outputs: [y],
    params: { samples: B, gamma },
    workgroups: groupsFor(B),
  });
  return y;
}

/** ½ mean((Q₁ - y)² + (Q₂ - y)²), a scalar; differentiable in the values. @throws ShapeError or DTypeError */
export function softCriticLoss([q1, q2]: TwinValues, y: Tensor): Tensor {
  const { runtime, size: B } = y;
  check('softCriticLoss', { q1, q2, y }, [B]);
  const params = { samples: B, gamma: 0 };
  const output = allocate(runtime, [], 'f32');
  launch(kernel, 'critic_forward', {
    inputs: [q1, q2, y],
    outputs: [output],
    params,
    workgroups: 1,
    constants: { LANES: lanesFor(runtime) },
    flops: 6 * B,
  });
  return record({
    name: 'softCriticLoss',
    inputs: [q1, q2],
    output,
    saved: [q1, q2, y],
    backward: (dy, [q1, q2, y]) => {
      const share = mul(dy, 1 / B);
      return [mul(sub(q1, y), share), mul(sub(q2, y), share)];
    },
    fused: (dy, [q1, q2, y]) => {
      const slopes = [0, 1].map(() => allocate(runtime, [B], 'f32'));
      launch(kernel, 'critic_backward', {
        inputs: [q1, q2, y, dy],
        outputs: slopes,
        params,
        workgroups: groupsFor(B),
      });
      return slopes;
    },
  });
}

export interface SoftPolicyLoss {
  /** mean(α log π - min(Q₁, Q₂)), a scalar. */
  readonly loss: Tensor;
  /** -mean log π, a scalar constant. */
  readonly entropy: Tensor;
}

/**
 * The loss of a policy on actions that it has drawn: differentiable in the values and in log π, not in α.
 * @param logProb [B], @param alpha a scalar
 * @throws ShapeError or DTypeError
 */
export function softPolicyLoss(
  [q1, q2]: TwinValues,
  logProb: Tensor,
  alpha: Tensor,
): SoftPolicyLoss {
  const { runtime, size: B } = logProb;
  check('softPolicyLoss', { q1, q2, logProb }, [B]);
  check('softPolicyLoss', { alpha }, []);
  const params = { samples: B, gamma: 0 };
  const [loss, entropy] = [allocate(runtime, [], 'f32'), allocate(runtime, [], 'f32')];
  launch(kernel, 'policy_forward', {
    inputs: [q1, q2, logProb, alpha],
    outputs: [loss, entropy],
    params,
    workgroups: 1,
    constants: { LANES: lanesFor(runtime) },
    flops: 4 * B,
  });
  record({
    name: 'softPolicyLoss',
    inputs: [q1, q2, logProb],
    output: loss,
    saved: [q1, q2, logProb, alpha],
    backward: (dy, [q1, q2, , alpha]) => {
      const share = mul(dy, 1 / B);
      const first = cast(lessEqual(q1, q2), 'f32');
      const dq = mul(share, -1);
      return [mul(first, dq), mul(sub(1, first), dq), expand(mul(alpha, share), [B])];
    },
    fused: (dy, [q1, q2, , alpha]) => {
      const slopes = [0, 1, 2].map(() => allocate(runtime, [B], 'f32'));
      launch(kernel, 'policy_backward', {
        inputs: [q1, q2, alpha, dy],
        outputs: slopes,
        params,
        workgroups: groupsFor(B),
      });
      return slopes;
    },
  });
  return { loss, entropy };
}

function check(op: string, tensors: Readonly<Record<string, Tensor>>, shape: readonly number[]) {
  for (const [name, x] of Object.entries(tensors)) {
    expectShape(op, name, x, shape);
    expectDType(op, name, x, 'f32');
  }
}
