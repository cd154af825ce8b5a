import { type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import { embedding, gather, oneHot, segmentSum } from '../reference/embedding.ts';
import { f32, i32 } from '../reference/random.ts';
import { describeShape, LENGTHS, MAX_F32 } from './sizes.ts';

/** V, D and the shape of the ids. */
const tables: [number, number, number[]][] = [
  ...LENGTHS.map((n): [number, number, number[]] => [33, 5, [n]]),
  [1, 1, [1]],
  [3, 31, []],
  [7, 257, [3]],
  [257, 3, [2, 65]],
  [65, 33, [4, 3, 5]],
  [2, 63, [31]], // every row many times
  [5, 0, [3]],
];

function embed(V: number, D: number, ids: number[]): OpCase {
  return opCase(
    embedding,
    `${describeShape([V, D])} ids ${describeShape(ids)}`,
    (random) => ({ weight: random.normal([V, D]), ids: random.integers(ids, V) }),
    {},
  );
}

/** Shapes of x and of the indices, and the axis that they count along. */
const gathers: [number[], number[], number][] = [
  [[1], [1], 0],
  [[33], [65], 0],
  [[65], [3], -1],
  [[5, 33], [5, 7], 1],
  [[33, 5], [3, 5], 0],
  [[31, 63], [31, 1], -1], // the log-probability of each row's action
  [[3, 7, 9], [3, 2, 9], 1],
  [[3, 7, 9], [2, 4, 5], 1], // shorter than x along the other axes
  [[257, 3], [127, 3], 0],
  [[5, 4], [5, 0], 1],
  [[3, 5], [0, 5], 0],
];

const gathered = (x: number[], indices: number[], axis: number) =>
  opCase(
    gather,
    `${describeShape(x)} indices ${describeShape(indices)} axis ${axis}`,
    (random) => ({ x: random.normal(x), indices: random.integers(indices, x.at(axis)!) }),
    { axis },
  );

const hot = (ids: number[], depth: number) =>
  opCase(
    oneHot,
    `${describeShape(ids)} depth ${depth}`,
    (random) => ({ ids: random.integers(ids, depth) }),
    { depth },
  );

/** E, D, count. */
const sums: [number, number, number][] = [
  ...LENGTHS.map((n): [number, number, number] => [n, 3, 33]),
  [31, 1, 1], // all together
  [65, 64, 257], // most are empty
  [300, 33, 7],
  [1025, 4, 64],
  [5, 0, 3],
];

const summed = (E: number, D: number, count: number) =>
  opCase(
    segmentSum,
    `${describeShape([E, D])} count ${count}`,
    (random) => ({ values: random.normal([E, D]), segments: random.integers([E], count) }),
    { count },
  );

const ENDS = [0, -0, 1e-6, 65504, 1e30, -1e30, MAX_F32, -MAX_F32];

export default [
  ...tables.map((table) => embed(...table)),
  opCase(
    embedding,
    'one row only',
    (random) => ({
      weight: random.normal([9, 7]),
      ids: i32(Array(300).fill(4)),
    }),
    {},
  ),
  opCase(
    embedding,
    'first and last row',
    (random) => ({
      weight: random.normal([63, 3]),
      ids: i32([62, 0, 0, 62]),
    }),
    {},
  ),
  opCase(
    embedding,
    'extreme values',
    () => ({
      weight: f32(ENDS, [4, 2]),
      ids: i32([3, 1, 0, 2]),
    }),
    {},
    { differences: false },
  ),
  ...gathers.map((shapes) => gathered(...shapes)),
  opCase(
    gather,
    'one element many times',
    (random) => ({
      x: random.normal([5, 3]),
      indices: i32(Array(5 * 33).fill(1), [5, 33]),
    }),
    { axis: 1 },
  ),
  opCase(
    gather,
    'extreme values',
    () => ({
      x: f32(ENDS),
      indices: i32([7, 6, 5, 4, 3, 2, 1, 0]),
    }),
    { axis: 0 },
    { differences: false },
  ),
  ...sums.map((sizes) => summed(...sizes)),
  opCase(
    segmentSum,
    'first and last segment, the others empty',
    (random) => ({ values: random.normal([4, 5]), segments: i32([8, 0, 0, 8]) }),
    { count: 9 },
  ),
  opCase(
    segmentSum,
    'extreme values',
    () => ({ values: f32(ENDS, [8, 1]), segments: i32([7, 6, 5, 4, 3, 2, 1, 0]) }),
    { count: 8 },
    { differences: false },
  ),
  ...LENGTHS.map((n) => hot([n], 5)),
  hot([], 3),
  hot([3, 5], 33),
  hot([31], 1),
  hot([2, 3, 5], 127),
  opCase(oneHot, 'extreme ids', () => ({ ids: i32([0, 999, 0, 999, 500]) }), { depth: 1000 }),
];

export const large = [
  () => embed(50_000, 3, [1_398_081]),
  () => gathered([65_537, 65], [65_537, 1], 1),
  () => summed(70_000, 3, 1_398_081),
];

export const errors: ErrorCase[] = [
  errorCase('embedding', 'float ids', 'DTypeError', /^embedding: .*f32/, (t) => [
    t([5, 3]),
    t([4]),
  ]),
  errorCase('embedding', 'a weight of one axis', 'ShapeError', /^embedding: .*\[5\]/, (t) => [
    t([5]),
    t([4], 'i32'),
  ]),
  errorCase('gather', 'float indices', 'DTypeError', /^gather: .*f32/, (t) => [
    t([5, 3]),
    t([5, 1]),
    { axis: 1 },
  ]),
  errorCase('gather', 'numbers of axes', 'ShapeError', /^gather: .*\[5, 3\].*\[4\]/, (t) => [
    t([5, 3]),
    t([4], 'i32'),
    { axis: 1 },
  ]),
  errorCase('gather', 'longer than x', 'ShapeError', /^gather: .*\[5, 3\].*\[6, 1\]/, (t) => [
    t([5, 3]),
    t([6, 1], 'i32'),
    { axis: 1 },
  ]),
  errorCase('segmentSum', 'float segments', 'DTypeError', /^segmentSum: .*f32/, (t) => [
    t([4, 3]),
    t([4]),
    { count: 2 },
  ]),
  errorCase('segmentSum', 'lengths', 'ShapeError', /^segmentSum: .*\[5\].*\[4\]/, (t) => [
    t([4, 3]),
    t([5], 'i32'),
    { count: 2 },
  ]),
  errorCase('segmentSum', 'values of one axis', 'ShapeError', /^segmentSum: .*\[4\]/, (t) => [
    t([4]),
    t([4], 'i32'),
    { count: 2 },
  ]),
  errorCase('oneHot', 'float ids', 'DTypeError', /^oneHot: .*f32/, (t) => [t([4]), { depth: 3 }]),
];
