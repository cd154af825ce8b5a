// Reading by index: embedding, gather, oneHot; and adding by index, segmentSum. Each way is the other's backward.

import {
  aroundAxis,
  maxAbs,
  offsets,
  type Ref,
  scatterAdd,
  sizeOf,
  stridesOf,
  take,
  zeros,
} from './array.ts';
import type { OpReference } from './case.ts';
import { EXACT, reduction } from './tolerance.ts';

/** The most often that any offset is read: how many gradients meet in one element. */
function mostRepeats(table: Int32Array): number {
  const counts = new Map<number, number>();
  let most = 0;
  for (const at of table) {
    const count = (counts.get(at) ?? 0) + 1;
    counts.set(at, count);
    most = Math.max(most, count);
  }
  return most;
}

const rowTable = (weight: Ref, ids: Ref) => {
  const D = weight.shape[1]!;
  const table = new Int32Array(ids.data.length * D);
  for (let i = 0; i < table.length; i++) table[i] = ids.data[Math.floor(i / D)]! * D + (i % D);
  return table;
};

/** out[..., :] = weight[ids[...], :]     weight: [V, D]  ids: [...] */
export const embedding: OpReference<
  { weight: Ref; ids: Ref },
  Record<never, never>,
  { out: Ref }
> = {
  op: 'embedding',
  forward: ({ weight, ids }) => ({
    out: take(weight, rowTable(weight, ids), [...ids.shape, weight.shape[1]!]),
  }),
  backward: ({ weight, ids }, _attrs, { out: dout }) => ({
    weight: scatterAdd(dout, rowTable(weight, ids), weight.shape),
  }),
  tolerance: ({ weight, ids }, _attrs, dout) => ({
    forward: EXACT,
    backward: reduction(mostRepeats(rowTable(weight, ids)), dout),
  }),
};

/** The offset in x that each element of out is read from: its own index, with `indices` along the axis. */
function gatherTable(x: Ref, indices: Ref, axis: number): Int32Array {
  const { at } = aroundAxis(x.shape, axis);
  const strides = stridesOf(x.shape);
  const others = offsets(indices.shape, strides.with(at, 0));
  return others.map((offset, i) => offset + indices.data[i]! * strides[at]!);
}

/** out[i][j][k] = x[i][indices[i][j][k]][k] for axis 1, as torch.gather; indices may be shorter than x. */
export const gather: OpReference<{ x: Ref; indices: Ref }, { axis: number }, { out: Ref }> = {
  op: 'gather',
  forward: ({ x, indices }, { axis }) => ({
    out: take(x, gatherTable(x, indices, axis), indices.shape),
  }),
  backward: ({ x, indices }, { axis }, { out: dout }) => ({
    x: scatterAdd(dout, gatherTable(x, indices, axis), x.shape),
  }),
  tolerance: ({ x, indices }, { axis }, dout) => ({
    forward: EXACT,
    backward: reduction(mostRepeats(gatherTable(x, indices, axis)), dout),
  }),
};

/** out[..., d] = 1 where d = ids[...], else 0; f32 */
export const oneHot: OpReference<{ ids: Ref }, { depth: number }, { out: Ref }> = {
  op: 'oneHot',
  forward({ ids }, { depth }) {
    const out = zeros([...ids.shape, depth]);
    for (let i = 0; i < sizeOf(ids.shape); i++) out.data[i * depth + ids.data[i]!] = 1;
    return { out };
  },
  tolerance: () => ({ forward: EXACT, backward: EXACT }),
};

const segmentTable = (values: Ref, segments: Ref) =>
  rowTable({ shape: [0, values.shape[1]!], data: new Float64Array() }, segments);

/** out[s, :] = Σ { values[e, :] : segments[e] = s }     values: [E, D]  segments: [E] */
export const segmentSum: OpReference<
  { values: Ref; segments: Ref },
  { count: number },
  { out: Ref }
> = {
  op: 'segmentSum',
  forward: ({ values, segments }, { count }) => ({
    out: scatterAdd(values, segmentTable(values, segments), [count, values.shape[1]!]),
  }),
  backward: ({ values, segments }, _attrs, { out: dout }) => ({
    values: take(dout, segmentTable(values, segments), values.shape),
  }),
  tolerance: ({ values, segments }) => ({
    forward: reduction(mostRepeats(segmentTable(values, segments)), maxAbs(values)),
    backward: EXACT,
  }),
};
