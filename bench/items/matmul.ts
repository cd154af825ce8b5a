// y = a b: 2 M N K flops; reads a and b once, writes y once. Shapes are M x K x N, as the operands chain.

import { matmul } from '../../src/ops/matmul.ts';
import * as reference from '../../test/reference/matmul.ts';
import { draws } from '../inputs.ts';
import type { HostArray, HostArrays, Item } from '../item.ts';
import { opItem } from '../op_item.ts';
import { type Part, refOf, rowsOf, sampledRows, wholeOf } from '../sample.ts';

type Kind = 'NN' | 'NT' | 'TN';

const ROWS = 8; // compared from each end and the middle

function product(kind: Kind, M: number, K: number, N: number, batch = 0, quick = false): Item {
  const options = {
    ...(kind === 'TN' && { transposeA: true }),
    ...(kind === 'NT' && { transposeB: true }),
  };
  const lead = batch > 0 ? [batch] : [];
  const B = Math.max(1, batch);
  return opItem({
    name: `matmul ${kind} ${batch > 0 ? `${batch}x[${M}x${K}x${N}]` : `${M}x${K}x${N}`}`,
    family: 'matmul',
    shape: { ...(batch > 0 && { B }), M, K, N },
    options,
    flops: 2 * B * M * N * K,
    bytes: 4 * B * (M * K + K * N + M * N),
    quick,
    inputs() {
      const { normal } = draws();
      return {
        a: normal([...lead, ...(kind === 'TN' ? [K, M] : [M, K])]),
        b: normal([...lead, ...(kind === 'NT' ? [N, K] : [K, N])]),
      };
    },
    reference: reference.matmul,
    call: ({ a, b }) => matmul(a!, b!, options),
    parts: (inputs) => (batch > 0 ? wholeOf(inputs) : someRows(inputs, kind, M, N)),
  });
}

function someRows({ a, b }: HostArrays, kind: Kind, M: number, N: number): Part[] {
  const right = refOf(b!);
  return sampledRows(M, ROWS).map(({ first, rows }) => {
    const left = kind === 'TN' ? columnsOf(a!, first, rows) : rowsOf(a!, first, rows);
    return { inputs: { a: left, b: right }, starts: { out: first * N } };
  });
}

/** Some columns of a matrix, as a matrix. */
function columnsOf({ shape, data }: HostArray, first: number, count: number) {
  const [rows, columns] = shape as [number, number];
  const part = new Float64Array(rows * count).map(
    (_, i) => data[Math.floor(i / count) * columns + first + (i % count)]!,
  );
  return { shape: [rows, count], data: part };
}

export const matmulItems: readonly Item[] = [
  product('NN', 64, 64, 64, 0, true),
  product('NN', 256, 256, 256, 0, true),
  ...(['NN', 'NT', 'TN'] as const).map((kind) => product(kind, 512, 512, 512)),
  ...(['NN', 'NT', 'TN'] as const).map((kind) => product(kind, 1024, 1024, 1024)),
  product('NN', 768, 128, 512),
  product('NN', 3072, 512, 128),
  product('NN', 64, 64, 64, 64),
  product('NN', 4096, 4096, 4096),
];
