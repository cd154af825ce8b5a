// Embedding: the gradient of a table [V, D] from that of the rows that n ids read.
//   flops    n D additions
//   bytes    ids and the rows' gradients in, the table's gradient out (all of it: rows that no id reads are 0)

import { embedding } from '../../src/ops/embedding.ts';
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
    direction: 'forward+backward',
    flops: n * D,
    bytes: 4 * (n + 3 * n * D + V * D), // forward: rows in, rows out; backward: rows in, table out
    quick,
    inputs() {
      const { normal, integers } = draws();
      return { weight: normal([V, D], 0.02), ids: integers([n], V), dy: normal([n, D]) };
    },
    reference: reference.embedding,
    call: ({ weight, ids }) => embedding(weight!, ids!),
    wanted: ['weight'],
  });
}

export const embeddingItems: readonly Item[] = [
  embeddingItem(256, 512, 64, true),
  embeddingItem(8192, 8192, 256),
];
