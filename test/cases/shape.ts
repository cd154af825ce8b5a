import { type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import { f32, type Random } from '../reference/random.ts';
import * as reference from '../reference/shape.ts';
import { describeShape, EXTREMES, LENGTHS, OVER_THE_GRID } from './sizes.ts';

const { concat, expand, pad, permute, reshape, slice, stack, transpose } = reference;

const list = (values: readonly number[]) => `[${values.join(', ')}]`;
const normal = (shape: number[]) => (random: Random) => ({ x: random.normal(shape) });

const reshaped = (from: number[], shape: number[]) =>
  opCase(reshape, `${describeShape(from)} to ${list(shape)}`, normal(from), { shape });

const transposed = (from: number[], axis0: number, axis1: number) =>
  opCase(transpose, `${describeShape(from)} ${axis0} ${axis1}`, normal(from), { axis0, axis1 });

const permuted = (from: number[], axes: number[]) =>
  opCase(permute, `${describeShape(from)} ${list(axes)}`, normal(from), { axes });

const sliced = (from: number[], start: number[], end: number[]) =>
  opCase(slice, `${describeShape(from)} ${list(start)} to ${list(end)}`, normal(from), {
    start,
    end,
  });

const expanded = (from: number[], shape: number[]) =>
  opCase(expand, `${describeShape(from)} to ${list(shape)}`, normal(from), { shape });

const padded = (from: number[], before: number[], after: number[], value?: number) =>
  opCase(
    pad,
    `${describeShape(from)} ${list(before)} ${list(after)} ${value ?? ''}`.trim(),
    normal(from),
    value === undefined ? { before, after } : { before, after, value },
  );

function joined(op: typeof concat, shapes: number[][], axis: number): OpCase {
  return opCase(
    op,
    `${shapes.map(describeShape).join(' ')} axis ${axis}`,
    (random) => Object.fromEntries(shapes.map((shape, i) => [`part${i}`, random.normal(shape)])),
    { axis },
  );
}

const views = [
  ...LENGTHS.map((n) => reshaped([n], [1, n])),
  reshaped([5, 33], [33, 5]),
  reshaped([3, 7, 9], [21, 9]),
  reshaped([65], [5, 13]),
  reshaped([1], []),
  reshaped([], [1, 1]),
  reshaped([0, 3], [3, 0]),
  ...LENGTHS.map((n) => transposed([n, 3], 0, 1)),
  transposed([33, 65], -1, -2),
  transposed([3, 7, 9], 0, 2),
  transposed([2, 3, 4, 5], 1, 2), // heads and time
  transposed([5], 0, 0),
  permuted([33], [0]),
  permuted([31, 33], [1, 0]),
  permuted([3, 7, 9], [2, 0, 1]),
  permuted([3, 7, 9], [1, 2, 0]),
  permuted([3, 7, 9], [0, 1, 2]),
  permuted([2, 3, 4, 5], [3, 1, 0, 2]),
  permuted([2, 1, 65, 3], [-1, 0, -2, 1]),
  permuted([3, 0, 2], [2, 1, 0]),
  ...LENGTHS.filter((n) => n > 2).map((n) => sliced([n], [1], [n - 1])),
  sliced([5, 33], [0, 0], [5, 33]),
  sliced([5, 33], [2, 7], [3, 31]),
  sliced([3, 7, 9], [1, 0, 4], [3, 7, 5]),
  sliced([5, 4], [2, 1], [2, 3]), // nothing
  sliced([1], [0], [1]),
  ...LENGTHS.map((n) => expanded([1], [n])),
  expanded([], [3, 5]),
  expanded([33], [5, 33]),
  expanded([5, 1], [5, 65]),
  expanded([3, 1, 9], [2, 3, 7, 9]),
  expanded([4, 1], [4, 0]),
];

const copies = [
  ...LENGTHS.map((n) => padded([n], [2], [1])),
  padded([5, 33], [0, 0], [0, 0]),
  padded([5, 33], [1, 0], [0, 3], -1.5),
  padded([3, 7, 9], [1, 2, 3], [3, 2, 1], 0.5),
  padded([0, 3], [2, 0], [1, 1], 2),
  ...LENGTHS.map((n) => joined(concat, [[n], [3], [n]], 0)),
  joined(concat, [[5, 33]], 0),
  joined(
    concat,
    [
      [3, 5],
      [33, 5],
    ],
    0,
  ),
  joined(
    concat,
    [
      [5, 3],
      [5, 65],
      [5, 1],
    ],
    1,
  ),
  joined(
    concat,
    [
      [2, 3, 5],
      [2, 7, 5],
    ],
    -2,
  ),
  joined(
    concat,
    [
      [3, 0],
      [3, 4],
    ],
    1,
  ),
  joined(
    concat,
    [
      [0, 4],
      [0, 4],
    ],
    0,
  ),
  joined(
    concat,
    Array.from({ length: 13 }, (_, i) => [i + 1, 3]),
    0,
  ), // more parts than a kernel has bindings
  ...LENGTHS.map((n) => joined(stack, [[n], [n]], 0)),
  joined(stack, [[], [], []], 0),
  joined(
    stack,
    [
      [5, 33],
      [5, 33],
      [5, 33],
    ],
    1,
  ),
  joined(
    stack,
    [
      [5, 33],
      [5, 33],
    ],
    -1,
  ),
  joined(
    stack,
    [
      [3, 7, 9],
      [3, 7, 9],
    ],
    2,
  ),
  joined(
    stack,
    Array.from({ length: 17 }, () => [3]),
    0,
  ),
];

const ends = f32(EXTREMES);
const given = () => ({ x: ends });
const differences = false;

export default [
  ...views,
  ...copies,
  opCase(reshape, 'extreme values', given, { shape: [2, 11] }, { differences }),
  opCase(
    transpose,
    'extreme values',
    () => ({ x: { ...ends, shape: [2, 11] } }),
    { axis0: 0, axis1: 1 },
    { differences },
  ),
  opCase(
    permute,
    'extreme values',
    () => ({ x: { ...ends, shape: [2, 11] } }),
    { axes: [1, 0] },
    { differences },
  ),
  opCase(slice, 'extreme values', given, { start: [3], end: [22] }, { differences }),
  opCase(expand, 'extreme values', given, { shape: [3, 22] }, { differences }),
  opCase(pad, 'extreme values', given, { before: [1], after: [1], value: -65504 }, { differences }),
  opCase(
    concat,
    'extreme values',
    () => ({ part0: ends, part1: ends }),
    { axis: 0 },
    { differences },
  ),
  opCase(
    stack,
    'extreme values',
    () => ({ part0: ends, part1: ends }),
    { axis: 1 },
    { differences },
  ),
];

export const large = [
  () => permuted([1_398_081, 3], [1, 0]),
  () => joined(concat, [[OVER_THE_GRID], [1]], 0),
  () => expanded([1], [OVER_THE_GRID]),
];

export const errors: ErrorCase[] = [
  errorCase('reshape', 'other size', 'ShapeError', /^reshape: .*\[4, 3\].*\[5, 2\]/, (t) => [
    t([4, 3]),
    [5, 2],
  ]),
  errorCase('transpose', 'no such axis', 'ShapeError', /^transpose: .*2/, (t) => [t([4, 3]), 0, 2]),
  errorCase('permute', 'an axis twice', 'ShapeError', /^permute: .*\[0, 0\]/, (t) => [
    t([4, 3]),
    [0, 0],
  ]),
  errorCase('slice', 'past the end', 'ShapeError', /^slice: .*\[4, 3\]/, (t) => [
    t([4, 3]),
    { start: [0, 0], end: [4, 4] },
  ]),
  errorCase(
    'expand',
    'a length that is not 1',
    'ShapeError',
    /^expand: .*\[4, 3\].*\[4, 5\]/,
    (t) => [t([4, 3]), [4, 5]],
  ),
  errorCase('pad', 'one axis missing', 'ShapeError', /^pad: .*\[4, 3\]/, (t) => [
    t([4, 3]),
    { before: [1], after: [1] },
  ]),
  errorCase(
    'concat',
    'another axis differs',
    'ShapeError',
    /^concat: .*\[4, 3\].*\[4, 5\]/,
    (t) => [[t([4, 3]), t([4, 5])], { axis: 0 }],
  ),
  errorCase('stack', 'shapes', 'ShapeError', /^stack: .*\[4, 3\].*\[4, 5\]/, (t) => [
    [t([4, 3]), t([4, 5])],
    { axis: 0 },
  ]),
];
