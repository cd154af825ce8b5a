// Ops that move elements: out[i] = x[table[i]], and dx[table[i]] += dout[i].

import {
  aroundAxis,
  broadcastTable,
  offsets,
  type Ref,
  scatterAdd,
  sizeOf,
  stridesOf,
  take,
  zeros,
} from './array.ts';
import type { Attrs, OpReference } from './case.ts';
import { EXACT, reduction } from './tolerance.ts';

interface View {
  shape: readonly number[];
  table: Int32Array;
}

type Moved<A extends Attrs> = OpReference<{ x: Ref }, A, { out: Ref }>;

/** An op that is one table: `view` gives the result's shape and where each element comes from. */
function view<A extends Attrs>(
  op: string,
  viewOf: (x: Ref, attrs: A) => View,
  args: (x: unknown, attrs: A) => unknown[],
): Moved<A> {
  return {
    op,
    forward({ x }, attrs) {
      const { table, shape } = viewOf(x, attrs);
      return { out: take(x, table, shape) };
    },
    backward: ({ x }, attrs, { out: dout }) => ({
      x: scatterAdd(dout, viewOf(x, attrs).table, x.shape),
    }),
    args: ({ x }, attrs) => args(x, attrs),
    // only expand repeats elements, so that gradients meet
    tolerance({ x }, attrs, dout) {
      const repeats = sizeOf(viewOf(x, attrs).shape) / Math.max(1, sizeOf(x.shape));
      return { forward: EXACT, backward: repeats > 1 ? reduction(repeats, dout) : EXACT };
    },
  };
}

/** out[i₀ … iₙ] with axis d of the result being axis order[d] of x. */
function permuted(x: Ref, order: readonly number[]): View {
  const strides = stridesOf(x.shape);
  const axes = order.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  const shape = axes.map((axis) => x.shape[axis]!);
  return {
    shape,
    table: offsets(
      shape,
      axes.map((axis) => strides[axis]!),
    ),
  };
}

export const reshape = view<{ shape: number[] }>(
  'reshape',
  (x, { shape }) => ({ shape, table: Int32Array.from(x.data.keys()) }),
  (x, { shape }) => [x, shape],
);

export const transpose = view<{ axis0: number; axis1: number }>(
  'transpose',
  (x, { axis0, axis1 }) => {
    const order = x.shape.map((_, axis) => axis);
    const [first, second] = [order.at(axis0)!, order.at(axis1)!];
    return permuted(x, order.with(axis0, second).with(axis1, first));
  },
  (x, { axis0, axis1 }) => [x, axis0, axis1],
);

export const permute = view<{ axes: number[] }>(
  'permute',
  (x, { axes }) => permuted(x, axes),
  (x, { axes }) => [x, axes],
);

/** Elements start[d] <= i < end[d] along every axis d. */
export const slice = view<{ start: number[]; end: number[] }>(
  'slice',
  (x, { start, end }) => {
    const strides = stridesOf(x.shape);
    const shape = start.map((from, axis) => end[axis]! - from);
    const first = start.reduce((at, from, axis) => at + from * strides[axis]!, 0);
    return { shape, table: offsets(shape, strides, first) };
  },
  (x, attrs) => [x, attrs],
);

export const expand = view<{ shape: number[] }>(
  'expand',
  (x, { shape }) => ({ shape, table: broadcastTable(x.shape, shape) }),
  (x, { shape }) => [x, shape],
);

type Pad = { before: number[]; after: number[]; value?: number };

/** Where each element of x lands in the padded array. */
function padded(x: Ref, { before, after }: Pad): View {
  const shape = x.shape.map((length, axis) => before[axis]! + length + after[axis]!);
  const strides = stridesOf(shape);
  const first = before.reduce((at, count, axis) => at + count * strides[axis]!, 0);
  return { shape, table: offsets(x.shape, strides, first) };
}

/** `before[d]` and `after[d]` elements of `value` (0) around axis d. */
export const pad: Moved<Pad> = {
  op: 'pad',
  forward({ x }, attrs) {
    const { shape, table } = padded(x, attrs);
    const out = { shape, data: zeros(shape).data.fill(attrs.value ?? 0) };
    table.forEach((to, i) => {
      out.data[to] = x.data[i]!;
    });
    return { out };
  },
  backward: ({ x }, attrs, { out: dout }) => ({ x: take(dout, padded(x, attrs).table, x.shape) }),
  tolerance: () => ({ forward: EXACT, backward: EXACT }),
};

type List = Readonly<Record<string, Ref>>;
type Joined = OpReference<List, { axis: number }, { out: Ref }>;

/** Copies between the joined array and its parts; along the axis the parts lie one after the other. */
function forEachPart(
  parts: readonly Ref[],
  axis: number,
  visit: (part: number, at: number, joined: number) => void,
) {
  const total = parts.reduce((sum, part) => sum + aroundAxis(part.shape, axis).length, 0);
  let start = 0;
  parts.forEach((part, index) => {
    const { outer, length, inner } = aroundAxis(part.shape, axis);
    const block = length * inner;
    for (let i = 0; i < outer * block; i++) {
      const joined = Math.floor(i / block) * total * inner + start * inner + (i % block);
      visit(index, i, joined);
    }
    start += length;
  });
}

/** The parts end to end along an axis that they have. */
export const concat: Joined = {
  op: 'concat',
  forward(inputs, { axis }) {
    const parts = Object.values(inputs);
    const { at } = aroundAxis(parts[0]!.shape, axis);
    const total = parts.reduce((sum, part) => sum + part.shape[at]!, 0);
    const out = zeros(parts[0]!.shape.with(at, total));
    forEachPart(parts, axis, (part, i, joined) => {
      out.data[joined] = parts[part]!.data[i]!;
    });
    return { out };
  },
  backward(inputs, { axis }, { out: dout }) {
    const parts = Object.values(inputs);
    const grads = parts.map((part) => zeros(part.shape));
    forEachPart(parts, axis, (part, i, joined) => {
      grads[part]!.data[i] = dout.data[joined]!;
    });
    return Object.fromEntries(Object.keys(inputs).map((name, part) => [name, grads[part]!]));
  },
  args: (inputs, attrs) => [Object.values(inputs), attrs],
  tolerance: () => ({ forward: EXACT, backward: EXACT }),
};

/** The parts, which have one shape, along a new axis: concat of parts with a length of 1 there. */
const withNewAxis = (inputs: List, axis: number): List =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, data }]) => {
      const at = axis < 0 ? axis + shape.length + 1 : axis;
      return [name, { shape: shape.toSpliced(at, 0, 1), data }];
    }),
  );

export const stack: Joined = {
  op: 'stack',
  forward: (inputs, attrs) => concat.forward(withNewAxis(inputs, attrs.axis), attrs),
  backward(inputs, attrs, dout) {
    const grads = concat.backward!(withNewAxis(inputs, attrs.axis), attrs, dout);
    return Object.fromEntries(
      Object.entries(inputs).map(([name, { shape }]) => [name, { shape, data: grads[name]!.data }]),
    );
  },
  args: (inputs, attrs) => [Object.values(inputs), attrs],
  tolerance: () => ({ forward: EXACT, backward: EXACT }),
};
