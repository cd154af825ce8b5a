// A rollout's samples in random order, in parts: what each update learns from.

import { embedding } from '../ops/embedding.ts';
import { gather } from '../ops/gather.ts';
import { expand, reshape, slice } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { RandomSequence } from './random.ts';

const STREAM = 0x6d696e69; // 'mini': the shuffles of a seed

/** 0 … count - 1 in random order (Fisher and Yates). */
export function shuffled(count: number, random: RandomSequence): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** The order of one epoch; a function of its arguments alone, so that a resumed run shuffles as the straight one. */
export function epochOrder(count: number, seed: number, epoch: number): Int32Array {
  return shuffled(count, new RandomSequence({ seed, stream: STREAM, position: epoch * 4 * count }));
}

/** Samples of a rollout: rows `ids` [M] i32 of each of its tensors. */
export const rowsOf = <Rows extends object>(rollout: Rows, ids: Tensor): Rows =>
  ofEach(rollout, (x) => rowsAt(x, ids));

/** Its rows from `begin` up to but without `end`. */
export const rowsBetween = <Rows extends object>(rollout: Rows, begin: number, end: number): Rows =>
  ofEach(rollout, (x) => slice(x, { start: [begin], end: [end] }));

/** A rollout is tensors [B, ...], and null for what there is not. */
function ofEach<Rows extends object>(rollout: Rows, rows: (x: Tensor) => Tensor): Rows {
  const found = Object.entries(rollout as Readonly<Record<string, Tensor | null>>).map(
    ([name, x]) => [name, x && rows(x)] as const,
  );
  return Object.fromEntries(found) as Rows;
}

/** x[ids]: x [B, ...], ids [M] i32 -> [M, ...]. */
export function rowsAt(x: Tensor, ids: Tensor): Tensor {
  if (x.rank === 1) return gather(x, ids, { axis: 0 });
  const [count, ...shape] = x.shape;
  const width = shape.reduce((product, n) => product * n, 1);
  const table = reshape(x, [count!, width]);
  const rows =
    x.dtype === 'f32'
      ? embedding(table, ids)
      : gather(table, expand(reshape(ids, [-1, 1]), [ids.size, width]), { axis: 0 });
  return reshape(rows, [ids.size, ...shape]);
}
