// What the general cases do not reach: views with axes of size 1, whole numbers over 2^24, ops that hand an input
// through, tensors beyond the binding limit in a training step, kernels that write.

import { expect, test } from 'vitest';
import { add, equal, mul, pow } from '../../src/ops/binary.ts';
import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import { customOp } from '../../src/ops/custom.ts';
import { Device } from '../../src/ops/device.ts';
import { embedding } from '../../src/ops/embedding.ts';
import { linear } from '../../src/ops/linear.ts';
import { logSumExp, sum } from '../../src/ops/reduce.ts';
import { neg } from '../../src/ops/unary.ts';
import { reshape, slice } from '../../src/ops/view.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { backward, grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';

const values = async (x: Tensor) => [...(await x.data())];

test('a view with an axis of size 1 between strided ones is reshaped element by element', async () => {
  const x = reshape(device.arange(10), [2, 1, 5]);
  const part = slice(x, { end: [2, 1, 3] });
  expect(await values(reshape(part, [6]))).toEqual([0, 1, 2, 5, 6, 7]);
  expect(await values(reshape(part, [2, 3, 1]))).toEqual([0, 1, 2, 5, 6, 7]);
  expect(await values(reshape(slice(x, { start: [0, 0, 2] }), [1, 2, 1, 3]))).toEqual([
    2, 3, 4, 7, 8, 9,
  ]);
});

test('whole numbers beyond 2^24 reach integer tensors exactly, and others are refused', async () => {
  const big = 2 ** 24 + 1;
  expect(await values(device.full([1], big, { dtype: 'i32' }))).toEqual([big]);
  expect(await values(add(device.zeros([1], { dtype: 'u32' }), 2 ** 32 - 1))).toEqual([
    2 ** 32 - 1,
  ]);
  expect(await values(equal(device.full([1], big - 1, { dtype: 'i32' }), big))).toEqual([0]);
  const whole = device.tensor([5, 8], { dtype: 'i32' });
  expect(() => mul(whole, 0.5)).toThrow(/mul: 0.5 is no i32; cast\(\) the tensor to f32 first/);
  expect(() => add(device.zeros([1], { dtype: 'u32' }), -1)).toThrow(/add: -1 is no u32/);
});

test('an op that hands its input through has a gradient of its own, and the input keeps its', async () => {
  const w = device.tensor([3]).requireGrad();
  const reversed = customOp({ name: 'reversed', forward: (x) => x, backward: (dy) => [neg(dy)] });
  const h = mul(w, 1);
  backward(add(sum(reversed(h)), sum(h)));
  expect(await values(w.grad!)).toEqual([0]);
});

test('powers of zero have the gradients of PyTorch, and -infinity everywhere sums to -infinity', async () => {
  const [a, b] = [
    [0, 0, 2],
    [2, 0, 0],
  ].map((list) => device.tensor(list).requireGrad());
  const [da, db] = grad(sum(pow(a!, b!)), [a!, b!]);
  expect(await values(da!)).toEqual([0, 0, 0]);
  const [zero, one, log2] = await values(db!);
  expect([zero, one]).toEqual([0, 0]);
  expect(log2).toBeCloseTo(Math.log(2), 6);
  const masked = device.full([3], Number.NEGATIVE_INFINITY);
  expect(await logSumExp(masked).item()).toBe(Number.NEGATIVE_INFINITY);
});

test('a tied table and logits beyond the binding limit train as they do within it', async () => {
  const small = await Device.open({ limits: { maxStorageBufferBindingSize: 65_536 } });
  const losses: number[][] = [];
  for (const gpu of [device, small]) {
    const table = gpu.randn([600, 40], { seed: 1 }).requireGrad();
    const optimizer = new AdamW([table], { lr: 0.01 });
    const ids = gpu.tensor(Int32Array.from({ length: 64 }, (_, i) => (i * 37) % 600));
    const run: number[] = [];
    for (let step = 0; step < 3; step++) {
      const loss = gpu.scope(() => {
        const loss = crossEntropy(linear(embedding(table, ids), table), ids);
        backward(loss);
        optimizer.step({ zeroGrad: true });
        return loss;
      });
      run.push(await loss.item());
    }
    losses.push(run);
  }
  small.destroy();
  for (const [i, loss] of losses[0]!.entries()) expect(losses[1]![i]).toBeCloseTo(loss, 5);
  expect(losses[0]![2]).toBeLessThan(losses[0]![0]!);
});

test('without a seed two draws differ; with one they are the same', async () => {
  const [first, second] = [device.randn([4]), device.randn([4])];
  expect(await values(first)).not.toEqual(await values(second));
  const seeded = () => device.randn([4], { seed: 7 });
  expect(await values(seeded())).toEqual(await values(seeded()));
});

test('a kernel may not write into a view that does not lie as it writes', async () => {
  const kernel = await device.kernel(`
    @group(0) @binding(0) var<storage, read_write> y: array<f32>;
    @workgroup_size(1) @compute fn sevens() { for (var i = 0u; i < 3u; i++) { y[i] = 7f; } }`);
  const x = device.zeros([4]);
  const run = (y: Tensor) => kernel.run('sevens', { inputs: [], outputs: [y], workgroups: 1 });
  expect(() => run(slice(x, { start: [1] }))).toThrow(/an output of shape \[3\] is a view/);
  expect(await values(run(slice(x, { end: [3] }))[0]!)).toEqual([7, 7, 7]);
});

test('a kernel with names of the library stands alone', async () => {
  const kernel = await device.kernel(`
    fn sigmoid(x: f32) -> f32 { return x + 1f; }
    @group(0) @binding(0) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(1) fn own() { y[0] = sigmoid(y[0]); }`);
  const [y] = kernel.run('own', { inputs: [], outputs: [device.tensor([1])], workgroups: 1 });
  expect(await values(y!)).toEqual([2]);
});

test('a warm-up leaves gradients and optimisers alone', async () => {
  const w = device.tensor([1, 2]).requireGrad();
  const optimizer = new AdamW([w]);
  await device.warmup(() => backward(sum(mul(w, w))));
  backward(sum(mul(w, w)));
  expect(await values(w.grad!)).toEqual([2, 4]);
  await expect(device.warmup(() => optimizer.step())).rejects.toThrow(
    /cannot be part of a warm-up/,
  );
});

test('sine and cosine for kernels are good to f32', async () => {
  const kernel = await device.kernel(`
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<vec2f>;
    @compute @workgroup_size(64) fn both(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
      y[group.x * 64u + lane] = sincos(x[group.x * 64u + lane]);
    }`);
  const count = 64 * 256;
  const angles = Float32Array.from({ length: count }, (_, i) =>
    i % 2 ? (i / count - 0.5) * 16 : (i / count - 0.5) * 16384,
  );
  const x = device.tensor(angles);
  const [y] = kernel.run('both', {
    inputs: [x],
    outputs: [{ shape: [count, 2] }],
    workgroups: count / 64,
  });
  const got = await values(y!);
  let worst = 0;
  for (const [i, angle] of angles.entries()) {
    worst = Math.max(worst, Math.abs(got[2 * i]! - Math.sin(angle)));
    worst = Math.max(worst, Math.abs(got[2 * i + 1]! - Math.cos(angle)));
  }
  expect(worst).toBeLessThan(1.2e-7);
});
