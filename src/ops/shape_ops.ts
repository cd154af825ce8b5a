// Joining, splitting and padding. Each input is copied once, by strides, to its place; the parts of a split are views.

import { ShapeError } from '../errors.ts';
import { format, resolveAxis, type Shape, sameShape } from '../tensor/shape.ts';
import { noGrad, record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { copyInto, fill, full, writeAt } from './copy.ts';
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
    backward: (dy) => rangesOf(dy.shape, sizes, along).map((range) => slice(dy, range)),
  });
}

/**
 * Parts of the given sizes along an axis, which they add up to: views. Their gradients are joined, not padded and added.
 * @throws ShapeError when the sizes do not add up.
 */
export function split(
  x: Tensor,
  sizes: readonly number[],
  { axis = 0 }: { axis?: number } = {},
): Tensor[] {
  const along = resolveAxis('split', axis, x.rank);
  if (sizes.length === 0 || sizes.reduce((a, b) => a + b, 0) !== x.shape[along]) {
    throw new ShapeError(
      `split: the sizes ${format(sizes)} do not add up to axis ${along} of ${format(x.shape)}`,
    );
  }
  const ranges = rangesOf(x.shape, sizes, along);
  const rest = ranges.slice(1).map((range) => slice(x, range));
  const { start, end } = ranges[0]!;
  const first = noGrad(() => slice(x, { start, end }));
  // The other parts are inputs so that their gradients, which wait when the first one's arrives, are joined to it.
  record({
    name: 'split',
    inputs: [x, ...rest],
    output: first,
    saved: [],
    backward: (dy) => [
      pad(dy, { before: start, after: x.shape.map((size, i) => size - end[i]!) }),
      ...rest.map(() => null),
    ],
    fused: (dy, _saved, take) => {
      const others = rest.map((part, i) => take(i + 1) ?? full(x.runtime, part.shape, 0, x.dtype));
      return [concat([dy, ...others], { axis: along }), ...rest.map(() => null)];
    },
  });
  return [first, ...rest];
}

/** Where parts of the given sizes along an axis begin and end. */
function rangesOf(shape: Shape, sizes: readonly number[], along: number) {
  const at = (value: number, other: (size: number) => number) =>
    shape.map((size, i) => (i === along ? value : other(size)));
  let end = 0;
  return sizes.map((size) => {
    const start = end;
    end += size;
    return { start: at(start, () => 0), end: at(end, (whole) => whole) };
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
