// Captured steps: they repeat the function bit for bit on memory of their own, or say why they cannot.

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CaptureError, DeviceLostError } from '../../src/errors.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { MLP } from '../../src/nn/layers.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { writeAt } from '../../src/ops/copy.ts';
import { Device } from '../../src/ops/device.ts';
import { embedding } from '../../src/ops/embedding.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { dropout } from '../../src/ops/random.ts';
import { mean, sum } from '../../src/ops/reduce.ts';
import { rope } from '../../src/ops/rope.ts';
import { exp, relu, square } from '../../src/ops/unary.ts';
import { reshape } from '../../src/ops/view.ts';
import { AdamW } from '../../src/optim/adamw.ts';
import { clipGradNorm } from '../../src/optim/clip.ts';
import { backward, grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open({ announce: null });
});

afterAll(() => device.destroy());

afterEach(() => vi.restoreAllMocks());

const numbers = async (x: Tensor) => [...(await x.data())];

/** The GPU object underneath. */
const under = (of: Device): GPUDevice => Reflect.get(of.gpu, 'device');

describe('a captured step', () => {
  it('runs at once, and again on what its inputs hold at each call', async () => {
    const x = device.tensor([1, 2, 3]);
    using step = device.capture(() => mul(add(x, 1), 10));
    expect(await numbers(step.result)).toEqual([20, 30, 40]);
    x.write([4, 5, 6]);
    expect(step()).toBe(step.result);
    expect(await numbers(step.result)).toEqual([50, 60, 70]);
  });

  it('sees what was recorded before it, and is seen by what comes after', async () => {
    const x = device.tensor([1]);
    using step = device.capture(() => mul(x, 2));
    for (let i = 0; i < 5; i++) {
      const before = add(x, 1);
      writeAt(x, before, 0);
      const after = add(step(), x);
      expect(await numbers(after)).toEqual([3 * (i + 2)]);
    }
  });

  it('has memory of its own: nothing made between the calls disturbs it or is disturbed', async () => {
    const x = device.randn([64, 64], { seed: 1 });
    const compute = () => sum(exp(mul(matmul(x, x), 0.01)), { axis: 1 });
    const expected = await numbers(device.scope(compute));
    using step = device.capture(compute);
    const made = Array.from({ length: 20 }, (_, i) => device.full([64, 64], i));
    step();
    for (const [i, tensor] of made.entries()) {
      expect(new Set(await numbers(tensor))).toEqual(new Set([i]));
      tensor.write(new Float32Array(64 * 64).fill(NaN));
    }
    expect(await numbers(step())).toEqual(expected);
  });

  it('keeps the memory of an input that is disposed', async () => {
    const x = device.tensor([1, 2, 3]);
    using step = device.capture(() => mul(x, 2));
    x.dispose();
    const others = Array.from({ length: 4 }, () => device.tensor([9, 9, 9]));
    expect(await numbers(step())).toEqual([2, 4, 6]);
    for (const other of others) expect(await numbers(other)).toEqual([9, 9, 9]);
  });

  it('does not write over an input that the function itself frees', async () => {
    const x = device.tensor([1, 2, 3]);
    using step = device.capture(() => {
      const y = mul(x, 2);
      x.dispose();
      return add(exp(y), mul(y, 0.5));
    });
    const first = await numbers(step.result);
    expect(await numbers(step())).toEqual(first);
  });

  it('gives its memory back when it is disposed, and cannot be called then', () => {
    const x = device.ones([256]);
    device.scope(() => void mul(add(x, 1), 2)); // the pool has what it takes
    const before = device.memory();
    const step = device.capture(() => mul(add(x, 1), 2));
    expect(device.memory().bytesInUse).toBeGreaterThan(before.bytesInUse);
    step.dispose();
    step.result.dispose();
    expect(device.memory()).toEqual(before);
    step.dispose();
    expect(device.memory()).toEqual(before);
    expect(() => step()).toThrow(
      new CaptureError('a captured step was called after its dispose()'),
    );
  });

  it('needs no tensor and no buffer to run again', () => {
    const x = device.ones([256]);
    using step = device.capture(() => sum(square(add(x, 1))));
    const create = vi.spyOn(under(device), 'createBuffer');
    const upload = vi.spyOn(under(device).queue, 'writeBuffer');
    const before = device.memory();
    for (let i = 0; i < 10; i++) step();
    expect(device.memory()).toEqual(before);
    expect(create).not.toHaveBeenCalled();
    expect(upload).not.toHaveBeenCalled();
  });

  it('makes tables that ops keep for good where they outlive it', async () => {
    const x = device.randn([3, 6], { seed: 5 });
    const step = device.capture(() => rope(x, { base: 777 }));
    const first = await numbers(step.result);
    step.dispose();
    device.scope(() => Array.from({ length: 9 }, () => device.zeros([4, 256, 3, 2])));
    expect(await numbers(rope(x, { base: 777 }))).toEqual(first);
  });

  it('marks what it writes as changed: a graph made before refuses its stale values', () => {
    const w = device.ones([3]).requireGrad();
    using step = device.capture(() => writeAt(w, device.full([3], 2), 0));
    const loss = sum(square(w));
    step();
    expect(() => backward(loss)).toThrow('changed in place');
  });

  it('is split into several submits where it is long', () => {
    const x = device.ones([256, 256]);
    using step = device.capture(() => {
      let y = x;
      for (let i = 0; i < 100; i++) y = mul(matmul(y, x), 1 / 256);
      return y;
    });
    const submit = vi.spyOn(under(device).queue, 'submit');
    step();
    expect(submit.mock.calls.length).toBeGreaterThan(1);
  });

  it('is timed per kernel like anything else, also over the capacity of a query set', async () => {
    const x = device.ones([16]);
    const chain = 2100;
    using step = device.capture(() => {
      let y = x;
      for (let i = 0; i < chain; i++) y = relu(y);
      return y;
    });
    const timing = await device.time(() => step());
    if (timing.source === 'timestamp') {
      expect(timing.kernels.map(({ label, count }) => [label, count])).toEqual([
        ['unary.forward', chain],
      ]);
    }
    expect(await numbers(step.result)).toEqual(await numbers(x));
  });

  it('reports faults that its kernels meet', async () => {
    const weight = device.ones([4, 2]);
    const ids = device.tensor(Int32Array.of(0, 1));
    using step = device.capture(() => embedding(weight, ids));
    await device.sync();
    ids.write([0, 4]);
    step();
    await expect(device.sync()).rejects.toThrow(/embedding/);
    ids.write([0, 3]);
    expect(await numbers(step())).toEqual([1, 1, 1, 1]);
  });

  it('fails with the device', async () => {
    const own = await Device.open({ announce: null });
    const x = own.ones([3]);
    const step = own.capture(() => mul(x, 2));
    own.destroy();
    expect(() => step()).toThrow(DeviceLostError);
    step.dispose();
  });
});

describe('a training step', () => {
  const STEPS = 50;

  function problem() {
    const model = new MLP(new Initialiser(device, 1), {
      width: 16,
      hidden: 24,
      activation: 'gelu',
      bias: true,
      outputStd: 0.02,
    });
    const optimizer = new AdamW([...model.namedParameters()], { lr: 1e-3 });
    const x = device.zeros([8, 16]);
    const prepare = (step: number) => {
      x.write(Float32Array.from({ length: x.size }, (_, i) => Math.sin(i + 3 * step)));
      device.beginStep(7, step);
      optimizer.lr = 1e-3 / (1 + step);
      optimizer.advance();
    };
    const work = () => {
      const loss = mean(square(add(dropout(model.forward(x), { p: 0.25 }), -1)));
      backward(loss);
      clipGradNorm(optimizer, 0.5);
      optimizer.apply({ zeroGrad: true });
      return reshape(loss, [1]);
    };
    const values = async () => {
      const losses: number[] = [];
      for (const w of model.parameters()) losses.push(...(await w.data()));
      return losses;
    };
    return { prepare, work, values };
  }

  it('replayed is the eager one bit for bit, with dropout, clipping and a schedule', async () => {
    const eager = problem();
    const losses: number[] = [];
    for (let n = 0; n < STEPS; n++) {
      eager.prepare(n);
      losses.push(await device.scope(eager.work).item());
    }
    const captured = problem();
    const replayed: number[] = [];
    captured.prepare(0);
    using step = device.capture(captured.work);
    replayed.push(await step.result.item());
    for (let n = 1; n < STEPS; n++) {
      captured.prepare(n);
      replayed.push(await step().item());
    }
    expect(new Set(losses).size).toBe(STEPS);
    expect(replayed).toEqual(losses);
    expect(await captured.values()).toEqual(await eager.values());
  });
});

describe('a function that cannot be replayed is an error that says why', () => {
  const refused = (fn: () => unknown, reason: string) => {
    expect(() => device.capture(fn)).toThrow(CaptureError);
    expect(() => device.capture(fn)).toThrow(`capture: the function cannot be replayed: ${reason}`);
  };

  it('it makes a tensor of values', () => {
    refused(() => device.tensor([1, 2, 3]), 'it writes values from the CPU');
  });

  it('it writes into a tensor', () => {
    const x = device.zeros([3]);
    refused(() => x.write([1, 2, 3]), 'it writes values from the CPU');
  });

  it('it counts an optimizer step', () => {
    const w = device.ones([3]).requireGrad();
    using optimizer = new AdamW([w]);
    refused(() => {
      backward(sum(square(w)));
      optimizer.step();
    }, 'it writes values from the CPU');
  });

  it('it begins a random step', () => {
    refused(() => device.beginStep(1, 2), 'it writes values from the CPU');
  });

  it('it reads back, and nobody waits for the reading', () => {
    const x = device.ones([3]);
    refused(
      () =>
        void add(x, 1)
          .data()
          .catch(() => {}),
      'it reads back',
    );
  });

  it('it catches what it was told', () => {
    const x = device.zeros([3]);
    refused(() => {
      try {
        x.write([1, 2, 3]);
      } catch {}
    }, 'it writes values from the CPU');
  });

  it('it is asynchronous', () => {
    refused(async () => {}, 'it is asynchronous');
    refused(() => Promise.reject(new Error('unheard')), 'it is asynchronous');
  });

  it('it makes the first gradient of a tensor, which replays would not add to', () => {
    const w = device.ones([3]).requireGrad();
    refused(() => backward(sum(square(w))), 'it makes the first gradient');
    using step = device.capture(() => grad(sum(square(w)), [w])[0]!);
    expect(step().shape).toEqual([3]);
  });

  it('it captures or replays another step', () => {
    const x = device.ones([3]);
    using inner = device.capture(() => mul(x, 2));
    refused(() => device.capture(() => mul(x, 2)), 'it captures another function');
    refused(() => inner(), 'it runs a captured step');
  });

  it('while warming up there is nothing to capture', async () => {
    const x = device.ones([3]);
    await expect(device.warmup(() => device.capture(() => mul(x, 2)))).rejects.toThrow(
      CaptureError,
    );
  });

  it('and nothing of the attempt is left: its memory is free, the device as before', async () => {
    const x = device.ones([64]);
    const attempt = () => device.capture(() => device.tensor([sum(mul(x, 3)).size]));
    expect(attempt).toThrow(CaptureError);
    const before = device.memory();
    expect(attempt).toThrow(CaptureError);
    expect(device.memory()).toEqual(before);
    expect(await numbers(mul(device.tensor([2]), 3))).toEqual([6]);
  });
});
