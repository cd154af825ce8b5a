// out = f(a, b) with broadcasting; b is a tensor or a number (then it is the option `b` here).
// da = Σ dout * ∂f/∂a, summed over the elements of out that an element of a was repeated to; db likewise.

import {
  broadcastShape,
  broadcastTable,
  maxAbs,
  type Ref,
  scatterAdd,
  sizeOf,
  take,
} from './array.ts';
import type { OpReference } from './case.ts';
import { EXACT, elementwise, reduction } from './tolerance.ts';

type Operands = { a: Ref; b?: Ref };
type NumberOperand = { b?: number };
export type Binary = OpReference<Operands, NumberOperand, { out: Ref }>;
type Function2 = (a: number, b: number) => number;

/** b as an array: the tensor, or the number with shape []. */
function second({ b }: Operands, attrs: NumberOperand): Ref {
  return b ?? { shape: [], data: Float64Array.of(attrs.b!) };
}

/** f at every element of the broadcast shape of a and b. */
function apply(a: Ref, b: Ref, f: Function2): Ref {
  const shape = broadcastShape(a.shape, b.shape);
  const tableA = broadcastTable(a.shape, shape);
  const tableB = broadcastTable(b.shape, shape);
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = f(a.data[tableA[i]!]!, b.data[tableB[i]!]!);
  return { shape, data };
}

/** Σ dout * slope(a, b) over the repeats of each element of `to`. */
function pull(dout: Ref, a: Ref, b: Ref, slope: Function2, to: Ref): Ref {
  const local = apply(a, b, slope);
  const product = { shape: dout.shape, data: dout.data.map((d, i) => d * local.data[i]!) };
  return scatterAdd(product, broadcastTable(to.shape, dout.shape), to.shape);
}

/** `ulp` is WGSL's accuracy for these operands; 'exact' for results that are rounded once at most. */
function binary(
  op: string,
  f: Function2,
  slopeA: Function2,
  slopeB: Function2,
  ulp: 'exact' | Function2 = () => 4,
): Binary {
  return {
    op,
    forward: (inputs, attrs) => ({ out: apply(inputs.a, second(inputs, attrs), f) }),
    backward(inputs, attrs, { out: dout }) {
      const [a, b] = [inputs.a, second(inputs, attrs)];
      return {
        a: pull(dout, a, b, slopeA, a),
        ...(inputs.b && { b: pull(dout, a, b, slopeB, b) }),
      };
    },
    args: ({ a, b }, attrs) => [a, b ?? attrs.b],
    tolerance(inputs, attrs, dout) {
      const [a, b] = [inputs.a, second(inputs, attrs)];
      const spec = ulp === 'exact' ? 4 : maxAbs(apply(a, b, ulp));
      const size = sizeOf(broadcastShape(a.shape, b.shape));
      const pulled = (to: Ref, slope: Function2) => {
        const each = elementwise(2 * spec);
        if (to.data.length === size) return each;
        const sums = reduction(
          size / Math.max(1, to.data.length),
          dout * maxAbs(apply(a, b, slope)),
        );
        return { rtol: Math.max(sums.rtol, each.rtol), atol: Math.max(sums.atol, each.atol) };
      };
      return {
        forward: ulp === 'exact' ? EXACT : elementwise(spec),
        backward: { a: pulled(a, slopeA), b: pulled(b, slopeB) },
      };
    },
  };
}

export const add = binary(
  'add',
  (a, b) => a + b,
  () => 1,
  () => 1,
);
export const sub = binary(
  'sub',
  (a, b) => a - b,
  () => 1,
  () => -1,
);
export const mul = binary(
  'mul',
  (a, b) => a * b,
  (_, b) => b,
  (a) => a,
);
export const div = binary(
  'div',
  (a, b) => a / b,
  (_, b) => 1 / b,
  (a, b) => -a / (b * b),
);

/** WGSL takes exp2(b log2 a), whose error grows with |b log2 a|. */
export const pow = binary(
  'pow',
  Math.pow,
  (a, b) => (b === 0 ? 0 : b * a ** (b - 1)),
  (a, b) => (a === 0 ? 0 : a ** b * Math.log(a)),
  (a, b) => 3 + 8 * Math.abs(b) * Math.max(1, Math.abs(Math.log2(Math.max(Math.abs(a), 1e-3)))),
);

// Where a = b the gradient of maximum and minimum is a convention: the cases avoid ties.
export const maximum = binary(
  'maximum',
  Math.max,
  (a, b) => (a > b ? 1 : 0),
  (a, b) => (b > a ? 1 : 0),
  'exact',
);
export const minimum = binary(
  'minimum',
  Math.min,
  (a, b) => (a < b ? 1 : 0),
  (a, b) => (b < a ? 1 : 0),
  'exact',
);

/** 1 where the comparison holds, else 0; not differentiable. */
function comparison(op: string, holds: (a: number, b: number) => boolean): Binary {
  return {
    op,
    forward: (inputs, attrs) => ({
      out: apply(inputs.a, second(inputs, attrs), (a, b) => (holds(a, b) ? 1 : 0)),
    }),
    args: ({ a, b }, attrs) => [a, b ?? attrs.b],
    tolerance: () => ({ forward: EXACT, backward: EXACT }),
  };
}

export const equal = comparison('equal', (a, b) => a === b);
export const notEqual = comparison('notEqual', (a, b) => a !== b);
export const less = comparison('less', (a, b) => a < b);
export const lessEqual = comparison('lessEqual', (a, b) => a <= b);
export const greater = comparison('greater', (a, b) => a > b);
export const greaterEqual = comparison('greaterEqual', (a, b) => a >= b);

/** out = condition ? a : b, all three broadcast. */
export const where: OpReference<
  { condition: Ref; a: Ref; b: Ref },
  Record<never, never>,
  { out: Ref }
> = {
  op: 'where',
  forward({ condition, a, b }) {
    const shape = broadcastShape(condition.shape, a.shape, b.shape);
    const [c, onTrue, onFalse] = [condition, a, b].map((x) =>
      take(x, broadcastTable(x.shape, shape), shape),
    );
    const data = c!.data.map((v, i) => (v === 0 ? onFalse!.data[i]! : onTrue!.data[i]!));
    return { out: { shape, data } };
  },
  backward({ condition, a, b }, _attrs, { out: dout }) {
    const chosen = take(condition, broadcastTable(condition.shape, dout.shape), dout.shape);
    const keep = (branch: boolean): Ref => ({
      shape: dout.shape,
      data: dout.data.map((d, i) => ((chosen.data[i] !== 0) === branch ? d : 0)),
    });
    return {
      a: scatterAdd(keep(true), broadcastTable(a.shape, dout.shape), a.shape),
      b: scatterAdd(keep(false), broadcastTable(b.shape, dout.shape), b.shape),
    };
  },
  tolerance: ({ condition, a, b }, _attrs, dout) => ({
    forward: EXACT,
    backward: reduction(sizeOf(broadcastShape(condition.shape, a.shape, b.shape)), dout),
  }),
};
