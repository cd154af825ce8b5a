import { type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import { f32, i32 } from '../reference/random.ts';
import {
  type CrossEntropyOptions,
  crossEntropy,
  logSoftmax,
  softmax,
} from '../reference/softmax.ts';
import { describeShape, LENGTHS } from './sizes.ts';

type Op = typeof softmax;

const shapes: [number[], number | undefined][] = [
  ...LENGTHS.map((n): [number[], undefined] => [[3, n], undefined]),
  [[33], undefined],
  [[1, 2], undefined],
  [[5, 6], undefined],
  [[65, 7], undefined],
  [[3, 1500], undefined],
  [[0, 3], undefined],
  [[33, 5], 0],
  [[257, 3], 0],
  [[3, 65, 5], 1],
  [[3, 5, 9], -2],
  [[2, 31, 3, 5], -3],
];

function sized(op: Op, shape: number[], axis?: number): OpCase {
  const lone = shape.at(axis ?? -1) === 1;
  return opCase(
    op,
    `${describeShape(shape)} axis ${axis ?? 'last'}`,
    (random) => ({ x: random.normal(shape, 2) }),
    axis === undefined ? {} : { axis },
    { zeroGrad: lone ? ['x'] : [] }, // one probability is always 1
  );
}

const given = (op: Op, name: string, rows: number[][], zeroGrad: string[] = []) =>
  opCase(
    op,
    name,
    () => ({ x: f32(rows.flat(), [rows.length, rows[0]!.length]) }),
    {},
    {
      differences: false,
      zeroGrad,
    },
  );

const LARGE = [
  [0, 0, 100, 0, 0, 0, 0],
  [88, 89, 88.5, 1e4, 9999, 9998, 0],
  [-1e4, -10001, -10002, -1e4, -1e30, -1e30, -1e30],
  [-88, -89, -90, -91, -92, -93, -94],
];

/** Two equal logits, beside which log 2 is lost. */
const HUGE = [[-1e30, 1e30, 0, 1, 2, 3, 1e30]];

const masked = Number.NEGATIVE_INFINITY;

interface Entropy {
  lead: number[];
  V: number;
  attrs?: CrossEntropyOptions;
  ignored?: boolean;
}

/** With `ignored`, every third target is the ignored one. */
function entropy({ lead, V, attrs = {}, ignored = false }: Entropy): OpCase {
  const shape = [...lead, V];
  const skip = attrs.ignoreIndex ?? -100;
  return opCase(
    crossEntropy,
    `${describeShape(shape)} ${JSON.stringify(attrs)}${ignored ? ' some ignored' : ''}`,
    (random) => {
      const targets = random.integers(lead, V);
      for (let i = 0; ignored && i < targets.data.length; i += 3) targets.data[i] = skip;
      return { logits: random.normal(shape, 2), targets };
    },
    attrs,
    { zeroGrad: V === 1 ? ['logits'] : [] },
  );
}

const entropySizes: [number[], number][] = [
  [[1], 1],
  [[1], 3],
  [[3], 31],
  [[33], 33],
  [[], 65],
  [[5], 127],
  [[3], 257],
  [[2], 1500],
  [[2, 7], 63],
  [[127], 5],
  [[0], 3],
];

const entropyOptions: CrossEntropyOptions[] = [
  { reduction: 'sum' },
  { reduction: 'none' },
  { labelSmoothing: 0.1 },
  { labelSmoothing: 0.2, reduction: 'sum' },
  { labelSmoothing: 0.3, reduction: 'none' },
  { ignoreIndex: 2 },
  { ignoreIndex: 0, reduction: 'none', labelSmoothing: 0.1 },
];

export default [
  ...[softmax, logSoftmax].flatMap((op) => shapes.map(([shape, axis]) => sized(op, shape, axis))),
  given(softmax, 'extreme values', LARGE),
  given(logSoftmax, 'extreme values', LARGE),
  given(softmax, 'huge values', HUGE),
  given(logSoftmax, 'huge values', HUGE),
  given(softmax, 'masked logits', [
    [masked, 1, 2, masked, 0],
    [masked, masked, masked, 3, -2],
    [0.5, masked, -0.5, 1, masked],
  ]),
  given(softmax, 'a fully masked row is 0', [
    [masked, masked, masked],
    [0, 1, 2],
  ]),
  given(softmax, 'all rows masked', [[masked, masked, masked]], ['x']),
  ...entropySizes.map(([lead, V]) => entropy({ lead, V })),
  ...entropyOptions.flatMap((attrs) => [
    entropy({ lead: [7], V: 33, attrs }),
    entropy({ lead: [3, 5], V: 65, attrs, ignored: true }),
  ]),
  entropy({ lead: [33], V: 9, ignored: true }),
  opCase(
    crossEntropy,
    'no counted target is 0',
    (random) => ({ logits: random.normal([4, 9]), targets: i32([-100, -100, -100, -100]) }),
    {},
    { zeroGrad: ['logits'] },
  ),
  opCase(
    crossEntropy,
    'extreme logits',
    () => ({ logits: f32(LARGE.flat(), [4, 7]), targets: i32([3, 3, 0, 4]) }),
    {},
    { differences: false },
  ),
  opCase(
    crossEntropy,
    'masked logits',
    () => ({
      logits: f32([masked, 1, 2, masked, 3, -2, 0.5, masked, 1], [3, 3]),
      targets: i32([1, 2, 0]),
    }),
    {},
    { differences: false },
  ),
];

export const large = [
  () => sized(softmax, [1_398_081, 3]),
  () => entropy({ lead: [70_001], V: 5, ignored: true }),
];

export const errors: ErrorCase[] = [
  ...['softmax', 'logSoftmax'].flatMap((op) => [
    errorCase(op, 'axis out of range', 'ShapeError', new RegExp(`^${op}: .*axis.*2`), (t) => [
      t([4, 3]),
      2,
    ]),
    errorCase(op, 'integers', 'DTypeError', new RegExp(`^${op}: .*i32`), (t) => [t([4, 3], 'i32')]),
  ]),
  errorCase(
    'crossEntropy',
    'shape of the targets',
    'ShapeError',
    /^crossEntropy: .*\[4, 9\].*\[5\]/,
    (t) => [t([4, 9]), t([5], 'i32')],
  ),
  errorCase('crossEntropy', 'float targets', 'DTypeError', /^crossEntropy: .*targets.*f32/, (t) => [
    t([4, 9]),
    t([4]),
  ]),
];
