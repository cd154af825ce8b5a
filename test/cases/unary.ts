import type { Ref } from '../reference/array.ts';
import { type Attrs, type ErrorCase, errorCase, type OpCase, opCase } from '../reference/case.ts';
import { f32, type Random } from '../reference/random.ts';
import * as reference from '../reference/unary.ts';
import { describeShape, EXTREMES, LENGTHS, MAX_F32, OVER_THE_GRID } from './sizes.ts';

interface Sample<A extends Attrs = Attrs> {
  op: reference.Unary<A>;
  attrs: A;
  title: string;
  positive: boolean;
  /** Where the slope is not 0: the first element, so that a single one has a gradient too. */
  first: number;
}

function sample<A extends Attrs>(
  op: reference.Unary<A>,
  attrs: A,
  title = '',
  positive = false,
  first = 1,
) {
  return { op, attrs, title, positive, first };
}

const { abs, clamp, erf, exp, gelu, log, neg, relu } = reference;
const { sigmoid, silu, softplus, sqrt, square, tanh } = reference;

const samples: Sample[] = [
  ...[relu, silu, tanh, sigmoid, softplus, neg, square, exp, abs, erf].map((op) => sample(op, {})),
  ...[sqrt, log].map((op) => sample(op, {}, '', true)),
  sample(gelu, {}),
  sample(gelu, { approximate: 'none' }, 'none '),
  sample(gelu, { approximate: 'tanh' }, 'tanh '),
  sample(clamp, { min: -0.5, max: 0.75 }, 'both bounds ', false, 0.5),
  sample(clamp, { min: 0.25 }, 'min only ', false, 0.5),
  sample(clamp, { max: -0.25 }, 'max only ', false, -0.5),
];

const shapes = [...LENGTHS.map((n) => [n]), [], [5, 7, 9], [33, 65], [3, 0, 5]];

function sized({ op, attrs, title, positive, first }: Sample, shape: readonly number[]): OpCase {
  const draw = (random: Random) => {
    const x = positive ? random.uniform(shape, 0.1, 4) : random.normal(shape, 2);
    if (x.data.length > 0) x.data[0] = first;
    return { x };
  };
  return opCase(op, `${title}${describeShape(shape)}`, draw, attrs);
}

const SMALLEST_NORMAL = 2 ** -126;

/** Finite in f32 with a finite slope; a root or a logarithm of a number that may be flushed to 0 is neither. */
function isDefined({ op, attrs, positive }: Sample, value: number): boolean {
  if (positive && value < SMALLEST_NORMAL) return false;
  const x: Ref = { shape: [1], data: Float64Array.of(value) };
  const y = op.forward({ x }, attrs).out;
  const one = { out: { shape: [1], data: Float64Array.of(1) } };
  const dx = op.backward!({ x }, attrs, one).x!;
  return Math.abs(y.data[0]!) <= MAX_F32 && Math.abs(dx.data[0]!) <= MAX_F32;
}

/** Flat and curved ends: the slopes are 0 or huge, and a step of 1e-6 is lost in most of the values. */
function extremes(sample: Sample): OpCase {
  const values = EXTREMES.filter((v) => isDefined(sample, Math.fround(v)));
  return opCase(
    sample.op,
    `${sample.title}extreme values`,
    () => ({ x: f32(values) }),
    sample.attrs,
    {
      differences: false,
    },
  );
}

/** From -12 to 12: where the approximations of erf, tanh and exp meet their tails. */
function sweep({ op, attrs, title, positive }: Sample): OpCase {
  const values = Array.from({ length: 241 }, (_, i) => 0.1003 * (positive ? i + 1 : i - 119.8));
  return opCase(op, `${title}sweep`, () => ({ x: f32(values) }), attrs);
}

export default samples.flatMap((each) => [
  ...shapes.map((shape) => sized(each, shape)),
  sweep(each),
  extremes(each),
]);

export const large = [
  () => sized(sample(relu, {}), [OVER_THE_GRID]),
  () => sized(sample(gelu, {}), [OVER_THE_GRID]),
];

const ops = [...new Set(samples.map(({ op }) => op.op))];

export const errors: ErrorCase[] = [
  ...ops.map((op) =>
    errorCase(op, 'integers', 'DTypeError', new RegExp(`^${op}: .*i32`), (t) => [
      t([3], 'i32'),
      {},
    ]),
  ),
];
