// Scopes give back what was made inside; outside of them, dispose, `using` and the collector do.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TensorError } from '../../src/errors.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { writeAt } from '../../src/ops/copy.ts';
import { Device } from '../../src/ops/device.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { mean, sum } from '../../src/ops/reduce.ts';
import { relu, square } from '../../src/ops/unary.ts';
import { reshape, slice, transpose } from '../../src/ops/view.ts';
import { backward } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open();
});

afterAll(() => device.destroy());

const inUse = () => {
  const { tensors, bytesInUse } = device.memory();
  return { tensors, bytesInUse };
};

let before: ReturnType<typeof inUse>;

beforeEach(() => {
  before = inUse();
});

describe('a scope', () => {
  it('gives back everything but what it returns', async () => {
    const y = device.scope(() => {
      const x = device.tensor([
        [1, -2],
        [3, -4],
      ]);
      return sum(relu(matmul(x, transpose(x))));
    });
    expect(inUse()).toEqual({ tensors: before.tensors + 1, bytesInUse: before.bytesInUse + 256 });
    expect(await y.item()).toBe(5 + 11 + 11 + 25);
    y.dispose();
    expect(inUse()).toEqual(before);
  });

  it('returns tensors in lists, maps and objects, and other values as they are', () => {
    const make = () => device.ones([2]);
    const result = device.scope(() => ({
      list: [make(), make()],
      map: new Map([['x', make()]]),
      inner: { y: make(), n: 3, text: 'text', nothing: null },
    }));
    const tensors = [...result.list, result.map.get('x')!, result.inner.y];
    expect(tensors.map((x) => x.disposed)).toEqual([false, false, false, false]);
    expect(result.inner).toMatchObject({ n: 3, text: 'text', nothing: null });
    for (const x of tensors) x.dispose();
    expect(inUse()).toEqual(before);
  });

  it('keeps parameters and their gradients', () => {
    const [x, w] = device.scope(() => {
      const x = device.ones([4]);
      const w = device.ones([4]).requireGrad();
      backward(sum(mul(x, w)));
      return [x, w];
    }) as [Tensor, Tensor];
    expect(w.grad!.disposed).toBe(false);
    expect(inUse().tensors).toBe(before.tensors + 3);
    for (const tensor of [x, w]) tensor.dispose();
    expect(inUse()).toEqual(before);
  });

  it('keeps a parameter that it does not return', () => {
    let w: Tensor | null = null;
    device.scope(() => {
      w = device.ones([4]).requireGrad();
    });
    expect(w!.disposed).toBe(false);
    w!.dispose();
    expect(inUse()).toEqual(before);
  });

  it('detaches its results from the graph, which it gives back', () => {
    const w = device.ones([4]).requireGrad();
    const loss = device.scope(() => mean(square(w)));
    expect(loss.requiresGrad).toBe(false);
    expect(() => backward(loss)).toThrow(TensorError);
    for (const x of [w, loss]) x.dispose();
    expect(inUse()).toEqual(before);
  });

  it('keeps the memory of a returned view', async () => {
    const row = device.scope(() => {
      const x = device.tensor([
        [1, 2],
        [3, 4],
      ]);
      return slice(x, { start: [1] });
    });
    device.full([4], 9).dispose(); // would take the memory if it were free
    expect([...(await row.data())]).toEqual([3, 4]);
    row.dispose();
    expect(inUse()).toEqual(before);
  });

  it('hands its results to the scope around it', () => {
    let inner: Tensor | null = null;
    device.scope(() => {
      inner = device.scope(() => add(device.ones([2]), 1));
      expect(inner.disposed).toBe(false);
      expect(inUse().tensors).toBe(before.tensors + 1);
    });
    expect(inner!.disposed).toBe(true);
    expect(inUse()).toEqual(before);
  });

  it('gives back what was made when its function throws, and lets the error through', () => {
    const failing = () =>
      device.scope(() => {
        const x = device.ones([4]).requireGrad();
        x.kept = false;
        device.scope(() => {
          square(add(x, 1));
          throw new RangeError('in the middle');
        });
      });
    expect(failing).toThrow(new RangeError('in the middle'));
    expect(inUse()).toEqual(before);
  });

  it('gives back what is left after an op refuses its inputs', () => {
    expect(() => device.scope(() => add(square(device.ones([4])), device.ones([3])))).toThrow(
      /^add: /,
    );
    expect(inUse()).toEqual(before);
  });

  it('refuses an async function: the memory would be gone before it goes on', () => {
    expect(() => device.scope(async () => device.ones([4]))).toThrow(
      new TensorError(
        'scope: the function must be synchronous; read back after the scope, not inside it',
      ),
    );
    expect(inUse()).toEqual(before);
  });

  it('does not mind what was disposed inside', () => {
    const y = device.scope(() => {
      const x = device.ones([4]);
      const y = add(x, 1);
      x.dispose();
      return y;
    });
    y.dispose();
    expect(inUse()).toEqual(before);
  });
});

describe('without a scope', () => {
  it('`using` gives a tensor back at the end of its block', () => {
    {
      using x = device.ones([4]);
      using y = add(x, 1);
      expect(y.size).toBe(4);
      expect(inUse().tensors).toBe(before.tensors + 2);
    }
    expect(inUse()).toEqual(before);
  });

  it('a tensor may be disposed twice', () => {
    const x = device.ones([4]);
    x.dispose();
    x.dispose();
    expect(x.disposed).toBe(true);
    expect(inUse()).toEqual(before);
  });

  it('memory lives until its last view is disposed', async () => {
    const x = device.tensor([1, 2, 3, 4]);
    const y = reshape(x, [2, 2]);
    x.dispose();
    expect(inUse().bytesInUse).toBe(before.bytesInUse + 256);
    expect([...(await y.data())]).toEqual([1, 2, 3, 4]);
    y.dispose();
    expect(inUse()).toEqual(before);
  });

  it('a disposed tensor cannot be read, written or computed with, and the message says why', async () => {
    const x = device.ones([2, 3]);
    const y = device.ones([2, 3]);
    x.dispose();
    const message =
      'a tensor of shape [2, 3] is used after it was disposed; return it from its scope, or keep it with requireGrad()';
    const uses = [
      () => add(x, y),
      () => reshape(x, [6]),
      () => x.write(new Float32Array(6)),
      () => writeAt(y, x, 0),
      () => x.detach(),
    ];
    for (const use of uses) expect(() => device.scope(use)).toThrow(new TensorError(message));
    await expect(x.data()).rejects.toThrow(new TensorError(message));
    y.dispose();
    expect(inUse()).toEqual(before);
  });

  it('the collector gives forgotten tensors back, with the graphs that held them', async () => {
    setFlagsFromString('--expose-gc');
    const gc: () => void = runInNewContext('gc');
    const forget = () => {
      for (let i = 0; i < 100; i++) {
        const w = device.ones([1000]).requireGrad();
        mean(square(mul(w, i)));
      }
    };
    forget();
    expect(inUse().tensors).toBeGreaterThan(before.tensors + 100);
    for (let i = 0; i < 100 && inUse().tensors > before.tensors; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(inUse()).toEqual(before);
  });
});
