// Softmax and log-softmax along any axis.

import source from '../../kernels/softmax.wgsl' with { type: 'text' };
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mul, sub } from './binary.ts';
import { allocate, expectDType, kernelFile, launch } from './launch.ts';
import { sum } from './reduce.ts';
import { rowVectorsAlong } from './rows.ts';
import { exp } from './unary.ts';

const kernel = kernelFile('softmax', source);

/**
 * y = exp(x) / Σ exp(x) along `axis` (default: the last one), without overflow; y has x's shape.
 * Elements at -infinity or at the lowest f32 are masked: they get 0, and so does all of a row that is masked everywhere.
 * @throws ShapeError for an axis that x does not have, DTypeError unless x is a float.
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  return along('softmax', x, axis, (dy, y, axis) => {
    const dot = sum(mul(y, dy), { axis, keepDims: true });
    return mul(y, sub(dy, dot));
  });
}

/**
 * y = x - ln Σ exp(x) along `axis` (default: the last one), without overflow; y has x's shape.
 * Masked elements, at -infinity or at the lowest f32, stay as they are.
 * @throws ShapeError for an axis that x does not have, DTypeError unless x is a float.
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return along('logSoftmax', x, axis, (dy, y, axis) => {
    const total = sum(dy, { axis, keepDims: true });
    return sub(dy, mul(exp(y), total));
  });
}

function along(
  name: 'softmax' | 'logSoftmax',
  x: Tensor,
  axis: number,
  derivative: (dy: Tensor, y: Tensor, axis: number) => Tensor,
): Tensor {
  expectDType(name, 'x', x, 'f32', 'f16');
  const { axis: at, rows, cols, inner, workgroups, constants } = rowVectorsAlong(name, x, axis);
  const run = (entry: 'forward' | 'backward', inputs: Tensor[]): Tensor => {
    const result = allocate(x.runtime, x.shape, x.dtype);
    launch(kernel, entry, {
      inputs,
      outputs: [result],
      params: { rows, cols, inner },
      constants: {
        LOG: String(name === 'logSoftmax'),
        ...constants,
      },
      workgroups,
      flops: 8 * x.size,
    });
    return result;
  };
  const output = run('forward', [x]);
  return record({
    name,
    inputs: [x],
    output,
    saved: [output],
    backward: (dy, [y]) => [derivative(dy, y, at)],
    fused: (dy, [y]) => [run('backward', [y, dy])],
  });
}
