// Joining and padding. Each input is copied once, by strides, to its place.

import { ShapeError } from '../errors.ts';
import { format, resolveAxis, sameShape } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { copyInto, fill, writeAt } from './copy.ts';
import { allocate, expectDType } from './launch.ts';
import { reshape, slice } from './view.ts';

/** Joins tensors along an axis; their other sizes are equal. */
export function concat(list: readonly Tensor[], { axis = 0 }: { axis?: number } = {}): Tensor {
  const [first] = list;
  if (!first) throw new ShapeError('concat: needs at least one tensor');
  const along = resolveAxis('concat', axis, first.rank);
  for (const x of list) {
    expectDType('concat', 'each tensor', x, first.dtype);
    const fits =
      x.rank === first.rank && x.shape.every((size, i) => i === along || size === first.shape[i]);
    if (!fits)
      throw new ShapeError(
        `concat: ${format(first.shape)} and ${format(x.shape)} differ beside axis ${along}`,
      );
  }
  const sizes = list.map((x) => x.shape[along]!);
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
  const total = sizes.reduce((a, b) => a + b, 0);
  const output = allocate(
    first.runtime,
    first.shape.map((size, i) => (i === along ? total : size)),
    first.dtype,
  );
  for (const [i, x] of list.entries()) writeAt(output, x, starts[i]!, { axis: along });
  return record({
    name: 'concat',
    inputs: list,
    output,
    saved: [],
    backward: (dy) =>
      sizes.map((size, i) => {
        const start = dy.shape.map((_, k) => (k === along ? starts[i]! : 0));
        return slice(dy, {
          start,
          end: dy.shape.map((n, k) => (k === along ? starts[i]! + size : n)),
        });
      }),
  });
}

/** Joins tensors of one shape along a new axis. */
export function stack(list: readonly Tensor[], { axis = 0 }: { axis?: number } = {}): Tensor {
  const [first] = list;
  if (!first) throw new ShapeError('stack: needs at least one tensor');
  const different = list.find((x) => !sameShape(x.shape, first.shape));
  if (different)
    throw new ShapeError(
      `stack: the shapes ${format(first.shape)} and ${format(different.shape)} differ`,
    );
  const at = resolveAxis('stack', axis, first.rank + 1);
  const shape = [...first.shape.slice(0, at), 1, ...first.shape.slice(at)];
  return concat(
    list.map((x) => reshape(x, shape)),
    { axis: at },
  );
}

/** Adds `before` and `after` elements of `value` (default 0) along each axis. */
export function pad(
  x: Tensor,
  {
    before,
    after,
    value = 0,
  }: { before: readonly number[]; after: readonly number[]; value?: number },
): Tensor {
  if (
    before.length !== x.rank ||
    after.length !== x.rank ||
    [...before, ...after].some((n) => n < 0)
  ) {
    throw new ShapeError(
      `pad: before ${format(before)} and after ${format(after)} do not fit ${format(x.shape)}`,
    );
  }
  const shape = x.shape.map((size, axis) => before[axis]! + size + after[axis]!);
  const output = allocate(x.runtime, shape, x.dtype);
  fill(output, value);
  const offset = before.reduce((sum, n, axis) => sum + n * output.strides[axis]!, output.offset);
  const inside = output.alias(x.shape, output.strides, offset);
  if (x.size > 0) copyInto(inside, x);
  inside.dispose();
  const end = before.map((n, axis) => n + x.shape[axis]!);
  return record({
    name: 'pad',
    inputs: [x],
    output,
    saved: [],
    backward: (dy) => [slice(dy, { start: before, end })],
  });
}
