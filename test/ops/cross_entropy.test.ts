import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TensorError } from '../../src/errors.ts';
import { mul } from '../../src/ops/binary.ts';
import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import { Device } from '../../src/ops/device.ts';
import { backward, grad } from '../../src/tensor/tape.ts';
import { randomIds } from './random_ids.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.gpu.destroy());

const MASKED = Number.NEGATIVE_INFINITY;
const ids = (values: ArrayLike<number>, on = device) => on.tensor(values, { dtype: 'i32' });

describe('crossEntropy', () => {
  it.each([1, 7, 33, 1000, 50_257])('of equal logits is ln %i', async (V) => {
    const loss = crossEntropy(device.full([3, V], 2), ids([0, V - 1, V >> 1]));
    expect(await loss.item()).toBeCloseTo(Math.log(V), 5);
  });

  it('L10 summed over the tokens is -ln of the sequences’ probability: one minus, under the sum', async () => {
    const [B, T, V] = [2, 3, 5];
    const logits = device.randn([B, T, V], { seed: 3 });
    const targets = [4, 0, 2, 1, 1, 3];
    const z = [...(await logits.data())];
    const probability = (row: number) => {
      const scores = z.slice(row * V, (row + 1) * V).map(Math.exp);
      return scores[targets[row]!]! / scores.reduce((a, b) => a + b);
    };
    const sequence = (i: number) =>
      targets.slice(0, T).reduce((product, _, t) => product * probability(i * T + t), 1);
    const want = -(Math.log(sequence(0)) + Math.log(sequence(1))) / B;
    const labels = device.tensor(targets, { shape: [B, T], dtype: 'i32' });
    const loss = await crossEntropy(logits, labels, { reduction: 'sum' }).item();
    expect(loss / B).toBeCloseTo(want, 5);
    expect(loss).toBeGreaterThan(0);
  });

  it('has a gradient that sums to 0 in each row, and is 0 where ignored', async () => {
    for (const V of [9, 200]) {
      const logits = device.randn([4, V], { seed: 1 }).requireGrad();
      backward(crossEntropy(logits, ids([3, -100, 0, 8]), { labelSmoothing: 0.1 }));
      const d = await logits.grad!.data();
      for (let row = 0; row < 4; row++) {
        const line = [...d.slice(row * V, (row + 1) * V)];
        expect(line.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 6);
        expect(line.some((value) => value !== 0)).toBe(row !== 1);
      }
    }
  });

  it('keeps its precision when the logits are large', async () => {
    // 1e4 and 9999 differ by 1: ln(1 + e) or ln(1 + 1/e), and the softmax of (1, 0)
    const logits = device
      .tensor([
        [1e4, 9999],
        [1e4, 9999],
      ])
      .requireGrad();
    const losses = crossEntropy(logits, ids([1, 0]), { reduction: 'none' });
    const [far, near] = await losses.data();
    expect(far).toBeCloseTo(Math.log1p(Math.E), 6);
    expect(near).toBeCloseTo(Math.log1p(1 / Math.E), 6);
    backward(losses, { dy: device.ones([2]) });
    const p = 1 / (1 + Math.exp(-1));
    const want = [p, -p, p - 1, 1 - p];
    for (const [i, v] of (await logits.grad!.data()).entries()) expect(v).toBeCloseTo(want[i]!, 6);
  });

  it('treats -infinity as masked, and a row that is masked everywhere as 0', async () => {
    const logits = device
      .tensor([
        [MASKED, 0, 0],
        [MASKED, MASKED, MASKED],
      ])
      .requireGrad();
    const losses = crossEntropy(logits, ids([1, 1]), { reduction: 'none' });
    const [half, none] = await losses.data();
    expect(half).toBeCloseTo(Math.LN2, 6);
    expect(none).toBe(0);
    backward(losses, { dy: device.ones([2]) });
    const d = await logits.grad!.data();
    for (const [i, v] of d.entries()) expect(v).toBeCloseTo([0, -0.5, 0.5, 0, 0, 0][i]!, 6);
  });

  it('multiplies the gradient by the upstream one, read on the device', async () => {
    const logits = device.randn([5, 40], { seed: 2 }).requireGrad();
    const targets = ids([0, 1, 2, 3, -100]);
    const [plain] = grad(crossEntropy(logits, targets), [logits]);
    const [scaled] = grad(mul(crossEntropy(logits, targets), -3), [logits]);
    const want = await plain!.data();
    for (const [i, v] of (await scaled!.data()).entries()) expect(v).toBeCloseTo(-3 * want[i]!, 6);
  });

  it('without a counted target is 0 with a gradient of 0', async () => {
    const logits = device.randn([2, 3], { seed: 3 }).requireGrad();
    const loss = crossEntropy(logits, ids([-100, -100]));
    backward(loss);
    expect(await loss.item()).toBe(0);
    expect((await logits.grad!.data()).every((value) => value === 0)).toBe(true);
  });

  it('leaves out a target out of range, and reports it', async () => {
    const logits = device.randn([3, 6], { seed: 4 }).requireGrad();
    const loss = crossEntropy(logits, ids([2, 6, -1]));
    await expect(loss.item()).rejects.toThrow('crossEntropy: a target is out of range [0, 6)');
    expect(await loss.item()).toBe(await crossEntropy(logits, ids([2, -100, -100])).item());
    backward(loss);
    expect((await logits.grad!.data()).slice(6).every((value) => value === 0)).toBe(true);
  });

  it('takes logits over the binding limit in blocks of rows', async () => {
    const [T, V] = [100, 35];
    const small = await Device.open({ limits: { maxStorageBufferBindingSize: 9000 } });
    const run = (on: Device) => {
      const logits = on.randn([T, V], { seed: 5 }).requireGrad(); // 14,000 bytes
      const loss = crossEntropy(logits, ids(randomIds(T, V), on));
      return { loss, dlogits: grad(loss, [logits])[0]! };
    };
    const [want, got] = [run(device), run(small)];
    expect(await got.loss.item()).toBe(await want.loss.item());
    expect(await got.dlogits.data()).toEqual(await want.dlogits.data());
    small.gpu.destroy();
  });

  it('has no second derivative, and says so', () => {
    const logits = device.randn([2, 3], { seed: 6 }).requireGrad();
    const loss = crossEntropy(logits, ids([0, 1]));
    expect(() => grad(loss, [logits], { createGraph: true })).toThrow(TensorError);
    expect(() => grad(loss, [logits], { createGraph: true })).toThrow(/crossEntropy/);
  });

  it('holds no memory but its result when nothing asks for a gradient', () => {
    const logits = device.randn([64, 64], { seed: 7 });
    const targets = ids(randomIds(64, 64));
    const before = device.memory().bytesInUse;
    crossEntropy(logits, targets);
    expect(device.memory().bytesInUse - before).toBe(256); // the smallest block
  });
});
