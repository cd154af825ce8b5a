import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mul } from '../../src/ops/binary.ts';
import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import { Device } from '../../src/ops/device.ts';
import { linear } from '../../src/ops/linear.ts';
import {
  type LinearCrossEntropyOptions,
  linearCrossEntropy,
} from '../../src/ops/linear_cross_entropy.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { randomIds } from './random_ids.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.gpu.destroy());

function head(T: number, C: number, V: number, on = device) {
  return {
    hidden: on.randn([T, C], { seed: 1 }).requireGrad(),
    weight: on.randn([V, C], { seed: 2 }).requireGrad(),
    targets: on.tensor(randomIds(T, V), { dtype: 'i32' }),
  };
}

async function expectNear(got: Tensor, want: Tensor): Promise<void> {
  const [a, b] = [await got.data(), await want.data()];
  const size = Math.max(1e-3, ...Array.from(b, Math.abs).slice(0, 10_000));
  for (const [i, v] of a.entries()) expect(Math.abs(v - b[i]!)).toBeLessThan(1e-5 * size);
}

describe('linearCrossEntropy', () => {
  it.each<[number, number, number, LinearCrossEntropyOptions]>([
    [100, 32, 65, { chunk: 17 }],
    [64, 16, 300, { chunk: 64, labelSmoothing: 0.1 }],
    [40, 24, 33, { chunk: 7, reduction: 'sum' }],
    [3, 8, 50_257, { chunk: 2 }],
  ])('%i rows of %i to %i, %o: as crossEntropy(linear), with both gradients', async (...args) => {
    const [T, C, V, { chunk, ...options }] = args;
    const { hidden, weight, targets } = head(T, C, V);
    const got = mul(linearCrossEntropy(hidden, weight, targets, { chunk, ...options }), -3);
    const want = mul(crossEntropy(linear(hidden, weight), targets, options), -3);
    await expectNear(got, want);
    const wanted = grad(want, [hidden, weight]);
    for (const [i, found] of grad(got, [hidden, weight]).entries()) {
      await expectNear(found!, wanted[i]!);
    }
  });

  it('computes no gradient that is not wanted', async () => {
    const { hidden, weight, targets } = head(20, 8, 30);
    weight.requireGrad(false);
    const kernels = async (fn: () => void) =>
      (await device.time(() => device.scope(fn))).kernels.map(({ label }) => label);
    const forward = () => linearCrossEntropy(hidden.detach(), weight, targets);
    expect(await kernels(forward)).not.toContain('cross_entropy.backward');
    const both = () => grad(linearCrossEntropy(hidden, weight, targets), [hidden]);
    expect(await kernels(() => both())).toContain('cross_entropy.backward');
  });

  it('takes less memory than the logits and their gradient', () => {
    const [T, C, V] = [512, 16, 8192]; // 16 MiB of logits
    const { hidden, weight, targets } = head(T, C, V);
    const before = device.memory().peakBytes;
    device.scope(() => {
      grad(linearCrossEntropy(hidden, weight, targets, { chunk: 32 }), [hidden, weight]);
    });
    const chunked = device.memory().peakBytes;
    device.scope(() => {
      grad(crossEntropy(linear(hidden, weight), targets), [hidden, weight]);
    });
    const whole = device.memory().peakBytes;
    expect(chunked - before).toBeLessThan(8 * 2 ** 20);
    expect(whole - chunked).toBeGreaterThan(16 * 2 ** 20);
  });

  it('takes a weight over the binding limit in blocks of the vocabulary', async () => {
    const [T, C, V] = [10, 16, 300]; // 19,200 bytes of weight
    const small = await Device.open({ limits: { maxStorageBufferBindingSize: 9000 } });
    const run = (on: Device) => {
      const { hidden, weight, targets } = head(T, C, V, on);
      const loss = linearCrossEntropy(hidden, weight, targets, { chunk: 4 });
      return [loss, ...grad(loss, [hidden, weight])];
    };
    const want = run(device);
    for (const [i, found] of run(small).entries()) await expectNear(found!, want[i]!);
    small.gpu.destroy();
  });

  it('leaves out a target out of range, and reports it', async () => {
    const { hidden, weight } = head(3, 4, 6);
    const loss = linearCrossEntropy(hidden, weight, device.tensor([2, 6, -1], { dtype: 'i32' }));
    await expect(loss.item()).rejects.toThrow(
      'linearCrossEntropy: a target is out of range [0, 6)',
    );
  });

  it('refuses a chunk that is no number of rows', () => {
    const { hidden, weight, targets } = head(3, 4, 6);
    expect(() => linearCrossEntropy(hidden, weight, targets, { chunk: 0 })).toThrow(
      'linearCrossEntropy: chunk is 0, expected a whole number of rows from 1 on',
    );
  });
});
