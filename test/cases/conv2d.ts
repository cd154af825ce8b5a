import { type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import { conv2d } from '../reference/conv2d.ts';
import { f32 } from '../reference/random.ts';
import { describeShape } from './sizes.ts';

type Pair = [number, number];
type Options = { stride?: number | Pair; padding?: number | Pair };

/** x, weight, options: one pixel, one window, odd sizes, steps that leave a rest, more padding than image. */
const SIZES: [number[], number[], Options][] = [
  [[1, 1, 1, 1], [1, 1, 1, 1], {}],
  [[1, 1, 3, 3], [1, 1, 3, 3], {}],
  [[2, 4, 10, 10], [16, 4, 3, 3], {}], // a small game's screen
  [[3, 2, 5, 7], [5, 2, 3, 2], {}],
  [[2, 3, 7, 5], [4, 3, 3, 3], { padding: 1 }],
  [[2, 3, 9, 8], [3, 3, 3, 3], { stride: 2 }],
  [[2, 3, 9, 8], [3, 3, 2, 3], { stride: [3, 2], padding: [0, 1] }],
  [[1, 2, 4, 6], [2, 2, 1, 1], { stride: [2, 1] }], // windows that skip pixels
  [[2, 1, 3, 31], [7, 1, 3, 5], { padding: [1, 2] }],
  [[1, 2, 1, 2], [3, 2, 3, 4], { padding: [3, 3] }],
  [[2, 2, 4, 4], [3, 2, 2, 2], { stride: 5 }], // the last rows and columns are not read
  [[1, 33, 2, 3], [65, 33, 2, 2], { padding: 1 }],
  [[65, 1, 4, 3], [2, 1, 3, 3], {}],
];

const shapes = (x: number[], weight: number[], options: Options) =>
  `${describeShape(x)} ${describeShape(weight)} ${JSON.stringify(options)}`;

const convolved = (x: number[], weight: number[], options: Options, biased: boolean): OpCase =>
  opCase(
    conv2d,
    `${shapes(x, weight, options)}${biased ? ' with bias' : ''}`,
    (random) => ({
      x: random.normal(x),
      weight: random.normal(weight),
      bias: biased ? random.normal([weight[0]!]) : undefined,
    }),
    options,
  );

export default [
  ...SIZES.flatMap((sizes) => [convolved(...sizes, false), convolved(...sizes, true)]),
  convolved([0, 2, 5, 5], [3, 2, 3, 3], {}, true), // no image
  convolved([2, 2, 5, 5], [0, 2, 3, 3], {}, true), // no filter
  opCase(
    conv2d,
    'extreme values',
    () => ({
      x: f32([1e30, -1e30, 65504, 0, 1e-30, -1], [1, 1, 2, 3]),
      weight: f32([1, 0, 0, -1], [1, 1, 2, 2]),
    }),
    {},
    { differences: false },
  ),
];

export const large = [() => convolved([1_050_000, 1, 2, 2], [1, 1, 2, 1], {}, true)];

export const errors: ErrorCase[] = [
  errorCase(
    'conv2d',
    'channels',
    'ShapeError',
    /^conv2d: .*\[2, 3, 5, 5\].*\[4, 2, 3, 3\]/,
    (t) => [t([2, 3, 5, 5]), t([4, 2, 3, 3])],
  ),
  errorCase('conv2d', 'no channel', 'ShapeError', /^conv2d: .*\[2, 0, 5, 5\]/, (t) => [
    t([2, 0, 5, 5]),
    t([4, 0, 3, 3]),
  ]),
  errorCase('conv2d', 'three axes', 'ShapeError', /^conv2d: .*\[3, 5, 5\].*B, C, H, W/, (t) => [
    t([3, 5, 5]),
    t([4, 3, 3, 3]),
  ]),
  errorCase(
    'conv2d',
    'a window over the image',
    'ShapeError',
    /^conv2d: .*\[3, 6\].*\[5, 5\]/,
    (t) => [t([2, 3, 5, 5]), t([4, 3, 3, 6])],
  ),
  errorCase('conv2d', 'bias', 'ShapeError', /^conv2d: bias is \[3\].*\[4\]/, (t) => [
    t([2, 3, 5, 5]),
    t([4, 3, 3, 3]),
    t([3]),
  ]),
  errorCase('conv2d', 'types', 'DTypeError', /^conv2d: .*weight i32/, (t) => [
    t([2, 3, 5, 5]),
    t([4, 3, 3, 3], 'i32'),
  ]),
];
