import type { Input } from '../reference/array.ts';
import * as reference from '../reference/binary.ts';
import { type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import { f32, i32, type Random } from '../reference/random.ts';
import { describeShape, LENGTHS, MAX_F32, OVER_THE_GRID } from './sizes.ts';

const { add, div, maximum, minimum, mul, pow, sub, where } = reference;
const { equal, greater, greaterEqual, less, lessEqual, notEqual } = reference;
type Op = reference.Binary;

const arithmetic: Op[] = [add, sub, mul, div, pow, maximum, minimum];
const comparisons: Op[] = [equal, notEqual, less, lessEqual, greater, greaterEqual];

const pairs: [number[], number[]][] = [
  ...LENGTHS.map((n): [number[], number[]] => [[n], [n]]),
  [[], []],
  [[5, 33], [33]], // a bias
  [[33], [5, 33]],
  [
    [5, 33],
    [5, 1],
  ], // a column
  [
    [7, 1],
    [1, 9],
  ], // an outer product
  [
    [2, 1, 5, 1],
    [3, 1, 65],
  ],
  [[63, 3], []],
  [
    [4, 0],
    [1, 0],
  ],
  [
    [4, 1],
    [1, 0],
  ],
];

/** Away from where div and pow have no finite value; no two operands are equal. */
function draw(op: Op, random: Random, shape: readonly number[], side: 'a' | 'b'): Input {
  if (op === pow) return side === 'a' ? random.uniform(shape, 0.2, 3) : random.normal(shape, 1.5);
  if (op === div && side === 'b') {
    const size = random.uniform(shape, 0.5, 3);
    return { ...size, data: size.data.map((v, i) => (i % 2 === 0 ? v : -v)) };
  }
  return random.normal(shape, 1.5);
}

function sized(op: Op, [a, b]: [number[], number[]]): OpCase {
  const name = `${describeShape(a)} and ${describeShape(b)}`;
  return opCase(
    op,
    name,
    (random) => ({ a: draw(op, random, a, 'a'), b: draw(op, random, b, 'b') }),
    {},
  );
}

const withNumber = (op: Op, b: number, shape = [5, 13]) =>
  opCase(op, `number ${b}`, (random) => ({ a: draw(op, random, shape, 'a') }), { b });

/** Few different values, so that comparisons meet equal operands. */
const coarse = (random: Random, shape: readonly number[]): Input => ({
  ...random.integers(shape, 4),
  dtype: 'f32',
});

const compared = (op: Op, [a, b]: [number[], number[]]) =>
  opCase(
    op,
    `${describeShape(a)} and ${describeShape(b)}`,
    (random) => ({ a: coarse(random, a), b: coarse(random, b) }),
    {},
  );

const ends = [0, -0, 1, -1, 1e-6, -1e30, 1e30, MAX_F32, -MAX_F32];

function extremes(op: Op, name: string, operands: [number, number][]): OpCase {
  const [a, b] = [operands.map(([first]) => first), operands.map(([, second]) => second)];
  return opCase(op, name, () => ({ a: f32(a), b: f32(b) }), {}, { differences: false });
}

const allPairs = ends.flatMap((a) => ends.map((b): [number, number] => [a, b]));

function chosen(shapes: [number[], number[], number[]]): OpCase {
  const [condition, a, b] = shapes;
  return opCase(
    where,
    shapes.map(describeShape).join(' '),
    (random) => ({
      condition: random.mask(condition, 0.5, 'u32'),
      a: random.normal(a),
      b: random.normal(b),
    }),
    {},
  );
}

const negativeBase = (exponent: number) =>
  opCase(
    pow,
    `negative base, exponent ${exponent}`,
    () => ({ a: f32([-2.5, -1, 1.5, -0.3]) }),
    { b: exponent },
    { zeroGrad: exponent === 0 ? ['a'] : [] },
  );

export default [
  ...arithmetic.flatMap((op) => pairs.map((shapes) => sized(op, shapes))),
  ...arithmetic.flatMap((op) => [withNumber(op, 2.5), withNumber(op, -0.75), withNumber(op, 1)]),
  ...comparisons.flatMap((op) => pairs.map((shapes) => compared(op, shapes))),
  ...comparisons.map((op) =>
    opCase(op, 'number 2', (random) => ({ a: coarse(random, [65]) }), { b: 2 }),
  ),
  ...comparisons.map((op) =>
    opCase(op, 'i32', () => ({ a: i32([-3, 0, 3, 7]), b: i32([3, 0, -3, 7]) }), {}),
  ),
  ...comparisons.map((op) => extremes(op, 'extreme values', allPairs)),
  ...[2, 3, -1, -2, 0].map(negativeBase),
  opCase(pow, 'base zero', () => ({ a: f32([0, 0, 2]) }), { b: 2 }, { differences: false }),
  extremes(add, 'extreme values', [
    [1e30, -1e30],
    [MAX_F32, 0],
    [-MAX_F32, 1],
    [1e-6, 65504],
  ]),
  extremes(sub, 'extreme values', [
    [1e30, 1e30],
    [MAX_F32, 0],
    [-MAX_F32, 1],
    [1e-6, 65504],
  ]),
  extremes(mul, 'extreme values', [
    [1e30, 1e6],
    [-1e30, 1e-30],
    [MAX_F32, 1],
    [0, MAX_F32],
  ]),
  extremes(div, 'extreme values', [
    [1e30, 1e6],
    [-1e30, -1e4],
    [0, 1e4],
    [1e-6, 65504],
    [3, 0.25],
  ]),
  extremes(pow, 'extreme values', [
    [1e4, 9],
    [10, -20],
    [2, 100],

    [65504, 0.5],
  ]),
  extremes(
    maximum,
    'extreme values',
    allPairs.filter(([a, b]) => a !== b),
  ),
  extremes(
    minimum,
    'extreme values',
    allPairs.filter(([a, b]) => a !== b),
  ),
  opCase(
    where,
    'extreme values',
    () => ({
      condition: { shape: [4], dtype: 'u32', data: Float64Array.of(1, 0, 4294967295, 0) },
      a: f32([MAX_F32, MAX_F32, -1e30, 0]),
      b: f32([0, -MAX_F32, 1, 1e-6]),
    }),
    {},
    { differences: false },
  ),
  ...LENGTHS.map((n) => chosen([[n], [n], [n]])),
  chosen([[5, 1], [5, 33], [33]]),
  chosen([[65], [3, 65], []]),
  chosen([
    [2, 1, 3],
    [1, 7, 1],
    [2, 7, 3],
  ]),
  chosen([[4, 0], [4, 0], [1]]),
];

export const large = [
  () => sized(add, [[OVER_THE_GRID], [OVER_THE_GRID]]),
  () => sized(mul, [[1_398_081, 3], [3]]),
];

const ops = [...arithmetic, ...comparisons].map(({ op }) => op);

export const errors: ErrorCase[] = [
  ...ops.map((op) =>
    errorCase(
      op,
      'shapes that do not broadcast',
      'ShapeError',
      new RegExp(`^${op}: .*\\[4, 3\\].*\\[5\\]`),
      (t) => [t([4, 3]), t([5])],
    ),
  ),
  ...ops.map((op) =>
    errorCase(
      op,
      'different element types',
      'DTypeError',
      new RegExp(`^${op}: .*f32.*i32`),
      (t) => [t([4]), t([4], 'i32')],
    ),
  ),
  errorCase('where', 'shapes that do not broadcast', 'ShapeError', /^where: .*\[3\]/, (t) => [
    t([2], 'u32'),
    t([3]),
    t([3]),
  ]),
];
