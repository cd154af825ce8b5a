// One AdamW step on a slab of parameters, in one dispatch.

import source from '../../kernels/adamw.wgsl' with { type: 'text' };
import type { Tensor } from '../tensor/tensor.ts';
import { spansOf } from './elements.ts';
import { kernelFile, launch } from './launch.ts';
import { eachRange } from './ranges.ts';

const kernel = kernelFile('adamw', source);

/** Flat f32 tensors of one length, a multiple of 4. All are updated in place. */
export interface AdamWSlab {
  readonly parameters: Tensor;
  readonly gradients: Tensor;
  /** The running mean of the gradient, and of its square. */
  readonly m: Tensor;
  readonly v: Tensor;
}

export interface AdamWStep {
  /** [3]: lr, lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t). */
  readonly stepState: Tensor;
  /** [2]: norm and scale of the gradients. */
  readonly clip: Tensor;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** Leave the gradients 0. */
  readonly zeroGrad: boolean;
}

export function adamwStep(
  slab: AdamWSlab,
  { stepState, clip, zeroGrad, ...settings }: AdamWStep,
): void {
  const { beta1, beta2 } = settings;
  eachRange([slab.parameters, slab.gradients, slab.m, slab.v], (outputs) => {
    const quads = outputs[0]!.size / 4;
    launch(kernel, 'step', {
      inputs: [stepState, clip],
      outputs,
      params: {
        ...settings,
        quads,
        complement1: 1 - beta1,
        complement2: 1 - beta2,
        zeroGrad: Number(zeroGrad),
      },
      ...spansOf(outputs[0]!.runtime, quads, 4),
      flops: 16 * 4 * quads,
    });
  });
}
