// What cases of single ops cannot show: that gradients which meet at an op are taken into its own kernel.

import { describe, expect, it } from 'vitest';
import { add, mul } from '../../src/ops/binary.ts';
import { addRmsNorm, rmsNorm } from '../../src/ops/norm.ts';
import { policyHead } from '../../src/ops/policy_head.ts';
import { sum } from '../../src/ops/reduce.ts';
import { rope, ropePair } from '../../src/ops/rope.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';

async function expectEqual(got: Tensor, want: Tensor): Promise<void> {
  const values = await want.data();
  for (const [i, v] of (await got.data()).entries()) expect(v).toBeCloseTo(values[i]!, 5);
}

/** How often each kernel runs in the backward of a loss. */
async function kernelsOf(loss: Tensor, xs: readonly Tensor[]): Promise<Map<string, number>> {
  const { kernels } = await device.time(() => grad(loss, xs));
  return new Map(kernels.map(({ label, count }) => [label, count]));
}

describe('a norm on the residual stream', () => {
  const stream = (fused: boolean) => {
    const [x, branch] = [1, 2].map((seed) => device.randn([5, 33], { seed }).requireGrad());
    const weight = device.randn([33], { seed: 3 }).requireGrad();
    const plain = () => {
      const both = add(x!, branch!);
      return { sum: both, normed: rmsNorm(both, weight) };
    };
    const { sum: both, normed } = fused ? addRmsNorm(x!, branch!, weight) : plain();
    const loss = sum(mul(add(both, normed), device.randn([5, 33], { seed: 4 })));
    return { loss, xs: [x!, branch!, weight] };
  };

  it('has the gradients of both ways, whether it is fused or not', async () => {
    const [got, want] = [stream(true), stream(false)];
    const wanted = grad(want.loss, want.xs, { createGraph: true });
    for (const each of [got, stream(false)]) {
      for (const [i, found] of grad(each.loss, each.xs).entries()) {
        await expectEqual(found!, wanted[i]!);
      }
    }
  });

  it('adds them in its own backward', async () => {
    const { loss, xs } = stream(true);
    const kernels = await kernelsOf(loss, xs);
    expect(kernels.get('norm.backward')).toBe(1);
    expect(kernels.has('binary.add')).toBe(false);
  });
});

describe('ropePair', () => {
  const inputs = () => [1, 2].map((seed) => device.randn([2, 3, 7, 8], { seed }).requireGrad());

  it('turns both gradients in one kernel', async () => {
    const [q, k] = inputs() as [Tensor, Tensor];
    const turned = ropePair(q, k);
    const kernels = await kernelsOf(sum(mul(turned.q, turned.k)), [q, k]);
    expect(kernels.get('rope.pair')).toBe(1);
    expect(kernels.has('rope.forward')).toBe(false);
  });

  it('still tells the gradient of its result, where a caller asks for it', async () => {
    const [q, k] = inputs() as [Tensor, Tensor];
    const turned = ropePair(q, k);
    const [dk, dTurned] = grad(sum(mul(turned.q, turned.k)), [k, turned.k]);
    await expectEqual(dTurned!, rope(q.detach()));
    await expectEqual(rope(dk!), dTurned!);
  });

  it('works where one of the two is not used', async () => {
    const [q, k] = inputs() as [Tensor, Tensor];
    const weight = device.randn([2, 3, 7, 8], { seed: 5 });
    for (const name of ['q', 'k'] as const) {
      const [dq, dk] = grad(sum(mul(ropePair(q, k)[name], weight)), [q, k]);
      const found = name === 'q' ? dq : dk;
      await expectEqual(rope(found!), weight);
      expect(name === 'q' ? dk : dq).toBeNull();
    }
  });
});

describe('policyHead', () => {
  it('has the gradient of both results in one kernel', async () => {
    const logits = device.randn([9, 4], { seed: 1 }).requireGrad();
    const actions = device.tensor([0, 1, 2, 3, 0, 1, 2, 3, 0], { dtype: 'i32' });
    const { logProb, entropy } = policyHead(logits, actions);
    const kernels = await kernelsOf(sum(add(logProb, entropy)), [logits]);
    expect(kernels.get('policy_head.backward')).toBe(1);
  });

  it('reports an action out of range, whose log-probability is 0', async () => {
    const logits = device.randn([2, 4], { seed: 1 });
    const { logProb } = policyHead(logits, device.tensor([4, 1], { dtype: 'i32' }));
    await expect(logProb.data()).rejects.toThrow('policyHead: an action is out of range [0, 4)');
    expect((await logProb.data())[0]).toBe(0);
  });
});
