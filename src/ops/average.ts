// One step of a moving average on a slab of parameters, in one dispatch.

import source from '../../kernels/average.wgsl' with { type: 'text' };
import type { Tensor } from '../tensor/tensor.ts';
import { spansOf } from './elements.ts';
import { kernelFile, launch } from './launch.ts';
import { eachRange } from './ranges.ts';

const kernel = kernelFile('average', source);

/** average ← average + rate (p - average), in place. Flat f32 tensors of one length, a multiple of 4. */
export function averageStep(average: Tensor, p: Tensor, { rate }: { rate: number }): void {
  eachRange([average, p], ([average, p]) => {
    const quads = average!.size / 4;
    launch(kernel, 'follow', {
      inputs: [p!],
      outputs: [average!],
      params: { quads, rate },
      ...spansOf(average!.runtime, quads, 4),
      flops: 3 * 4 * quads,
    });
  });
}
