// softmax, logSoftmax and cross-entropy. A logit of -inf is a masked one; a fully masked row gives zeros.

import { aroundAxis, groupsOf, map, maxAbs, type Ref, scalar, sizeOf, zeros } from './array.ts';
import type { OpReference } from './case.ts';
import { logSumExpParts, softmaxOf } from './reduce.ts';
import { reduction } from './tolerance.ts';

type AlongAxis = OpReference<{ x: Ref }, { axis?: number }, { out: Ref }>;

/** Σ values over each group, for every element of the group. */
function groupSums(values: Ref, table: Int32Array, count: number): Float64Array {
  const sums = new Float64Array(count);
  for (let i = 0; i < table.length; i++) sums[table[i]!]! += values.data[i]!;
  return sums;
}

/** The public functions take the axis itself. */
const args: AlongAxis['args'] = ({ x }, { axis }) => (axis === undefined ? [x] : [x, axis]);

/** y = exp(x - lse x);  dx = y * (dy - Σ y dy) */
export const softmax: AlongAxis = {
  op: 'softmax',
  args,
  forward: ({ x }, { axis = -1 }) => ({ out: softmaxOf(x, groupsOf(x.shape, axis)) }),
  backward({ x }, { axis = -1 }, { out: dy }) {
    const by = groupsOf(x.shape, axis);
    const y = softmax.forward({ x }, { axis }).out;
    const dot = groupSums(
      map(y, (p, i) => p * dy.data[i]!),
      by.table,
      sizeOf(by.shape),
    );
    return { x: map(y, (p, i) => p * (dy.data[i]! - dot[by.table[i]!]!)) };
  },
  tolerance: (_inputs, _attrs, dout) => ({
    forward: { rtol: 1e-5, atol: 1e-6 },
    backward: { rtol: 1e-5, atol: 1e-6 * Math.max(1, dout) },
  }),
};

/** y = x - lse x;  dx = dy - softmax(x) Σ dy */
export const logSoftmax: AlongAxis = {
  op: 'logSoftmax',
  args,
  forward({ x }, { axis = -1 }) {
    const by = groupsOf(x.shape, axis);
    const { top, logTotal } = logSumExpParts(x, by);
    return { out: map(x, (v, i) => v - top[by.table[i]!]! - logTotal[by.table[i]!]!) };
  },
  backward({ x }, { axis = -1 }, { out: dy }) {
    const by = groupsOf(x.shape, axis);
    const probabilities = softmax.forward({ x }, { axis }).out;
    const total = groupSums(dy, by.table, sizeOf(by.shape));
    return { x: map(probabilities, (p, i) => dy.data[i]! - p * total[by.table[i]!]!) };
  },
  tolerance: ({ x }, { axis = -1 }, dout) => ({
    forward: reduction(1, Math.max(5, maxAbs(tops(x, axis)))),
    backward: reduction(aroundAxis(x.shape, axis).length, Math.max(1, dout)),
  }),
};

export type CrossEntropyOptions = {
  ignoreIndex?: number;
  labelSmoothing?: number;
  reduction?: 'mean' | 'sum' | 'none';
};

/** The weight of row r's loss in the result, before dout: 1 / count for the mean; 0 where ignored. */
function rowWeights(targets: Ref, { ignoreIndex = -100, reduction = 'mean' }: CrossEntropyOptions) {
  const counted = targets.data.filter((target) => target !== ignoreIndex).length;
  const weight = reduction === 'mean' ? 1 / Math.max(1, counted) : 1;
  return targets.data.map((target) => (target === ignoreIndex ? 0 : weight));
}

/**
 * With s = labelSmoothing and lse = log Σ exp(logits), the loss of a row is
 *   (1 - s) (lse - logits[target]) + s (lse - mean logits)
 * and the result its mean over the counted rows, its sum, or one value a row (0 where ignored).
 */
export const crossEntropy: OpReference<
  { logits: Ref; targets: Ref },
  CrossEntropyOptions,
  { out: Ref }
> = {
  op: 'crossEntropy',
  forward({ logits, targets }, attrs) {
    const s = attrs.labelSmoothing ?? 0;
    const V = logits.shape.at(-1)!;
    const { top, logTotal } = logSumExpParts(logits, groupsOf(logits.shape, -1));
    const losses = map(
      { shape: targets.shape, data: rowWeights(targets, attrs) },
      (weight, row) => {
        if (weight === 0) return 0;
        const target = logits.data[row * V + targets.data[row]!]!;
        const average = s === 0 ? 0 : meanOf(logits.data.subarray(row * V, (row + 1) * V));
        const chosen = (1 - s) * target + s * average;
        return weight * (top[row]! - chosen + logTotal[row]!);
      },
    );
    if (attrs.reduction === 'none') return { out: losses };
    return { out: scalar(losses.data.reduce((total, loss) => total + loss, 0)) };
  },
  // dlogits[v] = softmax(logits)[v] - (1 - s) [v = target] - s / V
  backward({ logits, targets }, attrs, { out: dout }) {
    const s = attrs.labelSmoothing ?? 0;
    const V = logits.shape.at(-1)!;
    const weights = rowWeights(targets, attrs);
    const probabilities = softmax.forward({ x: logits }, {}).out;
    const dlogits = zeros(logits.shape);
    for (let i = 0; i < dlogits.data.length; i++) {
      const row = Math.floor(i / V);
      const upstream = dout.data[attrs.reduction === 'none' ? row : 0]! * weights[row]!;
      const hit = i % V === targets.data[row] ? 1 - s : 0;
      dlogits.data[i] = upstream * (probabilities.data[i]! - hit - s / V);
    }
    return { logits: dlogits };
  },
  // the loss is a difference of lse and a logit, either of which may be large
  tolerance({ logits, targets }, attrs, dout) {
    const V = logits.shape.at(-1)!;
    const picked = map(targets, (target, row) => logits.data[row * V + target] ?? 0);
    const mean = attrs.labelSmoothing ? maxAbs(logits) : 0;
    const summed = attrs.reduction === 'sum' ? targets.data.length : 1;
    const weight = maxAbs({ shape: targets.shape, data: rowWeights(targets, attrs) });
    return {
      forward: reduction(summed, Math.max(5, maxAbs(tops(logits, -1), picked), mean)),
      backward: { rtol: 1e-5, atol: 1e-6 * Math.max(1, dout) * weight },
    };
  },
};

/** The largest value of each group. */
function tops(x: Ref, axis: number): Ref {
  const by = groupsOf(x.shape, axis);
  return { shape: by.shape, data: logSumExpParts(x, by).top };
}

function meanOf(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
