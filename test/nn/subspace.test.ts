// Random subspaces: the projection is what it is said to be, only z is trained, and with all dimensions nothing is lost.

import { describe, expect, test } from 'vitest';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Linear } from '../../src/nn/linear.ts';
import { substituted } from '../../src/nn/module.ts';
import { Subspace } from '../../src/nn/subspace.ts';
import { add, mul, sub } from '../../src/ops/binary.ts';
import { mean, sum } from '../../src/ops/reduce.ts';
import { square } from '../../src/ops/unary.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { backward, noGrad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';

/** D = outputs (inputs + 1). */
const layer = (inputs: number, outputs: number) =>
  new Linear(new Initialiser(device, 3), inputs, outputs, { bias: true, std: 0.5 });

const values = async (x: Tensor) => Float64Array.from(await x.data());

/** The columns of P, each [D]: where the model goes for a z of one 1. */
async function columnsOf(subspace: Subspace, model: Linear): Promise<Float64Array[]> {
  const all = async () => [
    ...(await values(model.weight)),
    ...(model.bias ? await values(model.bias) : []),
  ];
  const start = await all();
  const columns: Float64Array[] = [];
  for (let j = 0; j < subspace.z.size; j++) {
    subspace.z.write(Float32Array.from({ length: subspace.z.size }, (_, i) => Number(i === j)));
    const moved = noGrad(() => subspace.run(() => [model.weight, model.bias!] as const));
    const flat = [...(await values(moved[0])), ...(await values(moved[1]))];
    columns.push(Float64Array.from(flat, (value, i) => value - start[i]!));
  }
  subspace.z.write(new Float32Array(subspace.z.size));
  return columns;
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((s, v, i) => s + v * b[i]!, 0);

describe('H8 the projection', () => {
  test('is orthogonal where D is a power of 2: its columns have length 1 and are at right angles', async () => {
    const model = layer(3, 8);
    const subspace = new Subspace(device, model, { dimension: 32, seed: 5 });
    expect(subspace.size).toBe(32);
    const P = await columnsOf(subspace, model);
    for (const [i, a] of P.entries()) {
      for (const [j, b] of P.entries()) expect(dot(a, b)).toBeCloseTo(Number(i === j), 5);
    }
    // Not the axes in another order: every entry is far from 1.
    expect(Math.max(...P.map((column) => Math.max(...column.map(Math.abs))))).toBeLessThan(0.9);
  });

  test('has columns of length 1 on average otherwise, and other columns for another seed', async () => {
    const model = layer(6, 5); // D = 35 of n = 64
    const P = await columnsOf(new Subspace(device, model, { dimension: 35, seed: 5 }), model);
    const lengths = P.map((column) => dot(column, column));
    expect(lengths.reduce((a, b) => a + b) / lengths.length).toBeCloseTo(1, 0);
    const again = layer(6, 5);
    const [other] = await columnsOf(new Subspace(device, again, { dimension: 1, seed: 6 }), again);
    expect(Math.abs(dot(P[0]!, other!))).toBeLessThan(0.9);
  });

  test('is transposed by backward: dz = Pᵀ dθ', async () => {
    const model = layer(6, 5);
    const subspace = new Subspace(device, model, { dimension: 7, seed: 9 });
    const P = await columnsOf(subspace, model);
    const [dWeight, dBias] = [device.randn([5, 6], { seed: 1 }), device.randn([5], { seed: 2 })];
    subspace.run(() =>
      backward(add(sum(mul(model.weight, dWeight)), sum(mul(model.bias!, dBias)))),
    );
    const dTheta = Float64Array.of(...(await values(dWeight)), ...(await values(dBias)));
    const got = await subspace.z.grad!.data();
    for (const [j, column] of P.entries()) expect(got[j]).toBeCloseTo(dot(column, dTheta), 5);
  });
});

const [STEPS, LR] = [150, 0.1];

describe('H8 training', () => {
  /** Least squares of noisy linear data; the loss after training what is given. */
  async function trained(dimension: number | null) {
    const model = layer(3, 8); // D = 32, a power of 2: with d = 32 P only turns
    const before = await values(model.weight);
    const x = device.randn([40, 3], { seed: 11 });
    const y = device.randn([40, 8], { seed: 12 });
    const subspace =
      dimension === null ? null : new Subspace(device, model, { dimension, seed: 13 });
    const around = <T>(fn: () => T) => (subspace ? subspace.run(fn) : fn());
    const loss = () => around(() => mean(square(sub(model.forward(x), y))));
    const optimizer = new AdamW((subspace ?? model).parameters(), { lr: LR, weightDecay: 0 });
    const update = device.capture(() => {
      backward(loss());
      optimizer.apply({ zeroGrad: true });
    });
    for (let step = 0; step < STEPS; step++) {
      optimizer.lr = LR * (1 - step / STEPS);
      optimizer.advance();
      update();
    }
    const after = await values(model.weight);
    return { loss: await noGrad(loss).item(), before, after, subspace, model };
  }

  test('with d = D reaches the loss of the whole model, and with fewer dimensions less and less', async () => {
    const losses: number[] = [];
    for (const d of [null, 32, 16, 3]) losses.push((await trained(d)).loss);
    const [whole, full, half, few] = losses;
    expect(Math.abs(full! - whole!)).toBeLessThan(1e-4);
    expect(half!).toBeGreaterThan(full! + 0.02);
    expect(few!).toBeGreaterThan(half! + 0.02);
  });

  test('changes z alone: the model keeps its bits and gets no gradient', async () => {
    const { before, after, subspace, model } = await trained(3);
    expect(after).toEqual(before);
    expect(model.parameters()).toEqual([]);
    expect([model.weight.grad, model.bias!.grad]).toEqual([null, null]);
    expect([...subspace!.namedParameters().keys()]).toEqual(['z']);
    expect(Math.max(...(await values(subspace!.z)).map(Math.abs))).toBeGreaterThan(0.01);
  });
});

test('a dimension that there is not is refused', () => {
  for (const dimension of [0, 36, 2.5, Number.NaN]) {
    expect(() => new Subspace(device, layer(6, 5), { dimension, seed: 1 })).toThrow(
      `Subspace: dimension is ${dimension}, expected 1 to 35`,
    );
  }
});

test('substituted tensors are gone after the function, also when it throws', () => {
  const model = layer(2, 2);
  const own = model.weight;
  const other = device.zeros([2, 2]);
  const seen = substituted(model, new Map([['weight', other]]), () => model.weight);
  expect(seen).toBe(other);
  expect(model.weight).toBe(own);
  expect(() =>
    substituted(model, new Map([['weight', other]]), () => {
      throw new RangeError('within');
    }),
  ).toThrow('within');
  expect(model.weight).toBe(own);
  expect(() => substituted(model, new Map([['wieght', other]]), () => 0)).toThrow(
    'substituted: no tensor wieght',
  );
});
