// Reductions over some axes, and the ops along one axis: argmax, cumsum, topK.

import { type Axis, aroundAxis, type Groups, groupsOf, maxAbs, type Ref, zeros } from './array.ts';
import type { OpReference } from './case.ts';
import { EXACT, elementwise, expUlp, reduction } from './tolerance.ts';

export type ReduceOptions = { axis?: number | readonly number[]; keepDims?: boolean };
export type Reduce<A extends ReduceOptions = ReduceOptions> = OpReference<
  { x: Ref },
  A,
  { out: Ref }
>;

const groups = (x: Ref, { axis, keepDims }: { axis?: Axis; keepDims?: boolean }) =>
  groupsOf(x.shape, axis, keepDims);

/** Σ f(x, flat index) over each group. */
function sumOver(
  x: Ref,
  { table, shape }: Groups,
  f: (value: number, index: number) => number,
): Ref {
  const out = zeros(shape);
  for (let i = 0; i < table.length; i++) out.data[table[i]!]! += f(x.data[i]!, i);
  return out;
}

/** The flat index of the first element of each group that no other beats. */
function firstBest(x: Ref, { table, shape }: Groups, better: (a: number, b: number) => boolean) {
  const best = new Int32Array(zeros(shape).data.length).fill(-1);
  for (let i = 0; i < table.length; i++) {
    const group = table[i]!;
    if (best[group] === -1 || better(x.data[i]!, x.data[best[group]!]!)) best[group] = i;
  }
  return best;
}

/** dx[i] = f(i, group of i) */
function spread(x: Ref, { table }: Groups, f: (index: number, group: number) => number): Ref {
  return { shape: x.shape, data: x.data.map((_, i) => f(i, table[i]!)) };
}

export const sum: Reduce = {
  op: 'sum',
  forward(inputs, attrs) {
    return { out: sumOver(inputs.x, groups(inputs.x, attrs), (v) => v) };
  },
  backward: ({ x }, attrs, { out: dout }) => ({
    x: spread(x, groups(x, attrs), (_, group) => dout.data[group]!),
  }),
  tolerance: ({ x }, attrs) => ({
    forward: reduction(groups(x, attrs).length, maxAbs(x)),
    backward: EXACT,
  }),
};

export const mean: Reduce = {
  op: 'mean',
  forward({ x }, attrs) {
    const by = groups(x, attrs);
    return { out: sumOver(x, by, (v) => v / by.length) };
  },
  backward({ x }, attrs, { out: dout }) {
    const by = groups(x, attrs);
    return { x: spread(x, by, (_, group) => dout.data[group]! / by.length) };
  },
  tolerance: ({ x }, attrs) => ({
    // a mean of K: the sum's error, divided by K
    forward: reduction(1 / groups(x, attrs).length, maxAbs(x)),
    backward: { rtol: 2e-6, atol: 1e-6 / groups(x, attrs).length },
  }),
};

/** The gradient goes to the first extreme element only. */
function extreme(op: string, better: (a: number, b: number) => boolean): Reduce {
  return {
    op,
    forward({ x }, attrs) {
      const by = groups(x, attrs);
      const best = firstBest(x, by, better);
      return { out: { shape: by.shape, data: Float64Array.from(best, (i) => x.data[i]!) } };
    },
    backward({ x }, attrs, { out: dout }) {
      const by = groups(x, attrs);
      const best = firstBest(x, by, better);
      return { x: spread(x, by, (i, group) => (best[group] === i ? dout.data[group]! : 0)) };
    },
    tolerance: () => ({ forward: EXACT, backward: EXACT }),
  };
}

export const max = extreme('max', (a, b) => a > b);
export const min = extreme('min', (a, b) => a < b);

/**
 * Per group top = max x and logTotal = log Σ exp(x - top). They are kept apart: in their sum, which is log Σ exp(x),
 * a large maximum swallows the logarithm. Both are NaN for a group that is -inf throughout.
 */
export function logSumExpParts(x: Ref, by: Groups) {
  const best = firstBest(x, by, (a, b) => a > b);
  const top = Float64Array.from(best, (i) => x.data[i]!);
  const total = sumOver(x, by, (v, i) => Math.exp(v - top[by.table[i]!]!));
  return { top, logTotal: total.data.map(Math.log) };
}

/** exp(x - lse) for every element; 0 in a group that is -inf throughout. */
export function softmaxOf(x: Ref, by: Groups): Ref {
  const { top, logTotal } = logSumExpParts(x, by);
  return spread(x, by, (i, group) => {
    const p = Math.exp(x.data[i]! - top[group]! - logTotal[group]!);
    return Number.isNaN(p) ? 0 : p;
  });
}

export const logSumExp: Reduce = {
  op: 'logSumExp',
  forward({ x }, attrs) {
    const by = groups(x, attrs);
    const { top, logTotal } = logSumExpParts(x, by);
    return { out: { shape: by.shape, data: top.map((t, group) => t + logTotal[group]!) } };
  },
  // d lse / dx = softmax(x)
  backward({ x }, attrs, { out: dout }) {
    const by = groups(x, attrs);
    const probabilities = softmaxOf(x, by);
    return { x: spread(x, by, (i, group) => dout.data[group]! * probabilities.data[i]!) };
  },
  tolerance: ({ x }, attrs, dout) => ({
    // max + log Σ: relative to the maximum, and to a logarithm of about 5
    forward: reduction(1, 5),
    backward: {
      rtol: elementwise(expUlp(maxAbs(x)) + groups(x, attrs).length / 8).rtol,
      atol: 1e-6 * Math.max(1, dout),
    },
  }),
};

type VarianceOptions = ReduceOptions & { correction?: 0 | 1 };

/** Σ (x - mean)² / (n - correction): 0 is the population's variance (the default), 1 the sample's. */
export const variance: Reduce<VarianceOptions> = {
  op: 'variance',
  forward({ x }, attrs) {
    const by = groups(x, attrs);
    const average = mean.forward({ x }, attrs).out;
    const weight = 1 / (by.length - (attrs.correction ?? 0));
    return {
      out: sumOver(x, by, (v, i) => weight * (v - average.data[by.table[i]!]!) ** 2),
    };
  },
  // dx = 2 (x - mean) / (n - correction); the mean's own derivative drops out, as Σ (x - mean) = 0
  backward({ x }, attrs, { out: dout }) {
    const by = groups(x, attrs);
    const average = mean.forward({ x }, attrs).out;
    const weight = 2 / (by.length - (attrs.correction ?? 0));
    return {
      x: spread(
        x,
        by,
        (i, group) => dout.data[group]! * weight * (x.data[i]! - average.data[group]!),
      ),
    };
  },
  tolerance({ x }, attrs, dout) {
    const by = groups(x, attrs);
    const average = mean.forward({ x }, attrs).out;
    const deviation = maxAbs(spread(x, by, (i, group) => x.data[i]! - average.data[group]!));
    const meanError = 2e-7 * Math.sqrt(by.length) * maxAbs(x);
    const { rtol, atol } = reduction(1, deviation ** 2);
    return {
      forward: { rtol, atol: atol + meanError ** 2 },
      backward: { rtol, atol: (dout * 2 * (meanError + 1e-6 * deviation)) / by.length },
    };
  },
};

/** The index along the axis of the first largest element. */
export const argmax: OpReference<{ x: Ref }, { axis?: number; keepDims?: boolean }, { out: Ref }> =
  {
    op: 'argmax',
    forward({ x }, { axis = -1, keepDims = false }) {
      const by = groupsOf(x.shape, axis, keepDims);
      const { length, inner } = aroundAxis(x.shape, axis);
      const best = firstBest(x, by, (a, b) => a > b);
      const data = Float64Array.from(best, (i) => Math.floor(i / inner) % length);
      return { out: { shape: by.shape, data } };
    },
    tolerance: () => ({ forward: EXACT, backward: EXACT }),
  };

/** Calls visit(flat index of the first element, step between elements) for every line along the axis. */
function forEachLine(
  x: Ref,
  axis: number,
  visit: (start: number, step: number, line: number) => void,
) {
  const { outer, length, inner } = aroundAxis(x.shape, axis);
  for (let o = 0; o < outer; o++) {
    for (let n = 0; n < inner; n++) visit(o * length * inner + n, inner, o * inner + n);
  }
}

/** out[i] = Σ_{j<=i} x[j];  dx[j] = Σ_{i>=j} dout[i] */
export const cumsum: OpReference<{ x: Ref }, { axis?: number }, { out: Ref }> = {
  op: 'cumsum',
  forward({ x }, { axis = -1 }) {
    const out = zeros(x.shape);
    const { length } = aroundAxis(x.shape, axis);
    forEachLine(x, axis, (start, step) => {
      let total = 0;
      for (let i = 0; i < length; i++)
        out.data[start + i * step] = total += x.data[start + i * step]!;
    });
    return { out };
  },
  backward({ x }, { axis = -1 }, { out: dout }) {
    const dx = zeros(x.shape);
    const { length } = aroundAxis(x.shape, axis);
    forEachLine(x, axis, (start, step) => {
      let total = 0;
      for (let i = length - 1; i >= 0; i--)
        dx.data[start + i * step] = total += dout.data[start + i * step]!;
    });
    return { x: dx };
  },
  tolerance({ x }, { axis = -1 }, dout) {
    const { length } = aroundAxis(x.shape, axis);
    return { forward: reduction(length, maxAbs(x)), backward: reduction(length, dout) };
  },
};

type TopK = { values: Ref; indices: Ref };

/** The k largest along the axis in falling order; of equal ones, the lower index comes first. */
export const topK: OpReference<{ x: Ref }, { k: number; axis?: number }, TopK> = {
  op: 'topK',
  differentiable: ['values'],
  forward({ x }, { k, axis = -1 }) {
    const { length, inner, at } = aroundAxis(x.shape, axis);
    const shape = x.shape.with(at, k);
    const result: TopK = { values: zeros(shape), indices: zeros(shape) };
    forEachLine(x, axis, (start, step, line) => {
      const value = (i: number) => x.data[start + i * step]!;
      const order = Array.from({ length }, (_, i) => i).sort(
        (i, j) => value(j) - value(i) || i - j,
      );
      for (let rank = 0; rank < k; rank++) {
        const to = (Math.floor(line / inner) * k + rank) * inner + (line % inner);
        result.values.data[to] = value(order[rank]!);
        result.indices.data[to] = order[rank]!;
      }
    });
    return result;
  },
  backward({ x }, { k, axis = -1 }, { values: dout }) {
    const dx = zeros(x.shape);
    const { indices } = topK.forward({ x }, { k, axis });
    const { inner } = aroundAxis(x.shape, axis);
    forEachLine(x, axis, (start, step, line) => {
      for (let rank = 0; rank < k; rank++) {
        const from = (Math.floor(line / inner) * k + rank) * inner + (line % inner);
        dx.data[start + indices.data[from]! * step] = dout.data[from]!;
      }
    });
    return { x: dx };
  },
  tolerance: () => ({ forward: EXACT, backward: EXACT }),
};
