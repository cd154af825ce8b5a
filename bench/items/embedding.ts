// Embedding, and its transpose, sums by segment: the gradient of a table [V, D] from that of the rows that n ids read.
//   flops    n D additions
//   bytes    ids and the rows' gradients in, the table's gradient out (all of it: rows that no id reads are 0)

import { embedding } from '../../src/ops/embedding.ts';
import { segmentSum } from '../../src/ops/segment_sum.ts';
import * as reference from '../../test/reference/embedding.ts';
import { draws } from '../inputs.ts';
import type { Item } from '../item.ts';
import { opItem } from '../op_item.ts';

/** Forward+backward; the forward copies n D values, as cheap as a copy is. */
function embeddingItem(n: number, V: number, D: number, quick = false): Item {
  return opItem({
    name: `embedding ${n} ids of ${V}x${D} fwd+bwd`,
    family: 'embedding',
    shape: { n, V, D },
    sized: (n, V, D) => embeddingItem(n!, V!, D!),
    direction: 'forward+backward',
    flops: n * D,
    bytes: 4 * (n + 3 * n * D + V * D), // forward: rows in, rows out; backward: rows in, table out
    quick,
    inputs(fits) {
      const { normal, integers } = draws(fits);
      return { weight: normal([V, D], 0.02), ids: integers([n], V), dy: normal([n, D]) };
    },
    reference: reference.embedding,
    call: ({ weight, ids }) => embedding(weight!, ids!),
    wanted: ['weight'],
  });
}

/** Forward: sorts the segments, and adds; the backward is embedding's forward. */
function segmentSumItem(n: number, count: number, D: number, quick = false): Item {
  return opItem({
    name: `segmentSum ${n} rows of ${D} to ${count}`,
    family: 'embedding',
    shape: { n, count, D },
    sized: (n, count, D) => segmentSumItem(n!, count!, D!),
    options: { count },
    flops: n * D,
    bytes: 4 * (n + n * D + count * D),
    quick,
    inputs(fits) {
      const { normal, integers } = draws(fits);
      return { values: normal([n, D]), segments: integers([n], count) };
    },
    reference: reference.segmentSum,
    call: ({ values, segments }) => segmentSum(values!, segments!, { count }),
  });
}

export const embeddingItems: readonly Item[] = [
  embeddingItem(256, 512, 64, true),
  embeddingItem(8192, 8192, 256),
];

export const segmentSumItems: readonly Item[] = [
  segmentSumItem(512, 256, 32, true),
  segmentSumItem(65_536, 16_384, 64),
];
