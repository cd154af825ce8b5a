// Documents packed into a row are the documents run one by one, in every variant of the kernels, forward and backward.

import { afterEach, it } from 'vitest';
import { attention, attentionFamily } from '../../src/ops/attention.ts';
import { concat } from '../../src/ops/shape_ops.ts';
import { slice } from '../../src/ops/view.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';

afterEach(() => device.gpu.choices.pin({}));

const [B, H, T, D] = [2, 2, 75, 8];
/** Begin and end in each row; the second row ends with padding. */
const ROWS = [
  [
    [0, 33],
    [33, 34],
    [34, 75],
  ],
  [
    [0, 12],
    [12, 70],
  ],
] as const;

/** [B, T, 2] */
function bounds(): Tensor {
  const values = ROWS.flatMap((documents) =>
    Array.from({ length: T }, (_, t) => documents.find(([, end]) => t < end) ?? [t, t]),
  );
  return device.tensor(Int32Array.from(values.flat()), { shape: [B, T, 2], dtype: 'i32' });
}

it.each(
  attentionFamily.variants.flatMap((variant) => [
    [variant, true] as const,
    [variant, false] as const,
  ]),
)('%s, causal %s', async (variant, causal) => {
  device.gpu.choices.pin({ attention: { '*': variant } });
  const [q, k, v] = [1, 2, 3].map((seed) => device.randn([B, H, T, D], { seed }).requireGrad());
  const dy = device.randn([B, H, T, D], { seed: 4 });
  const y = attention(q!, k!, v!, { causal, documents: bounds() });
  const packed = [y, ...grad(y, [q!, k!, v!], { dy })];

  /** All rows of one batch entry, each document on its own; zeros for the padding. */
  const separate = ROWS.map((documents, b) => {
    const parts = documents.map(([begin, end]) => {
      const range = { start: [b, 0, begin], end: [b + 1, H, end] };
      const own = [q!, k!, v!].map((x) => slice(x, range).detach().requireGrad());
      const y = attention(own[0]!, own[1]!, own[2]!, { causal });
      return [y, ...grad(y, own, { dy: slice(dy, range) })];
    });
    const rest = device.zeros([1, H, T - documents.at(-1)![1], D]);
    return packed.map((_, n) => concat([...parts.map((part) => part[n]!), rest], { axis: 2 }));
  });
  for (const [n, got] of packed.entries()) {
    const want = await concat(
      separate.map((row) => row[n]!),
      { axis: 0 },
    ).data();
    const tolerance = { rtol: 1e-5, atol: 1e-5 };
    expectClose(await got!.data(), Float64Array.from(want), tolerance, `result ${n}`);
  }
});
