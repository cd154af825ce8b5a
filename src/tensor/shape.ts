// Shapes and strides: pure arithmetic, in elements.

import { ShapeError } from '../errors.ts';

export type Shape = readonly number[];

/** The number of elements: the product of the sizes. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major strides: the last axis has stride 1. */
export function denseStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Whether the elements lie row-major without gaps; axes of size 1 may have any stride. */
export function isDense(shape: Shape, strides: readonly number[]): boolean {
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== stride) return false;
    stride *= shape[axis]!;
  }
  return true;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** As it stands in messages: `[2, 3]`. */
export function format(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Checks that every size is a whole number from 0 on. */
export function checkShape(op: string, shape: Shape): void {
  if (shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return;
  throw new ShapeError(`${op}: a shape holds whole numbers from 0 on, got ${format(shape)}`);
}

/** The axis counted from the front; negative ones count from the back. */
export function resolveAxis(op: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(axis) && resolved >= 0 && resolved < rank) return resolved;
  throw new ShapeError(
    `${op}: axis ${axis} is out of range for ${rank} ${rank === 1 ? 'axis' : 'axes'}`,
  );
}

/** All axes, one, or a list, counted from the front, in ascending order and without repeats. */
export function resolveAxes(
  op: string,
  axis: number | readonly number[] | undefined,
  rank: number,
): number[] {
  if (axis === undefined) return Array.from({ length: rank }, (_, i) => i);
  const given = typeof axis === 'number' ? [axis] : axis;
  const axes = given.map((a) => resolveAxis(op, a, rank)).sort((a, b) => a - b);
  if (new Set(axes).size === axes.length) return axes;
  throw new ShapeError(`${op}: the axes ${format(given)} name one axis twice`);
}

/** The shape that both broadcast to: aligned at the last axis, size 1 stretches. */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let axis = 0; axis < rank; axis++) {
    const sizeA = a[axis - rank + a.length] ?? 1;
    const sizeB = b[axis - rank + b.length] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new ShapeError(
        `${op}: ${format(a)} and ${format(b)} do not broadcast; sizes ${sizeA} and ${sizeB} differ`,
      );
    }
    shape[axis] = sizeA === 1 ? sizeB : sizeA;
  }
  return shape;
}

/** Strides that read `shape` as `target`: stretched axes get stride 0. */
export function broadcastStrides(
  shape: Shape,
  strides: readonly number[],
  target: Shape,
): number[] {
  const extra = target.length - shape.length;
  return target.map((size, axis) => {
    const own = axis - extra;
    return own < 0 || (shape[own] === 1 && size !== 1) ? 0 : strides[own]!;
  });
}

/** Axes that were stretched when `shape` was broadcast to `target`, in target's numbering. */
export function stretchedAxes(shape: Shape, target: Shape): number[] {
  const extra = target.length - shape.length;
  const axes: number[] = [];
  for (let axis = 0; axis < target.length; axis++) {
    if (axis < extra || (shape[axis - extra] === 1 && target[axis] !== 1)) axes.push(axis);
  }
  return axes;
}

/** The most axes that kernels walk by strides. */
const MAX_RANK = 8;

/**
 * Merges neighbouring axes that all of the strided operands walk as one, and drops axes of size 1:
 * kernels then see few axes. The rank is theirs: at least 1.
 * @throws ShapeError when more than 8 remain.
 */
export function collapse(
  shape: Shape,
  operands: readonly (readonly number[])[],
): { shape: number[]; strides: number[][]; rank: number } {
  const outShape: number[] = [];
  const outStrides: number[][] = operands.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!;
    if (size === 1) continue;
    const last = outShape.length - 1;
    const merges = last >= 0 && operands.every((s, k) => outStrides[k]![last] === s[axis]! * size);
    if (merges) outShape[last] = outShape[last]! * size;
    else outShape.push(size);
    const at = merges ? last : last + 1;
    for (const [k, strides] of operands.entries()) outStrides[k]![at] = strides[axis]!;
  }
  if (outShape.length > MAX_RANK) {
    throw new ShapeError(
      `a view of shape ${format(shape)} has over ${MAX_RANK} axes that do not merge; copy it first`,
    );
  }
  return { shape: outShape, strides: outStrides, rank: Math.max(1, outShape.length) };
}
