// y = a b: 2 M N K flops; reads a and b once, writes y once. Shapes are M x K x N, as the operands chain.

import { cast } from '../../src/ops/copy.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { BYTES } from '../../src/tensor/dtype.ts';
import { floatToHalf, halfToFloat } from '../../src/tensor/half.ts';
import * as reference from '../../test/reference/matmul.ts';
import { draws } from '../inputs.ts';
import type { HostArray, HostArrays, Item, Tensors } from '../item.ts';
import { opItem } from '../op_item.ts';
import { type Part, refOf, rowsOf, sampledRows, wholeOf } from '../sample.ts';

type Kind = 'NN' | 'NT' | 'TN';

const ROWS = 8; // compared from each end and the middle

export interface ProductOptions extends Partial<Pick<Item, 'quick' | 'requires'>> {
  /** Matrices; 0, the default: no batch axis. */
  readonly batch?: number;
  /** Of the operands and the result; sums are f32. Default f32. */
  readonly dtype?: 'f32' | 'f16';
}

export function product(
  kind: Kind,
  [M, K, N]: readonly [number, number, number],
  { batch = 0, dtype = 'f32', ...given }: ProductOptions = {},
): Item {
  const options = {
    ...(kind === 'TN' && { transposeA: true }),
    ...(kind === 'NT' && { transposeB: true }),
  };
  const lead = batch > 0 ? [batch] : [];
  const B = Math.max(1, batch);
  const sizes = batch > 0 ? `${batch}x[${M}x${K}x${N}]` : `${M}x${K}x${N}`;
  const item = opItem({
    ...given,
    name: `matmul ${kind} ${sizes}${dtype === 'f32' ? '' : ` ${dtype}`}`,
    family: 'matmul',
    shape: { ...(batch > 0 && { B }), M, K, N },
    dtype,
    options,
    sized: (...sizes) => {
      const [M, K, N] = sizes.slice(-3) as [number, number, number];
      return product(kind, [M, K, N], { dtype, ...(batch > 0 && { batch: sizes[0]! }) });
    },
    flops: 2 * B * M * N * K,
    bytes: BYTES[dtype] * B * (M * K + K * N + M * N),
    inputs(fits) {
      const { normal } = draws(fits);
      const made = (rows: number, columns: number) =>
        exactIn(dtype, normal([...lead, rows, columns]));
      return {
        a: kind === 'TN' ? made(K, M) : made(M, K),
        b: kind === 'NT' ? made(N, K) : made(K, N),
      };
    },
    reference: dtype === 'f32' ? reference.matmul : HALF_MATMUL,
    call: ({ a, b }) => matmul(a!, b!, options),
    parts: (inputs) => (batch > 0 ? wholeOf(inputs) : someRows(inputs, kind, M, N)),
  });
  if (dtype === 'f32') return item;
  // The operands are cast once; no call pays for it.
  return {
    ...item,
    start(device, tensors) {
      const half: Tensors = { a: cast(tensors.a!, dtype), b: cast(tensors.b!, dtype) };
      const dispose = () => {
        for (const x of Object.values(half)) x.dispose();
      };
      return { ...item.start(device, half), dispose };
    },
  };
}

/** The result is rounded to f16: 11 bits. */
const HALF_MATMUL: typeof reference.matmul = {
  ...reference.matmul,
  tolerance(inputs, options, dout) {
    const { forward, backward } = reference.matmul.tolerance(inputs, options, dout);
    return { forward: { rtol: 2 ** -11, atol: forward.atol }, backward };
  },
};

function exactIn(dtype: 'f32' | 'f16', x: HostArray): HostArray {
  if (dtype === 'f32') return x;
  return { ...x, data: (x.data as Float32Array).map((v) => halfToFloat(floatToHalf(v))) };
}

/** The product's rows at both ends and in the middle. */
export function someRows({ a, b }: HostArrays, kind: Kind, M: number, N: number): Part[] {
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

const KINDS: readonly Kind[] = ['NN', 'NT', 'TN'];

export const matmulItems: readonly Item[] = [
  product('NN', [64, 64, 64], { quick: true }),
  product('NN', [256, 256, 256], { quick: true }),
  ...KINDS.map((kind) => product(kind, [512, 512, 512])),
  ...KINDS.map((kind) => product(kind, [1024, 1024, 1024])),
  product('NN', [768, 128, 512]),
  product('NN', [3072, 512, 128]),
  product('NN', [64, 64, 64], { batch: 64 }),
  product('NN', [4096, 4096, 4096], { requires: 'hardware' }),
];

/** Peers have no f16 storage with f32 sums; these are the bench's own. */
export const halfMatmulItems: readonly Item[] = [
  product('NN', [256, 256, 256], { dtype: 'f16', requires: 'shader-f16', quick: true }),
  product('NN', [1024, 1024, 1024], { dtype: 'f16', requires: 'shader-f16' }),
];
