// Picking elements by an index along one axis, and its transpose, which is its gradient.

import source from '../../kernels/gather.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { denseStrides, format, resolveAxis, type Shape, sizeOf } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { full } from './copy.ts';
import { scatterRows } from './embedding.ts';
import { allocate, expectDType, groupsFor, kernelFile, launch } from './launch.ts';
import { reshape } from './view.ts';

const kernel = kernelFile('gather', source);

/** Longer lines of indices are sorted by where they point; shorter ones are looked through by each element. */
const LONGEST_LOOKED_THROUGH = 64;

const UNBOUNDED = 0xffffffff;

export interface GatherOptions {
  /** The axis that the indices count along; negative ones count from the back. */
  readonly axis: number;
}

/**
 * y[i, j, k] = x[i, indices[i, j, k], k] for axis 1, and likewise for the others, as torch.gather.
 * @param indices i32 or u32, with as many axes as x, and no longer than x along any but `axis`.
 *   An index out of range gives 0, and a DataError from the next awaited call.
 * @returns a tensor of the indices' shape and x's type.
 * @throws ShapeError or DTypeError when the indices do not fit x.
 */
export function gather(x: Tensor, indices: Tensor, { axis }: GatherOptions): Tensor {
  expectDType('gather', 'indices', indices, 'i32', 'u32');
  const at = checkIndices(x.shape, indices.shape, axis);
  const output = allocate(x.runtime, indices.shape, x.dtype);
  launch(kernel, 'forward', {
    inputs: [x, indices],
    outputs: [output],
    params: walk(indices.shape, x.shape, at),
    constants: { Element: x.dtype, Index: indices.dtype },
    workgroups: groupsFor(output.size),
    fault: `gather: an index is out of range [0, ${x.shape[at]})`,
  });
  return record({
    name: 'gather',
    inputs: [x],
    output,
    saved: [indices],
    backward: (dy, [indices]) => [scatterAdd(dy, indices, x.shape, { axis: at })],
  });
}

/**
 * The transpose of gather: x[i, c, k] = Σ { y[i, j, k] : indices[i, j, k] = c } for axis 1, and likewise for the
 * others. Each sum runs in the order of j: the same bits on every run. Indices out of range are left out.
 * @param shape of the result.
 */
export function scatterAdd(
  y: Tensor,
  indices: Tensor,
  shape: Shape,
  { axis }: GatherOptions,
): Tensor {
  const at = checkIndices(shape, indices.shape, axis);
  if (y.size === 0) return full(y.runtime, shape, 0, y.dtype);
  if (indices.shape[at]! > LONGEST_LOOKED_THROUGH) {
    using places = destinations(indices, shape, at);
    return reshape(scatterRows(reshape(y, [y.size, 1]), places, sizeOf(shape)), shape);
  }
  const output = allocate(y.runtime, shape, y.dtype);
  launch(kernel, 'scatter_add', {
    inputs: [y, indices],
    outputs: [output],
    params: { ...walk(shape, indices.shape, at), fault: 0 },
    constants: { Element: y.dtype, Index: indices.dtype },
    workgroups: groupsFor(output.size),
    flops: output.size * indices.shape[at]!,
  });
  return record({
    name: 'scatterAdd',
    inputs: [y],
    output,
    saved: [indices],
    backward: (dx, [indices]) => [gather(dx, indices, { axis: at })],
  });
}

/** Where in a dense tensor of `shape` each index points; [number of indices], u32. */
function destinations(indices: Tensor, shape: Shape, axis: number): Tensor {
  const places = allocate(indices.runtime, [indices.size], 'u32');
  launch(kernel, 'destinations', {
    inputs: [indices],
    outputs: [places],
    params: { ...walk(indices.shape, shape, axis), fault: 0 },
    constants: { Index: indices.dtype },
    workgroups: groupsFor(indices.size),
  });
  return places;
}

/** For a thread per element of `shape`: how to find the line along the axis of a dense tensor of shape `other`. */
function walk(shape: Shape, other: Shape, axis: number) {
  const strides = denseStrides(other);
  return {
    size: sizeOf(shape),
    rank: shape.length,
    axis,
    axisSize: other[axis]!,
    axisStride: strides[axis]!,
    shape,
    strides: strides.with(axis, 0),
    bounds: [...other].with(axis, UNBOUNDED),
  };
}

/** @returns the axis, counted from the front. */
function checkIndices(x: Shape, indices: Shape, axis: number): number {
  const at = resolveAxis('gather', axis, x.length);
  const fits = indices.every((size, i) => i === at || size <= x[i]!);
  if (indices.length === x.length && fits) return at;
  throw new ShapeError(
    `gather: x is ${format(x)} and the indices are ${format(indices)}; they need as many axes, none longer than x's but axis ${at}`,
  );
}
