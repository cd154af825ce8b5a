import { expect, test } from 'vitest';
import { mul } from '../../src/ops/binary.ts';
import { gather } from '../../src/ops/gather.ts';
import { ppoLoss, ppoLossFromLogProbs } from '../../src/ops/ppo.ts';
import { mean } from '../../src/ops/reduce.ts';
import { logSoftmax } from '../../src/ops/softmax.ts';
import { neg } from '../../src/ops/unary.ts';
import { reshape } from '../../src/ops/view.ts';
import { backward } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';
import { randomFor } from '../reference/random.ts';

const POLICY_ONLY = { valueCoef: 0, entropyCoef: 0 };

/** The loss of one sample with ratio r, and its gradient by the log-probability. */
async function surrogate(ratio: number, advantage: number) {
  const logProbs = device.tensor([Math.log(ratio)]).requireGrad();
  const zero = device.zeros([1]);
  const samples = { oldLogProbs: zero, advantages: device.tensor([advantage]), returns: zero };
  const { loss } = ppoLossFromLogProbs(logProbs, zero, zero, samples, POLICY_ONLY);
  backward(loss);
  return { objective: -(await loss.item()), slope: await logProbs.grad!.item() };
}

test('C11 the clipped objective min(rÂ, clip(r, 0.8, 1.2)Â)', async () => {
  const table = [
    [1, 0.5, 0.5],
    [1, 0.8, 0.8],
    [1, 1, 1],
    [1, 1.2, 1.2],
    [1, 1.5, 1.2],
    [-1, 0.5, -0.8],
    [-1, 0.8, -0.8],
    [-1, 1, -1],
    [-1, 1.2, -1.2],
    [-1, 1.5, -1.5],
  ] as const;
  for (const [advantage, ratio, objective] of table) {
    const got = await surrogate(ratio, advantage);
    expect(got.objective, `Â ${advantage} r ${ratio}`).toBeCloseTo(objective, 6);
  }
});

test('C11 the gradient is exactly 0 where clipping takes over, and -rÂ elsewhere', async () => {
  expect((await surrogate(1.21, 1)).slope).toBe(0);
  expect((await surrogate(3, 1)).slope).toBe(0);
  expect((await surrogate(0.79, -1)).slope).toBe(0);
  expect((await surrogate(0.1, -1)).slope).toBe(0);
  for (const [ratio, advantage] of [
    [1.19, 1],
    [0.5, 1],
    [0.81, -1],
    [1.5, -2],
  ] as const) {
    expect((await surrogate(ratio, advantage)).slope).toBeCloseTo(-ratio * advantage, 6);
  }
});

/** Random samples whose old policy is the given one. */
function samplesOf(N: number, A: number) {
  const random = randomFor(`ppo ${N} ${A}`);
  const tensor = ({ data, shape, dtype }: ReturnType<typeof random.normal>) =>
    device.tensor(data, { shape, dtype });
  const logits = tensor(random.normal([N, A])).requireGrad();
  const actions = tensor(random.integers([N], A));
  const oldLogProbs = logProbsOf(logits, actions).detach();
  const [advantages, returns, values] = [0, 1, 2].map(() => tensor(random.normal([N])));
  return {
    logits,
    values: values!.requireGrad(),
    samples: { actions, oldLogProbs, advantages: advantages!, returns: returns! },
  };
}

function logProbsOf(logits: Tensor, actions: Tensor): Tensor {
  const [N] = actions.shape as [number];
  return reshape(gather(logSoftmax(logits), reshape(actions, [N, 1]), { axis: 1 }), [N]);
}

test('C10 at the old policy the gradient is that of the vanilla policy gradient', async () => {
  for (const [N, A] of [
    [67, 4],
    [3000, 65],
  ] as const) {
    const { logits, values, samples } = samplesOf(N, A);
    const { loss, approxKl, clipFraction } = ppoLoss(logits, values, samples, POLICY_ONLY);
    backward(loss);
    const ppo = await logits.grad!.data();
    logits.grad = null;
    backward(neg(mean(mul(logProbsOf(logits, samples.actions), samples.advantages))));
    const vanilla = Float64Array.from(await logits.grad!.data());
    expectClose(ppo, vanilla, { rtol: 2e-5, atol: 1e-7 }, 'dlogits');
    expect(await approxKl.item()).toBeLessThan(1e-11);
    expect(await clipFraction.item()).toBe(0);
  }
});

test('the estimate of a small KL keeps its digits', async () => {
  const [shift, zero] = [1e-3, device.zeros([1])];
  const samples = { oldLogProbs: zero, advantages: zero, returns: zero };
  const { approxKl } = ppoLossFromLogProbs(device.tensor([shift]), zero, zero, samples);
  expect(await approxKl.item()).toBeCloseTo(Math.expm1(shift) - shift, 12);
});

test('both losses agree when one is given what the other computes', async () => {
  const { logits, values, samples } = samplesOf(129, 6);
  const half = { ...samples, oldLogProbs: device.full([129], -1.8) };
  const whole = ppoLoss(logits, values, half, { entropyCoef: 0 });
  const logProbs = logProbsOf(logits, samples.actions);
  const parts = ppoLossFromLogProbs(logProbs, device.zeros([129]), values, half, {
    entropyCoef: 0,
  });
  expect(await parts.loss.item()).toBeCloseTo(await whole.loss.item(), 5);
  backward(whole.loss);
  const fused = Float64Array.from(await logits.grad!.data());
  logits.grad = null;
  backward(parts.loss);
  expectClose(await logits.grad!.data(), fused, { rtol: 1e-4, atol: 1e-7 }, 'dlogits');
});

test('a masked sample changes nothing, whatever stands in it', async () => {
  const { logits, values, samples } = samplesOf(8, 3);
  const spoil = async (x: Tensor, value: number) => {
    const data = await x.data();
    data[7] = value;
    return device.tensor(data, { dtype: x.dtype });
  };
  const mask = device.tensor([1, 1, 1, 1, 1, 1, 1, 0], { dtype: 'i32' });
  const spoilt = {
    actions: await spoil(samples.actions, -100),
    oldLogProbs: await spoil(samples.oldLogProbs, Number.NaN),
    advantages: await spoil(samples.advantages, Number.POSITIVE_INFINITY),
    returns: await spoil(samples.returns, Number.NaN),
  };
  const results: number[][] = [];
  for (const batch of [samples, spoilt]) {
    const out = ppoLoss(logits, values, { ...batch, mask });
    backward(out.loss);
    const scalars = await Promise.all(Object.values(out).map((x: Tensor) => x.item()));
    results.push([...scalars, ...(await logits.grad!.data()), ...(await values.grad!.data())]);
    logits.grad = values.grad = null;
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[0]!.slice(-1)).toEqual([0]);
});

test('masks of any type mean the same', async () => {
  const { logits, values, samples } = samplesOf(5, 2);
  const losses = (['i32', 'u32', 'f32'] as const).map((dtype) => {
    const mask = device.tensor([1, 0, 1, 0, 1], { dtype });
    return ppoLoss(logits, values, { ...samples, mask }).loss.item();
  });
  const [a, b, c] = await Promise.all(losses);
  expect([b, c]).toEqual([a, a]);
});

test('without samples that count, loss and gradients are 0', async () => {
  const { logits, values, samples } = samplesOf(4, 3);
  const { loss } = ppoLoss(logits, values, { ...samples, mask: device.zeros([4]) });
  backward(loss);
  expect(await loss.item()).toBe(0);
  expect([...(await logits.grad!.data()), ...(await values.grad!.data())]).toEqual(
    new Array(16).fill(0),
  );
  const none = samplesOf(0, 3);
  expect(await ppoLoss(none.logits, none.values, none.samples).loss.item()).toBe(0);
});

test('an action that is not allowed has no probability and no gradient; a row with none has neither', async () => {
  const logits = device.tensor([
    [1, 9, 2],
    [1, 2, 3],
  ]);
  logits.requireGrad();
  const zero = device.zeros([2]);
  const actionMask = device.tensor(
    [
      [1, 0, 1],
      [0, 0, 0],
    ],
    { dtype: 'i32' },
  );
  const samples = { oldLogProbs: zero, advantages: device.ones([2]), returns: zero, actionMask };
  const actions = device.tensor([2, 1], { dtype: 'i32' });
  const out = ppoLoss(logits, zero, { ...samples, actions });
  const p = 1 / (1 + Math.exp(-1));
  const entropy = -p * Math.log(p) - (1 - p) * Math.log(1 - p);
  expect(await out.entropy.item()).toBeCloseTo(entropy / 2, 6);
  expect(await out.policyLoss.item()).toBeCloseTo(-(p + 1) / 2, 6);
  backward(out.loss);
  const gradient = await logits.grad!.data();
  expect([...gradient].map((g) => g === 0)).toEqual([false, true, false, true, true, true]);
});

test('extreme logits stay finite', async () => {
  for (const row of [
    [1e4, -1e4, 0],
    [-3e38, 3e38, 0],
    [-1e30, -1e30, -1e30],
    [Number.NEGATIVE_INFINITY, 0, 0],
  ]) {
    const logits = device.tensor([row]).requireGrad();
    const zero = device.zeros([1]);
    const samples = { oldLogProbs: zero, advantages: device.ones([1]), returns: zero };
    const actions = device.tensor([0], { dtype: 'i32' });
    const { loss } = ppoLoss(logits, zero, { ...samples, actions });
    backward(loss);
    const values = [await loss.item(), ...(await logits.grad!.data())];
    expect(values.every(Number.isFinite), `${row}: ${values}`).toBe(true);
  }
});

test('the same samples give the same bits', async () => {
  const { logits, values, samples } = samplesOf(5000, 40);
  const runs: (number | Float32Array)[][] = [];
  for (let run = 0; run < 2; run++) {
    const { loss } = ppoLoss(logits, values, samples);
    backward(loss);
    runs.push([await loss.item(), (await logits.grad!.data()) as Float32Array]);
    logits.grad = values.grad = null;
  }
  expect(runs[1]).toEqual(runs[0]);
});

test('more rows than one dimension of the grid has workgroups all count', async () => {
  const [N, A] = [65_600, 33];
  const advantages = new Float32Array(N);
  advantages[N - 1] = N; // only the last row has a policy loss
  const zero = device.zeros([N]);
  const samples = {
    actions: device.zeros([N], { dtype: 'i32' }),
    oldLogProbs: device.full([N], -Math.log(A)),
    advantages: device.tensor(advantages),
    returns: zero,
  };
  const { policyLoss, entropy } = ppoLoss(device.zeros([N, A]), zero, samples);
  expect(await policyLoss.item()).toBeCloseTo(-1, 5);
  expect(await entropy.item()).toBeCloseTo(Math.log(A), 4);
});

test('the gradient of a scaled loss is scaled', async () => {
  const { logits, values, samples } = samplesOf(7, 3);
  backward(ppoLoss(logits, values, samples).loss);
  const plain = await logits.grad!.data();
  logits.grad = null;
  backward(mul(ppoLoss(logits, values, samples).loss, 4));
  expect([...(await logits.grad!.data())]).toEqual([...plain].map((g) => 4 * g));
});

test('what is missing or out of range is named', async () => {
  const { logits, values, samples } = samplesOf(4, 3);
  expect(() => ppoLoss(logits, values, samples, { valueClip: 0.2 })).toThrow(/needs oldValues/);
  expect(() => ppoLoss(values, values, samples)).toThrow(/expected \[samples, actions\]/);
  const actions = device.tensor([0, 1, 2, 3], { dtype: 'i32' });
  const { loss } = ppoLoss(logits, values, { ...samples, actions });
  await expect(loss.item()).rejects.toThrow('ppoLoss: an action is out of range [0, 3)');
});
