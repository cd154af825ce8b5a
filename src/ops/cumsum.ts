// Running sums along an axis.

import source from '../../kernels/cumsum.wgsl' with { type: 'text' };
import { isFloat } from '../tensor/dtype.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { allocate, kernelFile, launch } from './launch.ts';
import { rowsAlong } from './rows.ts';

const kernel = kernelFile('cumsum', source);

/**
 * y[c] = Σ { x[j] : j <= c } along `axis` (default: the last one); y has x's shape and type.
 * @throws ShapeError for an axis that x does not have.
 */
export function cumsum(x: Tensor, { axis = -1 }: { axis?: number } = {}): Tensor {
  return runningSum(x, axis, false);
}

/** Reversed, the sums run from the end: each direction is the other's gradient. */
function runningSum(x: Tensor, axis: number, reversed: boolean): Tensor {
  const { rows, cols, inner, workgroups, constants } = rowsAlong('cumsum', x, axis);
  const output = allocate(x.runtime, x.shape, x.dtype);
  launch(kernel, 'forward', {
    inputs: [x],
    outputs: [output],
    params: { rows, cols, inner },
    constants: {
      Element: x.dtype,
      Sum: isFloat(x.dtype) ? 'f32' : x.dtype,
      REVERSED: String(reversed),
      ...constants,
    },
    workgroups,
    flops: 2 * x.size,
  });
  return record({
    name: 'cumsum',
    inputs: [x],
    output,
    saved: [],
    backward: (dy) => [runningSum(dy, axis, !reversed)],
  });
}
