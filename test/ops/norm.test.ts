import { describe, expect, it } from 'vitest';
import { layerNorm, rmsNorm } from '../../src/ops/norm.ts';
import { backward, grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';

type Norm = (x: Tensor, parameters: Tensor[]) => Tensor;
const norms: Record<string, Norm> = {
  layerNorm: (x, [weight, bias]) => layerNorm(x, weight!, bias!),
  rmsNorm: (x, [weight]) => rmsNorm(x, weight!),
};

function inputsFor(name: string, shape: number[]) {
  const C = shape.at(-1)!;
  const x = device.randn(shape, { seed: 1 }).requireGrad();
  const weight = device.randn([C], { seed: 2 }).requireGrad();
  const bias = device.randn([C], { seed: 3 }).requireGrad();
  return { x, parameters: name === 'layerNorm' ? [weight, bias] : [weight] };
}

async function expectEqual(got: Tensor, want: Tensor, digits: number): Promise<void> {
  const values = await want.data();
  for (const [i, v] of (await got.data()).entries()) expect(v).toBeCloseTo(values[i]!, digits);
}

describe('layerNorm', () => {
  it.each([2, 63, 64, 65, 1000])('rows of %i have mean 0 and variance 1', async (C) => {
    const x = device.randn([4, C], { seed: C });
    const y = await layerNorm(x, device.ones([C]), device.zeros([C]), { eps: 1e-9 }).data();
    for (let row = 0; row < 4; row++) {
      const line = [...y.slice(row * C, (row + 1) * C)];
      expect(line.reduce((a, b) => a + b, 0) / C).toBeCloseTo(0, 5);
      expect(line.reduce((a, b) => a + b * b, 0) / C).toBeCloseTo(1, 5);
    }
  });

  it('takes a mean much larger than the deviation', async () => {
    const x = device.tensor([[10_001, 10_003, 9_999, 9_997]]);
    const y = await layerNorm(x, device.ones([4]), device.zeros([4])).data();
    const want = [1, 3, -1, -3].map((v) => v / Math.sqrt(5));
    for (const [i, v] of y.entries()) expect(v).toBeCloseTo(want[i]!, 5);
  });
});

describe.each(Object.entries(norms))('%s', (name, norm) => {
  it('the composed gradients are the fused ones, and have gradients themselves', async () => {
    for (const shape of [[7], [3, 5, 70], [50, 4]]) {
      const { x, parameters } = inputsFor(name, shape);
      const all = [x, ...parameters];
      const dy = device.randn(shape, { seed: 4 });
      const fused = grad(norm(x, parameters), all, { dy });
      const composed = grad(norm(x, parameters), all, { dy, createGraph: true });
      for (const [i, gradient] of composed.entries()) await expectEqual(gradient!, fused[i]!, 4);
      const [second] = grad(composed[0]!, [x], { dy });
      expect((await second!.data()).some((value) => Math.abs(value) > 1e-3)).toBe(true);
    }
  });

  it('gives the same bits twice, for more rows than a block sums', async () => {
    const shape = [3000, 40];
    const { x, parameters } = inputsFor(name, shape);
    const dy = device.randn(shape, { seed: 5 });
    const [first, second] = [0, 1].map(() => grad(norm(x, parameters), parameters, { dy }));
    for (const [i, gradient] of first!.entries()) {
      expect(await gradient!.data()).toEqual(await second![i]!.data());
    }
  });

  it('folds more rows than one dimension takes', async () => {
    const rows = 66_000;
    const { parameters } = inputsFor(name, [2]);
    const x = device.tensor(
      Float32Array.from({ length: 2 * rows }, (_, i) => (i % 2 ? 3 : -1)),
      {
        shape: [rows, 2],
      },
    );
    const y = await norm(x, parameters).data();
    expect(y.every((value, i) => value === y[i % 2])).toBe(true);
  });

  it('spends nothing on frozen parameters', () => {
    const { x, parameters } = inputsFor(name, [3, 5]);
    const frozen = parameters.map((p) => p.detach());
    backward(norm(x, frozen), { dy: device.ones([3, 5]) });
    expect(x.grad).not.toBeNull();
    expect(frozen.every((p) => p.grad === null)).toBe(true);
  });

  it('of no rows has parameter gradients of 0', async () => {
    const { x, parameters } = inputsFor(name, [0, 3]);
    backward(norm(x, parameters), { dy: device.zeros([0, 3]) });
    for (const p of parameters) expect([...(await p.grad!.data())]).toEqual([0, 0, 0]);
  });
});
