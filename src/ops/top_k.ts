// The largest elements along an axis, and where they are.

import source from '../../kernels/top_k.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { gather } from './gather.ts';
import { allocate, expectDType, kernelFile, launch } from './launch.ts';
import { rowsAlong } from './rows.ts';

const kernel = kernelFile('top_k', source);

export interface ArgmaxOptions {
  /** Default: the last axis. */
  readonly axis?: number;
  /** Keep the axis with size 1. Default false. */
  readonly keepDims?: boolean;
}

export interface TopKOptions {
  /** How many, from 1 to the axis's size. */
  readonly k: number;
  /** Default: the last axis. */
  readonly axis?: number;
}

/**
 * The index of the largest element along an axis, i32; among equals the lowest. It has no gradient.
 * @throws ShapeError for an axis that x does not have or that has no elements.
 */
export function argmax(x: Tensor, { axis = -1, keepDims = false }: ArgmaxOptions = {}): Tensor {
  const { axis: at } = rowsAlong('argmax', x, axis);
  if (x.shape[at] === 0) {
    throw new ShapeError(`argmax: axis ${at} of ${format(x.shape)} has no elements`);
  }
  const shape = keepDims ? x.shape.with(at, 1) : x.shape.toSpliced(at, 1);
  return indicesOfLargest('argmax', x, at, 1, shape);
}

/**
 * The k largest elements along an axis in descending order, among equals the lowest index first.
 * @returns both with size k along the axis: `values`, through which gradients flow, and their `indices`, i32.
 * @throws ShapeError unless k is from 1 to the axis's size.
 */
export function topK(
  x: Tensor,
  { k, axis = -1 }: TopKOptions,
): { values: Tensor; indices: Tensor } {
  const { axis: at } = rowsAlong('topK', x, axis);
  if (!Number.isInteger(k) || k < 1 || k > x.shape[at]!) {
    throw new ShapeError(
      `topK: k is ${k}, and axis ${at} of ${format(x.shape)} has ${x.shape[at]} elements`,
    );
  }
  const indices = indicesOfLargest('topK', x, at, k, x.shape.with(at, k));
  return { values: gather(x, indices, { axis: at }), indices };
}

/** The indices of the k largest, i32. `shape` is x's with k along the axis; with k = 1 it may lack the axis. */
function indicesOfLargest(op: string, x: Tensor, axis: number, k: number, shape: Shape): Tensor {
  expectDType(op, 'x', x, 'f32', 'f16');
  const { rows, cols, inner, workgroups, constants } = rowsAlong(op, x, axis);
  const output = allocate(x.runtime, shape, 'i32');
  launch(kernel, k === 1 ? 'argmax' : 'top_k', {
    inputs: [x],
    outputs: [output],
    params: { rows, cols, inner, k },
    constants: { Element: x.dtype, ...constants },
    workgroups,
    flops: k * x.size,
  });
  return output;
}
