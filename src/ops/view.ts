// Views: the same memory under another shape. Only a reshape that strides cannot express copies.

import { ShapeError } from '../errors.ts';
import {
  broadcastStrides,
  denseStrides,
  format,
  resolveAxis,
  type Shape,
  sizeOf,
  stretchedAxes,
} from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { denseCopy } from './copy.ts';
import { sum } from './reduce.ts';
import { pad } from './shape_ops.ts';

/** The same elements, row-major, under another shape of the same size; one size may be -1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const target = resolveShape(x, shape);
  const strides = reshapedStrides(x, target);
  const output = strides ? x.alias(target, strides, x.offset) : denseView(x, target);
  return record({
    name: 'reshape',
    inputs: [x],
    output,
    saved: [],
    backward: (dy) => [reshape(dy, x.shape)],
  });
}

/** Swaps two axes; default the last two. */
export function transpose(x: Tensor, axis0 = -2, axis1 = -1): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  const i = resolveAxis('transpose', axis0, x.rank);
  const j = resolveAxis('transpose', axis1, x.rank);
  [axes[i], axes[j]] = [j, i];
  return permute(x, axes);
}

/** Reorders the axes: axis k of the result is axis `axes[k]` of x. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const from = axes.map((axis) => resolveAxis('permute', axis, x.rank));
  if (from.length !== x.rank || new Set(from).size !== x.rank) {
    throw new ShapeError(
      `permute: ${format(axes)} is no order of the ${x.rank} axes of ${format(x.shape)}`,
    );
  }
  const shape = from.map((axis) => x.shape[axis]!);
  const output = x.alias(
    shape,
    from.map((axis) => x.strides[axis]!),
    x.offset,
  );
  const back = from.map((_, axis) => from.indexOf(axis));
  return record({
    name: 'permute',
    inputs: [x],
    output,
    saved: [],
    backward: (dy) => [permute(dy, back)],
  });
}

/** The elements from `start` (default 0) up to but without `end` (default the size) along each axis. */
export function slice(
  x: Tensor,
  { start, end }: { start?: readonly number[]; end?: readonly number[] },
): Tensor {
  const from = x.shape.map((_, axis) => start?.[axis] ?? 0);
  const to = x.shape.map((size, axis) => end?.[axis] ?? size);
  const fits = from.every(
    (begin, axis) => begin >= 0 && begin <= to[axis]! && to[axis]! <= x.shape[axis]!,
  );
  const whole = [...from, ...to].every(Number.isInteger);
  if (!fits || !whole || [start, end].some((list) => list && list.length > x.rank)) {
    throw new ShapeError(
      `slice: from ${format(from)} to ${format(to)} is no part of ${format(x.shape)}`,
    );
  }
  const offset = from.reduce((sum, begin, axis) => sum + begin * x.strides[axis]!, x.offset);
  const shape = to.map((stop, axis) => stop - from[axis]!);
  const after = to.map((stop, axis) => x.shape[axis]! - stop);
  const output = x.alias(shape, x.strides, offset);
  return record({
    name: 'slice',
    inputs: [x],
    output,
    saved: [],
    backward: (dy) => [pad(dy, { before: from, after })],
  });
}

/** Stretches axes of size 1 (and adds axes in front) without copying. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const extra = shape.length - x.rank;
  const fits =
    extra >= 0 && x.shape.every((size, axis) => size === 1 || size === shape[axis + extra]);
  if (!fits)
    throw new ShapeError(`expand: ${format(x.shape)} does not stretch to ${format(shape)}`);
  const output = x.alias(shape, broadcastStrides(x.shape, x.strides, shape), x.offset);
  const axis = stretchedAxes(x.shape, shape);
  return record({
    name: 'expand',
    inputs: [x],
    output,
    saved: [],
    backward: (dy) => [axis.length === 0 ? dy : reshape(sum(dy, { axis }), x.shape)],
  });
}

function resolveShape(x: Tensor, shape: Shape): number[] {
  const known = sizeOf(shape.filter((size) => size !== -1));
  const target = shape.map((size) => (size === -1 ? x.size / known : size));
  if (
    shape.filter((size) => size === -1).length <= 1 &&
    sizeOf(target) === x.size &&
    target.every((size) => Number.isInteger(size) && size >= 0)
  ) {
    return target;
  }
  throw new ShapeError(
    `reshape: ${format(x.shape)} has ${x.size} elements, ${format(shape)} does not`,
  );
}

/** Strides that show x as `target`, or null when only a copy can. */
function reshapedStrides(x: Tensor, target: Shape): number[] | null {
  if (x.isDense || x.size === 0) return denseStrides(target);
  // Axes of size 1 say nothing about the memory, whatever their strides.
  const real = x.shape.map((_, axis) => axis).filter((axis) => x.shape[axis] !== 1);
  const sizes = real.map((axis) => x.shape[axis]!);
  const steps = real.map((axis) => x.strides[axis]!);
  const strides = new Array<number>(target.length).fill(1);
  let axis = 0;
  let to = 0;
  // Walk both shapes in groups of equal size; each group of x must lie in one even run of memory.
  while (axis < sizes.length) {
    let size = sizes[axis]!;
    const begin = to;
    let wanted = target[to++]!;
    while (wanted !== size) {
      if (wanted < size) wanted *= target[to++]!;
      else {
        axis++;
        size *= sizes[axis]!;
        if (steps[axis - 1] !== steps[axis]! * sizes[axis]!) return null;
      }
    }
    let stride = steps[axis]!;
    for (let i = to - 1; i >= begin; i--) {
      strides[i] = stride;
      stride *= target[i]!;
    }
    axis++;
  }
  return strides;
}

function denseView(x: Tensor, shape: Shape): Tensor {
  using copy = denseCopy(x);
  return copy.alias(shape, denseStrides(shape), copy.offset);
}
