// The global norm of gradients, and clipping by it, without leaving the device.

import source from '../../kernels/grad_norm.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { spansOf } from './elements.ts';
import {
  allocate,
  bindingStart,
  expectDType,
  groupsFor,
  kernelFile,
  lanesFor,
  launch,
} from './launch.ts';
import { eachRange } from './ranges.ts';

const kernel = kernelFile('grad_norm', source);

/** Enough to fill a GPU; the partials that they leave are few. */
const MAX_GROUPS = 256;

/**
 * [2]: the norm sqrt(Σ x²) over all elements of all tensors, and the scale min(1, maxNorm / (norm + 1e-6)).
 * A norm that is not finite has scale 0.
 * @param gradients f32, of any shapes, row-major.
 */
export function gradNorm(gradients: readonly Tensor[], maxNorm: number): Tensor {
  const { runtime } = gradients[0]!;
  const flat: Tensor[] = [];
  for (const x of gradients) {
    expectDType('gradNorm', 'a gradient', x, 'f32');
    const dense = runtime.dense(x);
    const row = dense.alias([x.size], [1], dense.offset);
    if (dense !== x) dense.dispose();
    flat.push(row);
  }
  const { partials, count } = partialSums(flat);
  const clip = allocate(runtime, [2], 'f32');
  launch(kernel, 'finish', {
    inputs: [partials],
    outputs: [clip],
    params: { size: 0, groups: 0, at: 0, partials: count, maxNorm },
    workgroups: 1,
    flops: count,
  });
  for (const x of [...flat, partials]) x.dispose();
  return clip;
}

/**
 * x ← scale x for each of the tensors, in place, with the scale that `gradNorm` left in `clip`.
 * @throws ShapeError unless their elements lie row-major.
 */
export function rescale(gradients: readonly Tensor[], clip: Tensor): void {
  for (const gradient of gradients) {
    if (!gradient.isDense) {
      throw new ShapeError(
        `rescale: a gradient of shape ${format(gradient.shape)} is not row-major`,
      );
    }
    using flat = gradient.alias([gradient.size], [1], gradient.offset);
    eachRange([flat], ([x]) => {
      const params = { size: x!.size, groups: 0, at: bindingStart(x!), partials: 0, maxNorm: 0 };
      launch(kernel, 'rescale', {
        inputs: [clip],
        outputs: [x!],
        params,
        ...spansOf(x!.runtime, x!.size),
      });
    });
  }
}

/** Σ x² of each tensor, one partial per workgroup, in one list. */
function partialSums(tensors: readonly Tensor[]): { partials: Tensor; count: number } {
  const { runtime } = tensors[0]!;
  const groupsOf = (x: Tensor) => Math.min(groupsFor(x.size), MAX_GROUPS);
  let count = 0;
  for (const x of tensors) eachRange([x], ([range]) => (count += groupsOf(range!)));
  const partials = allocate(runtime, [Math.max(1, count)], 'f32');
  let at = 0;
  for (const x of tensors) {
    eachRange([x], ([range]) => {
      const groups = groupsOf(range!);
      launch(kernel, 'squares', {
        inputs: [range!],
        outputs: [partials],
        params: { size: range!.size, groups, at, partials: 0, maxNorm: 0 },
        constants: { LANES: lanesFor(runtime) },
        workgroups: groups,
        flops: 2 * range!.size,
      });
      at += groups;
    });
  }
  return { partials, count };
}
