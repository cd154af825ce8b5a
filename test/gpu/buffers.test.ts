// Memory of the device: the upload rule, the pool, and what happens where there is none left.

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { OutOfMemoryError } from '../../src/errors.ts';
import { sizeClass } from '../../src/gpu/buffers.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { Device } from '../../src/ops/device.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { mean, sum } from '../../src/ops/reduce.ts';
import { exp, relu, square } from '../../src/ops/unary.ts';
import { backward } from '../../src/tensor/tape.ts';
import { under } from './under.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open();
});

afterAll(() => device.destroy());

afterEach(() => vi.restoreAllMocks());

describe('uploads', () => {
  it('wait for recorded work: an op before a write sees the old values', async () => {
    const x = device.tensor([1, 2, 3]);
    const y = mul(x, 10);
    x.write([7, 8, 9]);
    expect([...(await y.data())]).toEqual([10, 20, 30]);
    expect([...(await x.data())]).toEqual([7, 8, 9]);
  });

  it('overtake recorded work when they do not wait: the rule is needed', async () => {
    const x = device.tensor([1, 2, 3]);
    const y = mul(x, 10);
    under(device).queue.writeBuffer(x.storage.block!.buffer, 0, Float32Array.of(7, 8, 9));
    expect([...(await y.data())]).toEqual([70, 80, 90]);
  });

  it('into a freed block leave the op alone that read it before', async () => {
    const x = device.tensor([1, 2, 3]);
    const { block } = x.storage;
    const y = mul(x, 10);
    x.dispose();
    const z = device.tensor([7, 8, 9]);
    expect(z.storage.block).toBe(block);
    expect([...(await y.data())]).toEqual([10, 20, 30]);
    expect([...(await z.data())]).toEqual([7, 8, 9]);
  });

  it('are not needed for a dispatch to use a freed block at once', async () => {
    const x = device.tensor([1, 2, 3]);
    const { block } = x.storage;
    const y = mul(x, 10);
    x.dispose();
    const z = device.full([3], 5);
    expect(z.storage.block).toBe(block);
    expect([...(await y.data())]).toEqual([10, 20, 30]);
    expect([...(await z.data())]).toEqual([5, 5, 5]);
  });
});

describe('the pool', () => {
  it('has size classes that hold what is asked, are 256-byte multiples, and waste at most a quarter', () => {
    for (let bytes = 1; bytes < 1 << 20; bytes = Math.ceil(1.07 * bytes)) {
      const size = sizeClass(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size % 256).toBe(0);
      expect(size - bytes).toBeLessThan(Math.max(256, bytes / 4));
      expect(sizeClass(size)).toBe(size);
    }
  });

  it('gives the block of a freed tensor to the next of its class, and counts exactly', async () => {
    const own = await Device.open();
    const before = own.memory();
    const first = own.zeros([100]);
    expect(own.memory()).toMatchObject({
      bytesInUse: before.bytesInUse + 512,
      tensors: before.tensors + 1,
      buffersCreated: before.buffersCreated + 1,
    });
    first.dispose();
    expect(own.memory()).toMatchObject({ bytesInUse: before.bytesInUse, bytesPooled: 512 });
    const second = own.zeros([70]);
    expect(own.memory()).toMatchObject({
      bytesInUse: before.bytesInUse + 512,
      bytesPooled: 0,
      peakBytes: before.bytesInUse + 512,
      buffersCreated: before.buffersCreated + 1,
    });
    second.dispose();
    own.destroy();
  });

  it('is emptied by trim, and the tensors in use keep their content', async () => {
    const kept = device.tensor([1, 2, 3]);
    mul(kept, 2).dispose();
    device.gpu.pool.trim();
    expect(device.memory().bytesPooled).toBe(0);
    expect([...(await add(kept, 1).data())]).toEqual([2, 3, 4]);
  });
});

describe('memory that is not there', () => {
  /** createBuffer fails from its k-th call on, `times` times. */
  const failing = (own: Device, k: number, times: number) => {
    const gpu = under(own);
    const create = gpu.createBuffer.bind(gpu);
    let calls = 0;
    return vi.spyOn(gpu, 'createBuffer').mockImplementation((descriptor) => {
      calls++;
      if (calls >= k && calls < k + times) throw new RangeError('out of memory, says the test');
      return create(descriptor);
    });
  };

  const trainingStep = (own: Device) => {
    const weight = own.randn([5, 3], { seed: 2 }).requireGrad();
    try {
      return own.scope(() => {
        const x = own.randn([8, 5], { seed: 1 });
        const loss = mean(square(exp(relu(matmul(x, weight)))));
        backward(loss);
        return add(loss, sum(weight.grad!));
      });
    } finally {
      weight.dispose();
    }
  };

  it('is a typed error at every allocation of a training step; nothing leaks, and the next step works', async () => {
    const own = await Device.open();
    const whole = trainingStep(own);
    const expected = await whole.item();
    whole.dispose();
    const before = own.memory();
    let failures = 0;
    for (let k = 1; ; k++) {
      own.gpu.pool.trim();
      const spy = failing(own, k, Number.POSITIVE_INFINITY);
      let result: ReturnType<typeof trainingStep> | null = null;
      try {
        result = trainingStep(own);
      } catch (error) {
        expect(error).toBeInstanceOf(OutOfMemoryError);
        expect((error as Error).message).toMatch(/^no GPU memory for \d+ bytes with \d+ in use$/);
        failures++;
      } finally {
        spy.mockRestore();
      }
      result?.dispose();
      const { tensors, bytesInUse } = own.memory();
      expect({ k, tensors, bytesInUse }).toEqual({
        k,
        tensors: before.tensors,
        bytesInUse: before.bytesInUse,
      });
      const next = trainingStep(own);
      expect(await next.item()).toBe(expected);
      next.dispose();
      if (result) break;
    }
    expect(failures).toBeGreaterThanOrEqual(8);
    own.destroy();
  });

  it('is a typed error, too, when the driver tells of it late, and what it broke is not used again', async () => {
    class GPUOutOfMemoryError extends Error {}
    const own = await Device.open();
    const x = own.ones([3]);
    const { block } = x.storage;
    const error = new GPUOutOfMemoryError('says the test');
    under(own).dispatchEvent(Object.assign(new Event('uncapturederror'), { error }));
    await expect(x.data()).rejects.toThrow(OutOfMemoryError);
    x.dispose();
    const y = own.ones([3]);
    expect(y.storage.block).not.toBe(block);
    expect(await y.data()).toEqual(Float32Array.of(1, 1, 1));
    own.destroy();
  });

  it('is found again by trimming the pool, when that helps', async () => {
    const own = await Device.open();
    own.zeros([1000]).dispose();
    const spy = failing(own, 1, 1);
    const y = own.full([2000], 3);
    expect(spy).toHaveBeenCalledTimes(2);
    expect(own.memory().bytesPooled).toBe(0);
    expect((await y.data())[1999]).toBe(3);
    own.destroy();
  });
});
