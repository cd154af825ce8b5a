// One step of stochastic gradient descent on a slab of parameters, in one dispatch.

import source from '../../kernels/sgd.wgsl' with { type: 'text' };
import type { Tensor } from '../tensor/tensor.ts';
import { spansOf } from './elements.ts';
import { kernelFile, launch } from './launch.ts';
import { eachRange } from './ranges.ts';

const kernel = kernelFile('sgd', source);

/** Flat f32 tensors of one length, a multiple of 4. All are updated in place. */
export interface SgdSlab {
  readonly parameters: Tensor;
  readonly gradients: Tensor;
  /** null without momentum. */
  readonly velocity: Tensor | null;
}

export interface SgdStep {
  /** [1]: lr. */
  readonly stepState: Tensor;
  /** [2]: norm and scale of the gradients. */
  readonly clip: Tensor;
  readonly momentum: number;
  /** Leave the gradients 0. */
  readonly zeroGrad: boolean;
}

export function sgdStep(slab: SgdSlab, { stepState, clip, momentum, zeroGrad }: SgdStep): void {
  const { parameters, gradients, velocity } = slab;
  const updated = velocity ? [parameters, gradients, velocity] : [parameters, gradients];
  eachRange(updated, (outputs) => {
    const quads = outputs[0]!.size / 4;
    launch(kernel, velocity ? 'momentum' : 'plain', {
      inputs: [stepState, clip],
      outputs,
      params: { quads, momentum, zeroGrad: Number(zeroGrad) },
      ...spansOf(outputs[0]!.runtime, quads, 4),
      flops: 5 * 4 * quads,
    });
  });
}
