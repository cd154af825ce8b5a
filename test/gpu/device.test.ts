// The device: errors that surface, limits before calls, timing, warm-up, loss.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeviceError, DeviceLostError, KernelError, LimitError } from '../../src/errors.ts';
import { add } from '../../src/ops/binary.ts';
import { Device } from '../../src/ops/device.ts';
import { gather } from '../../src/ops/gather.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { sum } from '../../src/ops/reduce.ts';
import { relu } from '../../src/ops/unary.ts';
import { under } from './under.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open();
});

afterAll(() => device.destroy());

const TWICE = `// y = 2 x
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&y)) { y[id.x] = 2f * x[id.x]; }
}`;

describe('errors', () => {
  it('of a bad dispatch reject the next awaited call, with the label of the kernel', async () => {
    const twice = await device.kernel(TWICE, { name: 'twice' });
    const [y] = twice.run('forward', { inputs: [], outputs: [{ shape: [3] }], workgroups: 1 });
    const error: Error = await y!.data().then(
      () => expect.fail('the read should have failed'),
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toMatch(/^twice\.forward: /);
  });

  it('that follow the first are its causes, and the device is usable afterwards', async () => {
    const twice = await device.kernel(TWICE, { name: 'twice' });
    const bad = { inputs: [], outputs: [{ shape: [3] }], workgroups: 1 };
    twice.run('forward', bad);
    twice.run('forward', bad);
    const error: Error = await device.sync().then(
      () => expect.fail('the sync should have failed'),
      (reason) => reason,
    );
    expect(error.cause).toBeInstanceOf(DeviceError);

    const x = device.tensor([1, 2, 3]);
    const [y] = twice.run('forward', { inputs: [x], outputs: [{ shape: [3] }], workgroups: 1 });
    expect([...(await y!.data())]).toEqual([2, 4, 6]);
  });

  it('in WGSL from outside show the line, with a caret under the place', async () => {
    const wrong = TWICE.replace('2f * x[id.x]', '2f * z[id.x]');
    const error: Error = await device.kernel(wrong, { name: 'twice' }).then(
      () => expect.fail('this should not compile'),
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(KernelError);
    const [message, line, caret] = error.message.split('\n');
    expect(message).toMatch(/^twice:7:48 .*'z'/);
    expect(line).toContain('2f * z[id.x]');
    expect(caret!.indexOf('^')).toBe(line!.indexOf('z['));
  });

  it('in the call of a kernel name what it has', async () => {
    const twice = await device.kernel(TWICE, { name: 'twice' });
    const call = { inputs: [device.zeros([3])], outputs: [{ shape: [3] }], workgroups: 1 };
    expect(() => twice.run('backward', call)).toThrow(
      new KernelError('twice: no entry point "backward"; it has forward'),
    );
    expect(() => twice.run('forward', { ...call, constants: { TILE: 8 } })).toThrow(
      new KernelError('twice: no constant "TILE" to replace'),
    );
    await expect(device.kernel('fn helper() {}', { name: 'empty' })).rejects.toThrow(
      new KernelError('empty: no @compute entry point found'),
    );
  });
});

describe('limits', () => {
  /** What a smaller adapter would say. */
  const smaller = async (limits: Partial<Device['limits']>, run: (small: Device) => unknown) => {
    const small = await Device.open({ limits });
    try {
      await run(small);
    } finally {
      small.destroy();
    }
  };

  it('on the size of a buffer are checked before it is created', () =>
    smaller({ maxBufferSize: 1024 }, (small) => {
      const before = small.memory();
      expect(() => small.zeros([257])).toThrow(
        new LimitError(
          "a buffer of 1028 bytes exceeds this adapter's maxBufferSize of 1024; split the tensor",
        ),
      );
      expect(small.memory()).toEqual(before);
      expect(small.zeros([256]).size).toBe(256);
    }));

  it('on what one binding sees are checked before the dispatch, with the shape in the message', () =>
    smaller({ maxStorageBufferBindingSize: 1024 }, async (small) => {
      const x = small.tensor(new Float32Array(300));
      expect(() => relu(x)).toThrow(LimitError);
      expect(() => relu(x)).toThrow(/^unary\.forward: .*\[300\] takes 1200 bytes; .*at most 1024/);
      await small.sync();
    }));

  it('on the storage buffers of a kernel are checked before it is compiled', () =>
    smaller({ maxStorageBuffersPerShaderStage: 2 }, async (small) => {
      const [a, b] = [small.ones([3]), small.ones([3])];
      expect(() => add(a, b)).toThrow(
        new LimitError('binary.tensors: 3 tensors exceed the limit of 2 storage buffers'),
      );
      await small.sync();
    }));

  it('on workgroups fold the grid, and are named when that is not enough', () =>
    smaller({ maxComputeWorkgroupsPerDimension: 5 }, async (small) => {
      const indices = Int32Array.from({ length: 5 * 64 * 3 + 1 }, (_, i) => i % 2);
      const x = small.tensor([7, 8]);
      const y = gather(x, small.tensor(indices), { axis: 0 });
      expect(await y.data()).toEqual(Float32Array.from(indices, (i) => 7 + i));
      const large = small.tensor(new Int32Array(26 * 64));
      expect(() => gather(x, large, { axis: 0 })).toThrow(
        new LimitError('gather.forward: 26 workgroups exceed the limit of 5 x 5'),
      );
      await small.sync();
    }));

  it('of 65,535 workgroups are passed by folding, to the last element', async () => {
    const size = 65_536 * 64 + 1;
    const indices = Int32Array.from({ length: size }, (_, i) => i & 1);
    const y = device.scope(() =>
      gather(device.tensor([7, 8]), device.tensor(indices), { axis: 0 }),
    );
    const values = await y.data();
    expect(values.every((value, i) => value === 7 + (i & 1))).toBe(true);
    y.dispose();
    device.gpu.pool.trim();
  });
});

describe('timing', () => {
  const work = (x: ReturnType<Device['zeros']>) =>
    device.scope(() => {
      sum(relu(x));
      relu(x);
    });

  it('tells the GPU time of each kernel where there are timestamps', async () => {
    if (!device.features.has('timestamp-query')) {
      console.warn(`not covered: ${device.adapter.name} has no timestamp-query`);
      return;
    }
    const x = device.ones([1000]);
    const { source, wallMicroseconds, kernels } = await device.time(() => work(x));
    expect(source).toBe('timestamp');
    const counts = Object.fromEntries(kernels.map(({ label, count }) => [label, count]));
    expect(counts).toEqual({ 'unary.forward': 2, 'reduce.rows': 1 });
    const total = kernels.reduce((us, { microseconds }) => us + microseconds, 0);
    expect(total).toBeGreaterThanOrEqual(0);
    expect(total).toBeLessThanOrEqual(wallMicroseconds);
  });

  it('says that it took wall time where there are none', async () => {
    const plain = await Device.open();
    Reflect.set(plain.gpu, 'features', new Set());
    const x = plain.ones([1000]);
    const { source, wallMicroseconds, kernels } = await plain.time(() => relu(x));
    expect({ source, kernels }).toEqual({ source: 'wall', kernels: [] });
    expect(wallMicroseconds).toBeGreaterThan(0);
    plain.destroy();
  });
});

describe('warm-up', () => {
  it('compiles what a function would launch, and computes nothing', async () => {
    const own = await Device.open();
    const x = own.tensor([1, 2, 3]);
    await own.sync();
    const { pipelines } = own.gpu.pipelines.counts;
    await own.warmup(() => {
      own.addInPlace(x, relu(x));
    });
    expect(own.gpu.pipelines.counts.pipelines).toBe(pipelines + 2);
    expect([...(await x.data())]).toEqual([1, 2, 3]);
    own.addInPlace(x, relu(x));
    expect(own.gpu.pipelines.counts.pipelines).toBe(pipelines + 2);
    expect([...(await x.data())]).toEqual([2, 4, 6]);
    own.destroy();
  });
});

describe('a lost device', () => {
  const withinASecond = <T>(work: Promise<T>) =>
    Promise.race([
      work,
      new Promise((_, reject) => setTimeout(reject, 1000, new Error('still pending after 1 s'))),
    ]);

  it.each([
    ['by destroy()', (own: Device) => own.destroy()],
    ['by its driver', (own: Device) => under(own).destroy()],
  ])('%s in the middle of a step rejects what is pending and what comes later', async (_, lose) => {
    const own = await Device.open();
    const x = own.randn([256, 256], { seed: 1 });
    const y = matmul(x, x);
    const pending = [y.data(), own.sync(), own.time(() => matmul(x, x))];
    lose(own);
    for (const each of pending) {
      await expect(withinASecond<unknown>(each)).rejects.toThrow(DeviceLostError);
    }
    await expect(withinASecond(x.data())).rejects.toThrow(DeviceLostError);
    await expect(withinASecond(own.sync())).rejects.toThrow(DeviceLostError);
    await expect(withinASecond(own.warmup(() => relu(x)))).rejects.toThrow(DeviceLostError);
    expect(() => own.zeros([3])).toThrow(DeviceLostError);
    expect(() => x.write(new Float32Array(65_536))).toThrow(DeviceLostError);
  });

  it('says what was running, and what to do', async () => {
    const own = await Device.open();
    const y = relu(own.ones([3]));
    under(own).destroy();
    await expect(y.data()).rejects.toThrow(
      /^the GPU device was lost \(destroyed\) after unary\.forward: .*; open a new device and resume from the last checkpoint$/,
    );
  });

  it('leaves other devices alone', async () => {
    const own = await Device.open();
    own.destroy();
    expect([...(await device.tensor([1, 2]).data())]).toEqual([1, 2]);
  });
});
