// The loss of the policy gradient on the device.

import { expect, test } from 'vitest';
import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import { policyHead } from '../../src/ops/policy_head.ts';
import { neg } from '../../src/ops/unary.ts';
import { pgLoss } from '../../src/rl/policy_gradient.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';
import { CHAIN_POLICY, scaled, softmaxRow } from '../reference/enumerable.ts';

const gradient = async (loss: Tensor, x: Tensor) => {
  const [dx] = grad(loss, [x]);
  return [...(await dx!.data())];
};

const tokens = { rows: 24, V: 50 };
const logits = () => device.randn([tokens.rows, tokens.V], { seed: 3 }).requireGrad();
const ids = device.tensor(Int32Array.from({ length: tokens.rows }, (_, i) => (i * 7) % tokens.V));

test('B17 with weight 1 on every token the gradient is that of supervised learning, bit for bit', async () => {
  const [a, b, c] = [logits(), logits(), logits()];
  const ones = device.ones([tokens.rows]);
  const logProb = neg(crossEntropy(b, ids, { reduction: 'none' }));
  const supervised = await gradient(crossEntropy(a, ids, { reduction: 'sum' }), a);
  expect(await gradient(pgLoss(logProb, ones), b)).toEqual(supervised);
  // The policy's own kernel sums a row in another order.
  const own = await gradient(pgLoss(policyHead(c, ids).logProb, ones), c);
  expectClose(own, Float64Array.from(supervised), { rtol: 1e-5, atol: 1e-7 }, 'policyHead');
});

test('weights scale each action’s part, and get no gradient', async () => {
  const x = device.tensor(CHAIN_POLICY as number[][]).requireGrad();
  const weights = device.tensor([2, -1, 0.5]).requireGrad();
  const actions = [1, 0, 1];
  const { logProb } = policyHead(x, device.tensor(Int32Array.from(actions)));
  const loss = pgLoss(logProb, weights);
  const want = CHAIN_POLICY.flatMap((row, i) => {
    const pi = softmaxRow(row);
    const score = pi.map((p, a) => Number(a === actions[i]) - p);
    return scaled(score, -[2, -1, 0.5][i]!);
  });
  expectClose(await gradient(loss, x), Float64Array.from(want), { rtol: 1e-5, atol: 1e-6 }, 'x');
  expect(() => grad(loss, [weights])).toThrow();
  expect(() => pgLoss(logProb, device.ones([2]))).toThrow('pgLoss: logProb is [3]');
});
