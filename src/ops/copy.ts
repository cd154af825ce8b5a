// Dense copies of views, type conversion, constant fills, and writes into a part of a tensor.

import source from '../../kernels/copy.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { CARRIER, type DType, isFloat, scalarBits } from '../tensor/dtype.ts';
import { format, resolveAxis, type Shape, sameShape } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Runtime, Tensor } from '../tensor/tensor.ts';
import { spansOf, vectorOf, walkOf } from './elements.ts';
import { allocate, expectDType, kernelFile, launch, strided } from './launch.ts';
import { eachRange } from './ranges.ts';

const kernel = kernelFile('copy', source);

/** y = x element by element, whatever their strides and types; shapes are equal. Outside the tape. */
export function copyInto(y: Tensor, x: Tensor): void {
  const { width, size, shape, rank, strides, starts } = walkOf(x.shape, [strided(x), strided(y)]);
  const { workgroups, constants } = spansOf(x.runtime, size, width);
  launch(kernel, 'forward', {
    inputs: [x],
    outputs: [y],
    params: {
      size,
      xStart: starts[0]!,
      yStart: starts[1]!,
      shape,
      xStrides: strides[0]!,
      yStrides: strides[1]!,
      value: 0,
    },
    constants: {
      ...constants,
      Source: vectorOf(x.dtype, width),
      Target: vectorOf(y.dtype, width),
      Value: y.dtype,
      RANK: rank,
    },
    workgroups,
    strided: true,
  });
}

/** A row-major copy in memory of its own, outside the tape. */
export function denseCopy(x: Tensor, dtype: DType = x.dtype): Tensor {
  const y = allocate(x.runtime, x.shape, dtype);
  copyInto(y, x);
  return y;
}

/** A tensor of one value. */
export function full(runtime: Runtime, shape: Shape, value: number, dtype: DType): Tensor {
  const y = allocate(runtime, shape, dtype);
  fill(y, value);
  return y;
}

/** Overwrites a dense tensor with one value, outside the tape. */
export function fill(y: Tensor, value: number): void {
  const none = [0];
  using flat = y.alias([y.size], [1], y.offset);
  eachRange([flat], ([part]) => {
    const { width, size, starts } = walkOf(part!.shape, [strided(part!)]);
    const { workgroups, constants } = spansOf(y.runtime, size, width);
    launch(kernel, 'fill', {
      inputs: [],
      outputs: [part!],
      params: {
        size,
        xStart: 0,
        yStart: starts[0]!,
        shape: none,
        xStrides: none,
        yStrides: none,
        value: scalarBits('fill', value, y.dtype),
      },
      constants: {
        ...constants,
        Source: vectorOf(y.dtype, width),
        Target: vectorOf(y.dtype, width),
        Value: y.dtype,
        Carrier: CARRIER[y.dtype],
      },
      workgroups,
      strided: true,
    });
  });
}

/** x with another element type. Floats to integers truncate; the gradient is converted back. */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  const output = denseCopy(x, dtype);
  if (!isFloat(dtype)) return output;
  return record({
    name: 'cast',
    inputs: [x],
    output,
    saved: [],
    backward: (dy) => [cast(dy, x.dtype)],
  });
}

/**
 * Writes `src` into `dst` along `axis` from index `start` on, in place and outside the tape (caches, rollout buffers).
 * The other axes have equal sizes.
 */
export function writeAt(
  dst: Tensor,
  src: Tensor,
  start: number,
  { axis = 0 }: { axis?: number } = {},
): void {
  const along = resolveAxis('writeAt', axis, dst.rank);
  expectDType('writeAt', 'src', src, dst.dtype);
  const end = start + (src.shape[along] ?? 0);
  const expected = dst.shape.map((size, i) => (i === along ? end - start : size));
  if (
    !sameShape(src.shape, expected) ||
    !Number.isInteger(start) ||
    start < 0 ||
    end > dst.shape[along]!
  ) {
    throw new ShapeError(
      `writeAt: src ${format(src.shape)} does not fit into ${format(dst.shape)} at ${start} along axis ${along}`,
    );
  }
  const view = dst.alias(src.shape, dst.strides, dst.offset + start * dst.strides[along]!);
  copyInto(view, src);
  view.dispose();
}
