// y = x weightᵀ of a frozen weight that is packed (`packWeight`), next to f32: 2 M N K flops; reads x and the weight as it is kept
// once, writes y once. Shapes are M x K x N.

import { linear } from '../../src/ops/linear.ts';
import { packWeight } from '../../src/ops/packed.ts';
import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from '../../src/tensor/half.ts';
import { matmul } from '../../test/reference/matmul.ts';
import { draws } from '../inputs.ts';
import type { Fits, Item } from '../item.ts';
import { opItem } from '../op_item.ts';
import { someRows } from './matmul.ts';

const BYTES = { f32: 4, f16: 2, bf16: 2, int8: 1 };

function packedItem([M, K, N]: readonly [number, number, number], dtype: Item['dtype']): Item {
  const inputs = (fits?: Fits) => {
    const { normal } = draws(fits);
    const [a, b] = [normal([M, K]), normal([N, K])];
    return { a, b: { ...b, data: rounded(b.data as Float32Array, K, dtype) } };
  };
  const item = opItem({
    name: `linear ${M}x${K}x${N} ${dtype}`,
    family: 'matmul',
    shape: { M, K, N },
    sized: (M, K, N) => packedItem([M!, K!, N!], dtype),
    dtype,
    options: { transposeB: true },
    flops: 2 * M * N * K,
    bytes: 4 * M * (K + N) + BYTES[dtype] * N * K,
    quick: M * N * K < 1e5,
    inputs,
    reference: matmul,
    call: ({ a, b }) => linear(a!, b!),
    parts: (inputs) => someRows(inputs, 'NT', M, N),
  });
  if (dtype === 'f32') return item;
  return {
    ...item,
    start(device, { a }) {
      const b = packWeight(device, inputs().b.data, [N, K], dtype);
      return { ...item.start(device, { a: a!, b }), dispose: () => b.dispose() };
    },
  };
}

/** Values that the type holds, so that packing them changes none. */
function rounded(values: Float32Array, K: number, dtype: Item['dtype']): Float32Array {
  if (dtype === 'f16') return values.map((v) => halfToFloat(floatToHalf(v)));
  if (dtype === 'bf16') return values.map((v) => bfloatToFloat(floatToBfloat(v)));
  if (dtype === 'f32') return values;
  const steps = values.slice();
  for (let begin = 0; begin < values.length; begin += K) {
    const row = values.subarray(begin, begin + K);
    const scale = Math.fround(row.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / 127);
    steps.set(
      row.map((w) => scale * Math.round(w / scale)),
      begin,
    );
  }
  return steps;
}

const DTYPES = ['f32', 'f16', 'bf16', 'int8'] as const;

/** No peer keeps a weight so and multiplies it by f32. */
export const packedItems: readonly Item[] = [
  packedItem([1, 64, 64], 'int8'),
  ...[1, 8, 64].flatMap((M) => DTYPES.map((dtype) => packedItem([M, 768, 3072], dtype))),
];
