import type { Input } from '../reference/array.ts';
import { type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import { layerNorm, rmsNorm } from '../reference/norm.ts';
import { f32, type Random } from '../reference/random.ts';
import { describeShape, LENGTHS } from './sizes.ts';

const shapes = [
  ...LENGTHS.filter((n) => n > 1).map((n) => [3, n]),
  [33],
  [1, 65],
  [127, 5],
  [2, 3, 31],
  [5, 768],
  [300, 7],
  [0, 5],
  [3, 0],
];

interface Sample {
  name: string;
  x(random: Random): Input;
  attrs?: { eps?: number };
  differences?: boolean;
  zeroGrad?: string[];
}

/** The parameters of a trained layer: weights around 1. */
const weightFor = (x: Input, random: Random) => random.normal([x.shape.at(-1)!], 0.5, 1);

function layer({ name, x, attrs = {}, differences, zeroGrad }: Sample): OpCase {
  const inputs = (random: Random) => {
    const input = x(random);
    const weight = weightFor(input, random);
    return { x: input, weight, bias: random.normal(weight.shape) };
  };
  return opCase(layerNorm, name, inputs, attrs, { differences, zeroGrad });
}

function rms({ name, x, attrs = {}, differences, zeroGrad }: Sample): OpCase {
  const inputs = (random: Random) => {
    const input = x(random);
    return { x: input, weight: weightFor(input, random) };
  };
  return opCase(rmsNorm, name, inputs, attrs, { differences, zeroGrad });
}

const sized = (shape: number[]): Sample => ({
  name: describeShape(shape),
  x: (random) => random.normal(shape, 2, 0.5),
});

const samples: Sample[] = [
  ...shapes.map(sized),
  { name: 'eps 0.1', x: (random) => random.normal([3, 33]), attrs: { eps: 0.1 } },
  { name: 'large mean', x: (random) => random.normal([3, 65], 1, 100) },
  { name: 'small values', x: (random) => random.normal([3, 65], 1e-3) },
  // every value of the first row is the same: the variance is 0, and eps is all there is
  { name: 'a constant row', x: () => f32([2, 2, 2, 2, 1, 2, 3, 4], [2, 4]) },
  {
    name: 'extreme values',
    x: () => f32([1e4, -1e4, 65504, 0, 1e15, -1e15, 3e14, 1, 0, 0, 0, 0], [3, 4]),
    differences: false,
  },
];

const single: Sample = { name: 'one value a row', x: (random) => random.normal([5, 1]) };

export default [
  ...samples.map(layer),
  ...samples.map(rms),
  layer({ ...single, zeroGrad: ['x', 'weight'] }), // a value less its mean is 0
  rms(single),
];

const ROWS_OVER_THE_GRID = 70_001;

export const large = [
  () => layer(sized([ROWS_OVER_THE_GRID, 3])),
  () => rms(sized([ROWS_OVER_THE_GRID, 3])),
];

export const errors: ErrorCase[] = [
  errorCase('layerNorm', 'weight', 'ShapeError', /^layerNorm: .*weight.*\[4\]/, (t) => [
    t([3, 5]),
    t([4]),
    t([5]),
  ]),
  errorCase('layerNorm', 'bias', 'ShapeError', /^layerNorm: .*bias.*\[4\]/, (t) => [
    t([3, 5]),
    t([5]),
    t([4]),
  ]),
  errorCase('rmsNorm', 'weight', 'ShapeError', /^rmsNorm: .*weight.*\[4\]/, (t) => [
    t([3, 5]),
    t([4]),
  ]),
  ...['layerNorm', 'rmsNorm'].map((op) =>
    errorCase(op, 'integers', 'DTypeError', new RegExp(`^${op}: .*i32`), (t) => [
      t([3, 5], 'i32'),
      t([5]),
      t([5]),
    ]),
  ),
];
