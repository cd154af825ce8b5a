// Drawing the actions of a policy over discrete actions, on the device.

import source from '../../kernels/sample_action.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { allocate, expectDType, expectShape, groupsFor, kernelFile, launch } from './launch.ts';
import type { PolicyHeadOptions } from './policy_head.ts';
import { randomState } from './random.ts';

const kernel = kernelFile('sample_action', source);

/**
 * An action of each row of π = softmax(logits) over the allowed actions. The draws follow from `Device.beginStep` and the
 * op's place in the step, so that a replayed step draws anew.
 * @param logits [N, A] f32.
 * @returns [N] i32; 0 for a row without an allowed action.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function sampleAction(logits: Tensor, { actionMask }: PolicyHeadOptions = {}): Tensor {
  const [samples, actions] = logits.shape;
  if (logits.rank !== 2 || samples === undefined || !actions)
    throw new ShapeError(`sampleAction: logits is ${format(logits.shape)}, expected [N, A]`);
  expectDType('sampleAction', 'logits', logits, 'f32');
  if (actionMask) {
    expectShape('sampleAction', 'actionMask', actionMask, logits.shape);
    expectDType('sampleAction', 'actionMask', actionMask, 'i32', 'u32', 'f32');
  }
  const state = randomState(logits.runtime);
  const chosen = allocate(logits.runtime, [samples], 'i32');
  launch(kernel, 'forward', {
    inputs: [logits, actionMask ?? logits, state.tensor],
    outputs: [chosen],
    params: { samples, actions, stream: state.nextStream() },
    constants: { ACTION_MASKED: String(actionMask !== undefined) },
    workgroups: groupsFor(samples),
    flops: 20 * logits.size,
  });
  return chosen;
}
