// Every variant of the matrix product, pinned, over the cases of the family: forward, and backward in a graph.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as index from '../../src/index.ts';
import { add } from '../../src/ops/binary.ts';
import { cast } from '../../src/ops/copy.ts';
import { Device } from '../../src/ops/device.ts';
import { matmul, multiplyInto } from '../../src/ops/matmul.ts';
import { MATMUL } from '../../src/ops/multiply.ts';
import { relu } from '../../src/ops/unary.ts';
import { slice } from '../../src/ops/view.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { families } from '../cases/index.ts';
import { maxAbs, type Ref } from '../reference/array.ts';
import type { Api, OpCase } from '../reference/case.ts';
import { expectClose } from '../reference/close.ts';
import { matmul as reference } from '../reference/matmul.ts';
import { run } from './in_graph.ts';

const api = index as unknown as Api<Tensor>;
const VARIANTS = ['broadcast', 'rows', 'tiles', 'tiles128x64', 'tiles128'];

const device = await Device.open();
afterAll(() => device.destroy());

const pin = (variant: string, way = 'whole') =>
  device.gpu.choices.pin({ matmul: { '*': variant }, matmulSplit: { '*': way } });

async function check(label: string, each: OpCase, layout: 'dense' | 'view') {
  const { outputs, grads, atLeaf } = await run(device, api, each, layout);
  for (const [name, { data }] of Object.entries(each.outputs)) {
    expectClose(outputs[name]!.data, data, each.tolerance, `${label}, ${name}`);
  }
  for (const [name, gradient] of Object.entries(each.grads ?? {})) {
    const want = atLeaf[name]!(gradient).data;
    expectClose(grads[name]!.data, want, each.gradTolerances[name]!, `${label}, d${name}`);
  }
}

const cases = families.matmul!.cases.map((each) => [`${each.op}: ${each.name}`, each] as const);

// What the adapter takes anyway has had the cases in ops.test.ts; tiles128x64 lies between its neighbours.
const left = [MATMUL.shipped(device.adapter, '10 10 10 1', () => true), 'tiles128x64'];
const untried = VARIANTS.filter((variant) => !left.includes(variant));

describe.each(untried)('%s', (variant) => {
  it.each(cases)('%s', async (label, each) => {
    pin(variant);
    await check(label, each, 'dense');
    await check(label, each, 'view');
    expect(Object.values(device.gpu.choices.used.matmul ?? {})).toContain(variant);
  });
});

describe('a grid of at most 5 x 5 workgroups', () => {
  let small: Device;
  beforeAll(async () => {
    small = await Device.open({ limits: { maxComputeWorkgroupsPerDimension: 5 } });
  });
  afterAll(() => small.destroy());

  it.each(VARIANTS)('%s folds', async (variant) => {
    small.gpu.choices.pin({ matmul: { '*': variant }, matmulSplit: { '*': 'whole' } });
    const a = small.randn([9, 2, 3], { seed: 1 });
    const b = small.randn([9, 3, 2], { seed: 2 });
    const want = reference.forward({ a: await refOf(a), b: await refOf(b) }, {}).out;
    expectClose(await matmul(a, b).data(), want.data, { rtol: 1e-5, atol: 1e-5 }, variant);
  });
});

/** a [M, K] and b [K, N], stored as the flags say, in float64 and on the device. */
function operands(M: number, N: number, K: number, flags: { a: boolean; b: boolean }) {
  const stored = (rows: number, columns: number, swapped: boolean, seed: number) =>
    device.randn(swapped ? [columns, rows] : [rows, columns], { seed });
  return { a: stored(M, K, flags.a, 1), b: stored(K, N, flags.b, 2) };
}

const refOf = async (x: Tensor): Promise<Ref> => ({
  shape: x.shape,
  data: Float64Array.from(await x.data()),
});

const TRANSPOSES = [
  { transposeA: false, transposeB: false },
  { transposeA: false, transposeB: true },
  { transposeA: true, transposeB: false },
  { transposeA: true, transposeB: true },
];

describe.each(VARIANTS)('%s, larger than its tiles', (variant) => {
  it.each(TRANSPOSES)('%j', async (flags) => {
    pin(variant);
    const { a, b } = operands(133, 197, 83, { a: flags.transposeA, b: flags.transposeB });
    const want = reference.forward({ a: await refOf(a), b: await refOf(b) }, flags).out;
    const y = await matmul(a, b, flags).data();
    expectClose(y, want.data, { rtol: 1e-5, atol: 1e-4 }, 'y');
  });

  it.each(TRANSPOSES)('%j, in whole groups of four', async (flags) => {
    pin(variant);
    const { a, b } = operands(68, 132, 84, { a: flags.transposeA, b: flags.transposeB });
    const want = reference.forward({ a: await refOf(a), b: await refOf(b) }, flags).out;
    const y = await matmul(a, b, flags).data();
    expectClose(y, want.data, { rtol: 1e-5, atol: 1e-4 }, 'y');
  });

  it.each(TRANSPOSES)('%j, f16', async (flags) => {
    if (!device.features.has('shader-f16')) {
      expect(() => device.zeros([1], { dtype: 'f16' })).toThrow('shader-f16');
      return;
    }
    pin(variant);
    const { a, b } = operands(37, 69, 41, { a: flags.transposeA, b: flags.transposeB });
    const [a16, b16] = [cast(a, 'f16'), cast(b, 'f16')];
    const want = reference.forward({ a: await refOf(a16), b: await refOf(b16) }, flags).out;
    const y = await matmul(a16, b16, flags).data();
    expectClose(y, want.data, { rtol: 1e-3, atol: 1e-3 }, 'y'); // summed in f32, rounded once
  });
});

describe('a long inner axis', () => {
  it.each(TRANSPOSES)(
    '%j: split, it gives what one pass gives, and the same bits again',
    async (flags) => {
      const { a, b } = operands(5, 33, 3001, { a: flags.transposeA, b: flags.transposeB });
      const product = () => matmul(a, b, flags).data();
      pin('tiles', 'split');
      const [first, again] = [await product(), await product()];
      expect(Object.values(device.gpu.choices.used.matmulSplit!)).toContain('split');
      pin('tiles');
      const whole = await product();
      expect(again).toEqual(first);
      const want = { shape: [5, 33], data: Float64Array.from(whole) };
      expectClose(first, want.data, { rtol: 1e-5, atol: 1e-6 * maxAbs(want) }, 'y');
    },
  );
});

it.each(VARIANTS)('%s, split, f16: parts are summed in f32, and rounded once', async (variant) => {
  if (!device.features.has('shader-f16')) return; // that f16 is refused there is told above
  pin(variant, 'split');
  const { a, b } = operands(6, 36, 1030, { a: false, b: false });
  const [a16, b16] = [cast(a, 'f16'), cast(b, 'f16')];
  const want = reference.forward({ a: await refOf(a16), b: await refOf(b16) }, {}).out;
  const y = await matmul(a16, b16).data();
  expect(Object.values(device.gpu.choices.used.matmulSplit!)).toContain('split');
  expectClose(y, want.data, { rtol: 2 ** -11, atol: 1e-3 }, 'y');
});

describe('vectors: few rows and a weight [out, in], by loads of 16 bytes', () => {
  const SIZES = [1, 2, 4, 7].flatMap((M) =>
    [
      [1, 4],
      [65, 128],
      [37, 1032],
    ].map(([N, K]) => [M, N, K] as [number, number, number]),
  );
  it.each(SIZES)('%i rows, %i columns, an inner axis of %i', async (M, N, K) => {
    pin('vectors');
    const { a, b } = operands(M, N, K, { a: false, b: true });
    const want = reference.forward({ a: await refOf(a), b: await refOf(b) }, { transposeB: true });
    const y = await matmul(a, b, { transposeB: true }).data();
    expect(Object.values(device.gpu.choices.used.matmul!)).toContain('vectors');
    expectClose(y, want.out.data, { rtol: 1e-5, atol: 1e-4 }, 'y');
  });

  it('a batch of matrices, and matrices that begin and end within others', async () => {
    pin('vectors');
    const whole = {
      a: device.randn([3, 6, 40], { seed: 1 }),
      b: device.randn([3, 9, 40], { seed: 2 }),
    };
    const a = slice(whole.a, { start: [0, 1, 4], end: [3, 4, 36] });
    const b = slice(whole.b, { start: [0, 2, 8], end: [3, 9, 40] });
    const want = reference.forward({ a: await refOf(a), b: await refOf(b) }, { transposeB: true });
    const y = await matmul(a, b, { transposeB: true }).data();
    expectClose(y, want.out.data, { rtol: 1e-5, atol: 1e-5 }, 'y');
  });

  it('leaves to others what does not lie in fours', async () => {
    const used = (fn: () => void) => Object.values(device.gpu.choices.takenBy(fn).matmul!);
    pin('vectors');
    const { a, b } = operands(3, 8, 16, { a: false, b: true });
    const odd = slice(b, { start: [0, 1], end: [8, 16] });
    expect(used(() => matmul(a, b, { transposeB: true }))).toEqual(['vectors']);
    expect(
      used(() => matmul(slice(a, { start: [0, 0], end: [3, 15] }), odd, { transposeB: true })),
    ).not.toContain('vectors');
    expect(used(() => matmul(a, device.zeros([16, 8])))).not.toContain('vectors');
  });

  it('f16, by loads of eight', async () => {
    if (!device.features.has('shader-f16')) return; // that f16 is refused there is told above
    pin('vectors');
    const { a, b } = operands(3, 37, 64, { a: false, b: true });
    const [a16, b16] = [cast(a, 'f16'), cast(b, 'f16')];
    const want = reference.forward(
      { a: await refOf(a16), b: await refOf(b16) },
      { transposeB: true },
    );
    const y = await matmul(a16, b16, { transposeB: true }).data();
    expectClose(y, want.out.data, { rtol: 1e-3, atol: 1e-3 }, 'y');
  });
});

describe('accumulate', () => {
  const whole = VARIANTS.map((variant): [string, string] => [variant, 'whole']);
  const ways: [string, string][] = [...whole, ['tiles', 'split']];
  it.each(ways)('%s, %s: adds to what y holds', async (variant, way) => {
    pin(variant, way);
    for (const N of [67, 68]) {
      const { a, b } = operands(21, N, 513, { a: false, b: false });
      const y = device.randn([21, N], { seed: 3 });
      const before = await y.data();
      const product = await matmul(a, b).data();
      multiplyInto(y, a, b, { accumulate: true });
      const want = Float64Array.from(before, (value, i) => value + product[i]!);
      expectClose(await y.data(), want, { rtol: 1e-5, atol: 1e-4 }, `y, ${N} columns`);
    }
  });

  it('leaves y as it is where the inner axis is empty', async () => {
    const y = device.randn([2, 3], { seed: 3 });
    const before = await y.data();
    multiplyInto(y, device.zeros([2, 0]), device.zeros([0, 3]), { accumulate: true });
    expect(await y.data()).toEqual(before);
  });
});

it.each([0, 4, 1])('columns of y, bias and residual that begin at element %i', async (start) => {
  pin('broadcast');
  const [M, N, K] = [21, 68, 10];
  const { a, b } = operands(M, N, K, { a: false, b: false });
  const columns = (rows: number, seed: number) =>
    slice(device.randn([rows, 80], { seed }), { start: [0, start], end: [rows, start + N] });
  const [y, residual] = [columns(M, 3), columns(M, 4)];
  const bias = slice(device.randn([80], { seed: 5 }), { start: [start], end: [start + N] });
  multiplyInto(y, a, b, { bias, activation: 'relu', residual });
  const want = add(relu(add(matmul(a, b), bias)), residual);
  expectClose(
    await y.data(),
    Float64Array.from(await want.data()),
    { rtol: 1e-5, atol: 1e-5 },
    'y',
  );
});

it.each(TRANSPOSES)('copies of operands whose rows lie far apart, %j', async (flags) => {
  pin('broadcast');
  const { a, b } = operands(36, 388, 772, { a: flags.transposeA, b: flags.transposeB });
  const want = reference.forward({ a: await refOf(a), b: await refOf(b) }, flags).out;
  const y = await matmul(a, b, flags).data();
  expectClose(y, want.data, { rtol: 1e-5, atol: 1e-4 * Math.sqrt(772 / 83) }, 'y');
});
