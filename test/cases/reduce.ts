import { groupsOf } from '../reference/array.ts';
import { type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import { f32 } from '../reference/random.ts';
import * as reference from '../reference/reduce.ts';
import { describeShape, LENGTHS, MAX_F32, OVER_THE_GRID } from './sizes.ts';

const { argmax, cumsum, logSumExp, max, mean, min, sum, topK, variance } = reference;
type Op = reference.Reduce;
type Options = reference.ReduceOptions;

const reductions: Op[] = [sum, mean, max, min, logSumExp, variance];

const shapes: [number[], Options][] = [
  ...LENGTHS.filter((n) => n > 0).map((n): [number[], Options] => [[n], {}]),
  [[], {}],
  [[5, 33], { axis: -1 }],
  [[5, 33], { axis: 0 }],
  [[33, 5], { axis: 0, keepDims: true }],
  [[65, 3], { axis: 1, keepDims: true }],
  [[3, 257], { axis: 1 }],
  [[257, 3], { axis: 0 }],
  [[1100, 3], { axis: 0 }],
  [[4, 1, 5], { axis: 1 }],
  [[3, 7, 9], { axis: 1 }],
  [[3, 7, 9], { axis: [0, 2] }],
  [[3, 7, 9], { axis: [1, -1], keepDims: true }],
  [[3, 7, 9], { keepDims: true }],
  [[2, 3, 4, 5], { axis: [0, 2] }],
  [[2, 3, 4, 5], { axis: [-4, -3] }],
  [[0, 3], { axis: 1 }],
];

function sized<A extends Options>(op: reference.Reduce<A>, shape: number[], attrs: A): OpCase {
  return opCase(
    op,
    `${describeShape(shape)} ${JSON.stringify(attrs)}`,
    (random) => ({ x: random.normal(shape) }),
    attrs,
    // one value is its own mean: its variance is 0 whatever it is
    { zeroGrad: op.op === 'variance' && groupsOf(shape, attrs.axis).length === 1 ? ['x'] : [] },
  );
}

/** argmax, cumsum and topK work along one axis. */
const lines: [number[], number | undefined][] = [
  ...LENGTHS.filter((n) => n > 0).map((n): [number[], undefined] => [[n], undefined]),
  [[5, 33], undefined],
  [[5, 33], 0],
  [[3, 257], 1],
  [[257, 3], 0],
  [[3, 7, 9], 1],
  [[3, 7, 9], -3],
  [[4, 1, 5], 1],
  [[0, 3], 1],
  [[3, 0, 2], 2],
];

const axisOption = (axis: number | undefined) => (axis === undefined ? {} : { axis });
const lineName = (shape: number[], axis: number | undefined) =>
  `${describeShape(shape)} axis ${axis ?? 'last'}`;

const along = (op: typeof argmax | typeof cumsum, shape: number[], axis?: number) =>
  opCase(op, lineName(shape, axis), (random) => ({ x: random.normal(shape) }), axisOption(axis));

function topOf(shape: number[], k: number, axis?: number): OpCase {
  const name = `${lineName(shape, axis)} k ${k}`;
  return opCase(topK, name, (random) => ({ x: random.normal(shape) }), { k, ...axisOption(axis) });
}

const KINK = { differences: false };
const given = (op: Op, name: string, rows: number[][], options = {}) =>
  opCase(
    op,
    name,
    () => ({ x: f32(rows.flat(), [rows.length, rows[0]!.length]) }),
    { axis: 1 },
    options,
  );

const TIES = [
  [1, 3, 3, 2, 3],
  [0, 0, 0, 0, 0],
  [-1, -5, -1, -5, -3],
];

const ENDS = [
  [MAX_F32, -MAX_F32, 0, 1e30],
  [-MAX_F32, -MAX_F32, -MAX_F32, -MAX_F32],
  [-1e30, -89, -88, -1e4],
  [0, -0, 1e-38, -1e-38],
];

export default [
  ...reductions.flatMap((op) => shapes.map(([shape, attrs]) => sized(op, shape, attrs))),
  ...[[33], [5, 33], [3, 7, 9]].map((shape) => sized(variance, shape, { axis: -1, correction: 1 })),
  sized(variance, [3, 7, 9], { axis: [0, 2], correction: 1, keepDims: true }),
  opCase(variance, 'large mean', (r) => ({ x: r.normal([3, 65], 1, 1e4) }), { axis: 1 }),
  ...[[0], [3, 0]].map((shape) =>
    opCase(sum, `empty ${describeShape(shape)} is 0`, (r) => ({ x: r.normal(shape) }), {
      axis: -1,
    }),
  ),
  given(max, 'first of equal values', TIES, KINK),
  given(min, 'first of equal values', TIES, KINK),
  given(max, 'extreme values', ENDS, KINK),
  given(min, 'extreme values', ENDS, KINK),
  ...[sum, mean].flatMap((op) => [
    given(op, 'extreme values', [[1e30, 3e30, 5e37, 65504]], KINK),
    given(op, 'values that cancel', [[65504, -65504, 1, 3e4]], KINK),
  ]),
  opCase(variance, 'extreme values', () => ({ x: f32([65504, -65504, 1e4, 0]) }), {}, KINK),
  opCase(cumsum, 'extreme values', () => ({ x: f32([1e30, 3e30, -65504, 1e30]) }), {}, KINK),
  given(
    logSumExp,
    'extreme values',
    [
      [88, 89, 1e30, 0],
      [-1e30, -1e30, -1e30, -1e30],
      [1e4, 1e4 - 1, -1e4, 0],
      [-88, -89, -90, -1000],
    ],
    KINK,
  ),
  ...lines.flatMap(([shape, axis]) => [along(argmax, shape, axis), along(cumsum, shape, axis)]),
  opCase(argmax, 'keepDims', (r) => ({ x: r.normal([5, 33]) }), { axis: 0, keepDims: true }),
  opCase(argmax, 'first of equal values', () => ({ x: f32(TIES.flat(), [3, 5]) }), {}),
  opCase(argmax, 'extreme values', () => ({ x: f32(ENDS.slice(0, 3).flat(), [3, 4]) }), {}),
  ...[[1], [3], [33], [65], [257], [5, 31], [0, 3]].map((shape) => topOf(shape, 1)),
  ...[[3], [33], [65], [257], [5, 31]].map((shape) => topOf(shape, 3)),
  topOf([63], 63),
  topOf([5, 127], 50),
  topOf([33, 5], 4, 0),
  topOf([3, 7, 9], 2, 1),
  opCase(topK, 'ties to the lowest index', () => ({ x: f32(TIES.flat(), [3, 5]) }), { k: 4 }, KINK),
  opCase(
    topK,
    'extreme values',
    () => ({ x: f32(ENDS.slice(0, 3).flat(), [3, 4]) }),
    { k: 4 },
    KINK,
  ),
];

export const large = [
  () => sized(sum, [OVER_THE_GRID], {}),
  () => sized(max, [1_398_081, 3], { axis: 1 }),
  () => sized(mean, [3, 1_398_081], { axis: 0 }),
];

const needsAxis = ['sum', 'mean', 'max', 'min', 'logSumExp', 'variance', 'argmax', 'cumsum'];

export const errors: ErrorCase[] = [
  ...needsAxis.map((op) =>
    errorCase(op, 'axis out of range', 'ShapeError', new RegExp(`^${op}: .*axis.*2`), (t) => [
      t([4, 3]),
      { axis: 2 },
    ]),
  ),
  ...['max', 'min'].map((op) =>
    errorCase(op, 'no elements', 'ShapeError', new RegExp(`^${op}: .*\\[4, 0\\]`), (t) => [
      t([4, 0]),
      { axis: 1 },
    ]),
  ),
  errorCase('topK', 'k over the length', 'ShapeError', /^topK: .*6.*5/, (t) => [
    t([3, 5]),
    { k: 6 },
  ]),
];
