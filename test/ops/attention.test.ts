// Attention: what holds beyond its float64 reference: layouts, heads that share keys, causality to the bit, dropout.

import { describe, expect, it } from 'vitest';
import { attention } from '../../src/ops/attention.ts';
import type { AttentionOptions } from '../../src/ops/attention_inputs.ts';
import { Device } from '../../src/ops/device.ts';
import { randomState } from '../../src/ops/random.ts';
import { sum } from '../../src/ops/reduce.ts';
import { concat } from '../../src/ops/shape_ops.ts';
import { permute, reshape, slice } from '../../src/ops/view.ts';
import { keyOf, philox, uniformFromBits } from '../../src/tensor/philox.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';

type Sizes = { B?: number; H: number; Hkv?: number; Tq: number; Tk?: number; D: number };

function inputs({ B = 1, H, Hkv = H, Tq, Tk = Tq, D }: Sizes) {
  const q = device.randn([B, H, Tq, D], { seed: 1 }).requireGrad();
  const k = device.randn([B, Hkv, Tk, D], { seed: 2 }).requireGrad();
  const v = device.randn([B, Hkv, Tk, D], { seed: 3 }).requireGrad();
  return [q, k, v] as const;
}

type Operands = readonly [q: Tensor, k: Tensor, v: Tensor];

/** The output and the three gradients, as numbers. */
function results([q, k, v]: Operands, options: AttentionOptions, dy: Tensor) {
  const y = attention(q, k, v, options);
  return Promise.all([y, ...grad(y, [q, k, v], { dy })].map((x) => x!.data()));
}

const sizes: Sizes = { B: 2, H: 4, Hkv: 2, Tq: 37, D: 20 };
const upstream = ({ B = 1, H, Tq, D }: Sizes) => device.randn([B, H, Tq, D], { seed: 4 });

it('gives the same bits twice, forward and backward', async () => {
  const options = { causal: true, dropout: 0.2 };
  const once = () => {
    device.beginStep(3, 5);
    return results(inputs(sizes), options, upstream(sizes));
  };
  const first = await once();
  expect(await once()).toEqual(first);
});

it('E12 a later key changes no bit of an earlier query', async () => {
  const [q, k, v] = inputs({ H: 2, Tq: 70, D: 8 });
  const tail = { start: [0, 0, 0, 0], end: [1, 2, 60, 8] };
  const other = (x: Tensor) =>
    concat([slice(x, tail), device.randn([1, 2, 10, 8], { seed: 9 })], { axis: 2 });
  const [y, changed] = [
    attention(q, k, v, { causal: true }),
    attention(q, other(k), other(v), { causal: true }),
  ];
  const before = await slice(y, tail).data();
  expect(await slice(changed, tail).data()).toEqual(before);
  expect(await changed.data()).not.toEqual(await y.data());
});

it('hidden keys change no bit, however large they are', async () => {
  const [q, k, v] = inputs({ H: 2, Tq: 9, D: 8 });
  const keyLengths = device.tensor(Int32Array.of(5), { dtype: 'i32' });
  const head = { start: [0, 0, 0, 0], end: [1, 2, 5, 8] };
  const rest = device.full([1, 2, 4, 8], 1e30);
  const spoilt = (x: Tensor) => concat([slice(x, head), rest], { axis: 2 });
  const y = await attention(q, k, v, { keyLengths }).data();
  expect(await attention(q, spoilt(k), spoilt(v), { keyLengths }).data()).toEqual(y);
});

it('views of one packed projection give the bits of dense inputs, and need no copy after it', async () => {
  const [B, T, H, D] = [2, 19, 3, 16];
  const packed = device.randn([B, T, 3 * H * D], { seed: 5 });
  const part = (n: number) => {
    const columns = slice(packed, { start: [0, 0, n * H * D], end: [B, T, (n + 1) * H * D] });
    return permute(reshape(columns, [B, T, H, D]), [0, 2, 1, 3]);
  };
  const views = [part(0), part(1), part(2)] as const;
  const copies = views.map((x) => device.copy(x)) as [Tensor, Tensor, Tensor];
  const y = attention(...views, { causal: true });
  expect(permute(y, [0, 2, 1, 3]).isDense).toBe(true);
  expect(await y.data()).toEqual(await attention(...copies, { causal: true }).data());
});

it('shared key heads act as repeated ones, and collect the gradients of their group', async () => {
  const [q, k, v] = inputs(sizes);
  const repeat = (x: Tensor) =>
    concat(
      [0, 0, 1, 1].map((h) => slice(x, { start: [0, h], end: [2, h + 1] })),
      { axis: 1 },
    );
  const dy = upstream(sizes);
  const shared = await results([q, k, v], { causal: true }, dy);
  const y = attention(q, repeat(k), repeat(v), { causal: true });
  const repeated = [y, ...grad(y, [q, k, v], { dy })];
  for (const [i, want] of repeated.entries()) {
    const tolerance = { rtol: 1e-5, atol: 1e-5 };
    expectClose(shared[i]!, Float64Array.from(await want!.data()), tolerance, `result ${i}`);
  }
});

describe.each([
  ['causal', { causal: true }],
  ['all keys', {}],
] as const)('one query at a time, %s', (_, options) => {
  it.each([4, 64, 65, 130])('over %i keys: as all queries together', async (T) => {
    const [q, k, v] = inputs({ B: 2, H: 4, Hkv: 2, Tq: T, D: 12 });
    const together = attention(q, k, v, options);
    for (const i of [0, Math.floor(T / 2), T - 1]) {
      const row = { start: [0, 0, i], end: [2, 4, i + 1] };
      const seen = options === undefined || !('causal' in options) ? T : i + 1;
      const keys = (x: Tensor) => slice(x, { end: [2, 2, seen] });
      const alone = attention(slice(q, row), keys(k), keys(v), options);
      const want = Float64Array.from(await slice(together, row).data());
      expectClose(await alone.data(), want, { rtol: 1e-5, atol: 1e-6 }, `query ${i}`);
    }
  });
});

it('stores nothing of size Tq x Tk', async () => {
  const T = 2048;
  const own = await Device.open();
  const [q, k, v] = [1, 2, 3].map((seed) => own.randn([1, 1, T, 4], { seed }).requireGrad());
  const y = attention(q!, k!, v!, { causal: true });
  await sum(grad(y, [q!], { dy: own.ones(y.shape) })[0]!).item();
  expect(own.memory().peakBytes).toBeLessThan((T * T * 4) / 8);
  own.destroy();
});

it('says that it has no second derivative', () => {
  const [q, k, v] = inputs({ H: 1, Tq: 5, D: 4 });
  const y = attention(q, k, v);
  expect(() => grad(y, [q], { dy: device.ones(y.shape), createGraph: true })).toThrow(
    'attention: has no second derivative',
  );
});

it.each([-0.1, 1, Number.NaN])('refuses dropout of %d', (dropout) => {
  const [q, k, v] = inputs({ H: 1, Tq: 5, D: 4 });
  expect(() => attention(q, k, v, { dropout })).toThrow('attention: dropout');
});

describe('dropout', () => {
  const small = { B: 2, H: 4, Hkv: 2, Tq: 6, Tk: 7, D: 8 };
  const p = 0.3;

  /** M of every (row of q, key), from the host's Philox: the same counters as the kernel's. */
  function mask(stream: number, step: number, seed: number): number[][] {
    const rows = small.B * small.H * small.Tq;
    return Array.from({ length: rows }, (_, row) =>
      Array.from({ length: small.Tk }, (_, j) => {
        const words = philox([Math.floor(j / 4), step, stream, row + 1], keyOf(seed));
        return uniformFromBits(words[j % 4]!) < p ? 0 : 1 / (1 - p);
      }),
    );
  }

  /** Σ dy ∘ attention in float64, with M given. */
  function objective(
    q: Float64Array,
    k: Float64Array,
    v: Float64Array,
    m: number[][],
    dy: ArrayLike<number>,
  ) {
    const { B, H, Hkv, Tq, Tk, D } = small;
    let total = 0;
    for (let row = 0; row < B * H * Tq; row++) {
      const head = Math.floor(row / Tq);
      const keys = (Math.floor(head / H) * Hkv + Math.floor(((head % H) * Hkv) / H)) * Tk;
      const dot = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number) => {
        let product = 0;
        for (let d = 0; d < D; d++) product += a[i * D + d]! * b[j * D + d]!;
        return product;
      };
      const weights = Array.from({ length: Tk }, (_, j) =>
        Math.exp(dot(q, row, k, keys + j) / Math.sqrt(D)),
      );
      const all = weights.reduce((a, b) => a + b);
      for (let j = 0; j < Tk; j++) {
        total += (m[row]![j]! * weights[j]! * dot(dy, row, v, keys + j)) / all;
      }
    }
    return total;
  }

  it('drops by the counters of Philox, and backward by the same', async () => {
    const operands = inputs(small);
    const dy = upstream(small);
    device.beginStep(11, 4);
    const stream = randomState(device).nextStream() + 1;
    const [y, ...gradients] = await results(operands, { dropout: p }, dy);
    const arrays = await Promise.all(operands.map(async (x) => Float64Array.from(await x.data())));
    const upstreamValues = await dy.data();
    const m = mask(stream, 4, 11);
    const f = () => objective(arrays[0]!, arrays[1]!, arrays[2]!, m, upstreamValues);
    const got = Array.from(y!).reduce((total, value, i) => total + value * upstreamValues[i]!, 0);
    expect(got).toBeCloseTo(f(), 4);
    for (const [n, gradient] of gradients.entries()) {
      const differences = arrays[n]!.map((value, i) => {
        arrays[n]![i] = value + 1e-5;
        const above = f();
        arrays[n]![i] = value - 1e-5;
        const below = f();
        arrays[n]![i] = value;
        return (above - below) / 2e-5;
      });
      expectClose(gradient, differences, { rtol: 1e-4, atol: 1e-5 }, `gradient ${n}`);
    }
  });

  it('differs from step to step, from op to op, and keeps the mean', async () => {
    const T = 64;
    const [q, k] = inputs({ H: 8, Tq: T, D: 4 });
    const v = device.ones([1, 8, T, 4]);
    const drop = () => attention(q, k, v, { dropout: 0.5 }).data();
    device.beginStep(1, 1);
    const [first, second] = [await drop(), await drop()];
    device.beginStep(1, 2);
    const next = await drop();
    expect(second).not.toEqual(first);
    expect(next).not.toEqual(first);
    const mean = Array.from(first).reduce((a, b) => a + b) / first.length;
    expect(Math.abs(mean - 1)).toBeLessThan(0.05); // 512 rows, each of variance about Σ P²
  });
});
