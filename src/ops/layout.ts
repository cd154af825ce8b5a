// Memory order of results: an op that reads views writes views, so that merging axes after it needs no copy.

import { denseStrides } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { denseCopy } from './copy.ts';
import { allocate } from './launch.ts';

/**
 * A tensor of x's shape whose axes lie in memory in the same order as x's; the last axis stays innermost. For
 * q [B, H, T, D], a view of a projection [B, T, H, D], the result is a view of [B, T, H, D], too.
 */
export function allocateLike(x: Tensor): Tensor {
  const last = x.rank - 1;
  const leading = x.shape.map((_, axis) => axis).slice(0, last);
  const order = [...leading.sort((a, b) => x.strides[b]! - x.strides[a]! || a - b), last];
  using memory = allocate(
    x.runtime,
    order.map((axis) => x.shape[axis]!),
    x.dtype,
  );
  const inMemory = denseStrides(memory.shape);
  const strides = x.shape.map((_, axis) => inMemory[order.indexOf(axis)]!);
  return memory.alias(x.shape, strides, memory.offset);
}

/** x itself, or a dense copy, so that the last axis has stride 1 and all rows start at multiples of `unit` elements. */
export function withDenseRows(x: Tensor, unit: number): Tensor {
  const rows = x.shape.slice(0, -1);
  const aligned = rows.every((size, axis) => size <= 1 || x.strides[axis]! % unit === 0);
  const unitStride = x.strides.at(-1) === 1 || x.shape.at(-1) === 1;
  return aligned && unitStride && x.offset % unit === 0 ? x : denseCopy(x);
}
