// Variants of the attention kernels beside the shipped one, with which ops.test.ts runs the case table: each computes
// the whole table, forward and backward; and long sequences.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as index from '../../src/index.ts';
import { attention, attentionFamily } from '../../src/ops/attention.ts';
import { slice } from '../../src/ops/view.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import table from '../cases/attention.ts';
import { device } from '../device.ts';
import type { Api } from '../reference/case.ts';
import { expectClose } from '../reference/close.ts';
import { run } from './in_graph.ts';

const api = index as unknown as Api<Tensor>;
const cases = table.filter(({ op }) => op === 'attention');
const [small, large] = ['1 1 1', '9 9 9'].map((shape) =>
  attentionFamily.shipped(device.adapter, shape, () => true),
);

const pin = (variant: string) => device.gpu.choices.pin({ attention: { '*': variant } });

function operands(qShape: number[], kShape: number[]) {
  const leaf = (shape: number[], seed: number) => device.randn(shape, { seed }).requireGrad();
  return [leaf(qShape, 1), leaf(kShape, 2), leaf(kShape, 3)] as const;
}

/** The output of attention with dropout, and the three gradients. */
function dropped(qShape: number[], kShape: number[]) {
  const [q, k, v] = operands(qShape, kShape);
  device.beginStep(3, 5);
  const y = attention(q, k, v, { causal: true, dropout: 0.2 });
  const gradients = grad(y, [q, k, v], { dy: device.randn(y.shape, { seed: 4 }) });
  return Promise.all([y, ...gradients].map((x) => x!.data()));
}

describe.each(attentionFamily.variants)('%s', (variant) => {
  beforeAll(() => pin(variant));
  afterAll(() => device.gpu.choices.pin({}));

  const left = variant === small && small === large ? [] : cases; // ops.test.ts runs what is shipped for all shapes
  it.each(left.map((each) => [each.name, each] as const))('%s', async (label, each) => {
    const { outputs, grads, atLeaf } = await run(device, api, each, 'dense');
    for (const [name, { data }] of Object.entries(each.outputs)) {
      expectClose(outputs[name]!.data, data, each.tolerance, `${label}, ${name}`);
    }
    for (const [name, gradient] of Object.entries(each.grads ?? {})) {
      const { data } = atLeaf[name]!(gradient);
      expectClose(grads[name]!.data, data, each.gradTolerances[name]!, `${label}, d${name}`);
    }
  });

  it('is the one that was taken', () => {
    const q = device.randn([1, 1, 9, 4], { seed: 1 });
    const taken = device.gpu.choices.takenBy(() => attention(q, q, q).dispose());
    expect(Object.values(taken.attention ?? {})).toEqual([variant]);
    q.dispose();
  });

  it('gives the same bits twice, with dropout', async () => {
    const once = () => dropped([2, 4, 37, 20], [2, 2, 37, 20]);
    const first = await once();
    expect(await once()).toEqual(first);
  });
});

it('all variants drop the same weights', async () => {
  const results = [];
  for (const variant of attentionFamily.variants) {
    pin(variant);
    results.push(await dropped([1, 2, 19, 8], [1, 1, 21, 8]));
  }
  device.gpu.choices.pin({});
  const [first, ...others] = results;
  for (const result of others) {
    for (const [i, want] of first!.entries()) {
      expectClose(result[i]!, Float64Array.from(want), { rtol: 1e-5, atol: 1e-6 }, `result ${i}`);
    }
  }
});

it('at T = 4096 the gradients of sampled rows match float64', async () => {
  const [T, D] = [4096, 8];
  const [q, k, v] = operands([1, 1, T, D], [1, 1, T, D]);
  const dy = device.randn([1, 1, T, D], { seed: 4 });
  const gradients = grad(attention(q, k, v, { causal: true }), [q, k, v], { dy });
  const [Q, K, V, dY] = await Promise.all(
    [q, k, v, dy].map(async (x) => Float64Array.from(await x.data())),
  );
  const rows = [0, 1, 63, 1000, 2047, 4095];
  const want = sampledGradients(Q!, K!, V!, dY!, T, rows);
  for (const [n, gradient] of gradients.entries()) {
    for (const [r, row] of rows.entries()) {
      const got = await slice(gradient!, { start: [0, 0, row], end: [1, 1, row + 1] }).data();
      expectClose(got, want[n]![r]!, { rtol: 1e-4, atol: 2e-5 }, `gradient ${n} of row ${row}`);
    }
  }
});

/** Rows of dq, dk and dv of causal attention in float64: one head of T rows. */
function sampledGradients(
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  dy: Float64Array,
  T: number,
  rows: readonly number[],
): Float64Array[][] {
  const D = q.length / T;
  const scale = 1 / Math.sqrt(D);
  const dot = (a: Float64Array, i: number, b: Float64Array, j: number) => {
    let total = 0;
    for (let d = 0; d < D; d++) total += a[i * D + d]! * b[j * D + d]!;
    return total;
  };
  const add = (to: Float64Array, factor: number, from: Float64Array, row: number) => {
    for (let d = 0; d < D; d++) to[d]! += factor * from[row * D + d]!;
  };
  const [dq, dk, dv] = [q, k, v].map(() => rows.map(() => new Float64Array(D)));
  const p = new Float64Array(T);
  const dp = new Float64Array(T);
  for (let i = 0; i < T; i++) {
    let total = 0;
    for (let j = 0; j <= i; j++) total += p[j] = Math.exp(scale * dot(q, i, k, j));
    let average = 0;
    for (let j = 0; j <= i; j++) average += (p[j]! /= total) * (dp[j] = dot(dy, i, v, j));
    const ds = (j: number) => scale * p[j]! * (dp[j]! - average);
    const own = rows.indexOf(i);
    if (own >= 0) for (let j = 0; j <= i; j++) add(dq![own]!, ds(j), k, j);
    for (const [r, j] of rows.entries()) {
      if (j > i) continue;
      add(dk![r]!, ds(j), q, i);
      add(dv![r]!, p[j]!, dy, i);
    }
  }
  return [dq!, dk!, dv!];
}
