import { type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import { linear, loraLinear, matmul } from '../reference/matmul.ts';
import { f32 } from '../reference/random.ts';
import { describeShape } from './sizes.ts';

/** M, N, K: vectors, single elements, tiles that are not full, nothing to add up, nothing to compute. */
const SIZES: [number, number, number][] = [
  [1, 1, 1],
  [1, 33, 31],
  [31, 1, 33],
  [33, 31, 1],
  [3, 5, 7],
  [31, 33, 63],
  [65, 63, 17],
  [17, 65, 65],
  [4, 3, 1025],
  [127, 9, 33],
  [5, 257, 9],
  [64, 64, 64],
  [5, 4, 0],
  [0, 3, 5],
];

type Flags = { transposeA?: boolean; transposeB?: boolean };
const FLAGS: Flags[] = [
  {},
  { transposeA: true },
  { transposeB: true },
  { transposeA: true, transposeB: true },
];

const swapped = (rows: number, columns: number, swap = false) =>
  swap ? [columns, rows] : [rows, columns];

/** Where K = 0 the result is 0 whatever a and b are. */
function product(
  [M, N, K]: [number, number, number],
  flags: Flags,
  batchA: number[] = [],
  batchB = batchA,
) {
  const a = [...batchA, ...swapped(M, K, flags.transposeA)];
  const b = [...batchB, ...swapped(K, N, flags.transposeB)];
  return opCase(
    matmul,
    `${describeShape(a)} ${describeShape(b)} ${JSON.stringify(flags)}`,
    (random) => ({ a: random.normal(a), b: random.normal(b) }),
    flags,
  );
}

const broadcasts: [number[], number[]][] = [
  [[3], [3]],
  [[3], []],
  [[], [3]],
  [[2, 1], [3]],
  [
    [3, 1],
    [1, 2],
  ],
  [[1], [5]],
  [[0], [1]],
];

function linearCase(lead: number[], columns: number, width: number, withBias: boolean): OpCase {
  const name = `${describeShape([...lead, width])} to ${columns}${withBias ? ' with bias' : ''}`;
  return opCase(
    linear,
    name,
    (random) => ({
      x: random.normal([...lead, width]),
      weight: random.normal([columns, width]),
      bias: withBias ? random.normal([columns]) : undefined,
    }),
    {},
  );
}

const linears: [number[], number, number][] = [
  [[1], 1, 1],
  [[3], 31, 33],
  [[1], 65, 63], // one row: a product of matrix and vector
  [[33], 1, 65],
  [[], 33, 31],
  [[2, 3], 17, 65],
  [[127], 9, 7],
  [[5], 257, 3],
  [[65], 63, 33],
  [[0], 3, 5],
  [[4], 3, 0],
];

function loraCase(
  lead: number[],
  columns: number,
  width: number,
  rank: number,
  alpha = 16,
): OpCase {
  return opCase(
    loraLinear,
    `${describeShape([...lead, width])} to ${columns} rank ${rank}`,
    (random) => ({
      x: random.normal([...lead, width]),
      weight: random.normal([columns, width]),
      a: random.normal([rank, width], 0.3),
      b: random.normal([columns, rank], 0.3),
    }),
    { alpha, rank },
  );
}

/** Values near f32's end, and others that keep their products within it. */
const ENDS = f32([1e30, 3e30, -2e30, 5e29, 1e30, 4e30], [3, 2]);
const SMALL = f32([100, -0.5, 2, 3], [2, 2]);
const SMALL_BIAS = f32([1, -2]);
const LOST_STEP = { differences: false };

export default [
  ...SIZES.flatMap((size) => FLAGS.map((flags) => product(size, flags))),
  ...broadcasts.flatMap(([batchA, batchB]) =>
    FLAGS.map((flags) => product([7, 5, 9], flags, batchA, batchB)),
  ),
  product([33, 17, 9], {}, [2, 3]),
  opCase(matmul, 'extreme values', () => ({ a: ENDS, b: SMALL }), {}, LOST_STEP),
  opCase(
    linear,
    'extreme values',
    () => ({ x: ENDS, weight: SMALL, bias: SMALL_BIAS }),
    {},
    LOST_STEP,
  ),
  opCase(
    loraLinear,
    'extreme values',
    () => ({ x: ENDS, weight: SMALL, a: SMALL, b: SMALL }),
    { alpha: 4, rank: 2 },
    LOST_STEP,
  ),
  ...linears.flatMap((size) => [linearCase(...size, false), linearCase(...size, true)]),
  loraCase([1], 1, 1, 1, 1),
  loraCase([3], 31, 33, 4),
  loraCase([2, 5], 33, 17, 8),
  loraCase([65], 9, 31, 3),
  loraCase([], 63, 5, 2),
  loraCase([31], 65, 33, 16, 8),
  loraCase([1], 127, 65, 8),
  loraCase([0], 3, 5, 2),
  opCase(
    loraLinear,
    'b at its initial zero',
    (random) => ({
      x: random.normal([7, 9]),
      weight: random.normal([5, 9]),
      a: random.normal([4, 9]),
      b: f32(Array(20).fill(0), [5, 4]),
    }),
    { alpha: 8, rank: 4 },
    { zeroGrad: ['a'] },
  ),
];

export const large = [() => product([2, 2, 3], {}, [65_537])];

export const errors: ErrorCase[] = [
  errorCase(
    'matmul',
    'inner dimensions',
    'ShapeError',
    /^matmul: .*\[4, 3\].*\[5, 2\].*3.*5/,
    (t) => [t([4, 3]), t([5, 2])],
  ),
  errorCase('matmul', 'a vector', 'ShapeError', /^matmul: .*\[3\]/, (t) => [t([3]), t([3, 2])]),
  errorCase('matmul', 'batches', 'ShapeError', /^matmul: .*2.*5/, (t) => [
    t([2, 4, 3]),
    t([5, 3, 2]),
  ]),
  errorCase('matmul', 'integers', 'DTypeError', /^matmul: .*i32/, (t) => [
    t([4, 3]),
    t([3, 2], 'i32'),
  ]),
  errorCase('linear', 'widths', 'ShapeError', /^linear: .*\[4, 3\].*\[2, 5\]/, (t) => [
    t([4, 3]),
    t([2, 5]),
  ]),
  errorCase('linear', 'bias', 'ShapeError', /^linear: .*bias.*\[3\]/, (t) => [
    t([4, 3]),
    t([2, 3]),
    t([3]),
  ]),
  errorCase(
    'loraLinear',
    'rank',
    'ShapeError',
    /^loraLinear: b is \[2, 6\], expected \[2, 4\]/,
    (t) => [t([5, 3]), t([2, 3]), t([4, 3]), t([2, 6]), { alpha: 8, rank: 4 }],
  ),
];
