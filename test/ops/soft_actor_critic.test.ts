// The losses of soft actor-critic against float64: values, gradients by differences, from views, and by ops.

import { describe, expect, test } from 'vitest';
import {
  softCriticLoss,
  softPolicyLoss,
  softTargets,
  type TwinValues,
} from '../../src/ops/soft_actor_critic.ts';
import { grad } from '../../src/tensor/tape.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { map, type Ref, scalar } from '../reference/array.ts';
import { type Api, type OpCase, type OpReference, opCase } from '../reference/case.ts';
import { expectClose } from '../reference/close.ts';
import { slopes } from '../reference/differences.ts';
import { f32, type Random } from '../reference/random.ts';
import { reduction } from '../reference/tolerance.ts';
import { run } from './in_graph.ts';

type None = Record<never, never>;
type Targets = Record<'rewards' | 'terminated' | 'q1' | 'q2' | 'nextLogProb' | 'alpha', Ref>;

const targets: OpReference<Targets, { gamma: number }, { out: Ref }> = {
  op: 'softTargets',
  forward: ({ rewards, terminated, q1, q2, nextLogProb, alpha }, { gamma }) => ({
    out: map(rewards, (r, b) => {
      const soft = Math.min(q1.data[b]!, q2.data[b]!) - alpha.data[0]! * nextLogProb.data[b]!;
      return r + gamma * (1 - terminated.data[b]!) * soft;
    }),
  }),
  args: ({ q1, q2, ...others }, attrs) => [{ ...others, nextValues: [q1, q2] }, attrs],
  tolerance: () => ({ forward: reduction(2, 10), backward: reduction(2, 10) }),
};

type Critic = Record<'q1' | 'q2' | 'y', Ref>;

const critic: OpReference<Critic, None, { out: Ref }> = {
  op: 'softCriticLoss',
  forward: ({ q1, q2, y }) => {
    const terms = y.data.map((t, b) => (q1.data[b]! - t) ** 2 + (q2.data[b]! - t) ** 2);
    return { out: scalar(terms.reduce((a, b) => a + b, 0) / (2 * terms.length)) };
  },
  backward: ({ q1, q2, y }, _attrs, { out }) => {
    const slope = (q: Ref) => map(q, (v, b) => ((v - y.data[b]!) * out.data[0]!) / y.data.length);
    return { q1: slope(q1), q2: slope(q2) };
  },
  args: ({ q1, q2, y }) => [[q1, q2], y],
  tolerance: ({ y }, _attrs, dout) => ({
    forward: reduction(2, 16),
    backward: { rtol: 1e-5, atol: (1e-6 * dout) / y.data.length },
  }),
};

type Policy = Record<'q1' | 'q2' | 'logProb' | 'alpha', Ref>;

const policy: OpReference<Policy, None, { loss: Ref; entropy: Ref }> = {
  op: 'softPolicyLoss',
  differentiable: ['loss'],
  forward: ({ q1, q2, logProb, alpha }) => {
    const B = logProb.data.length;
    const total = logProb.data.reduce((a, b) => a + b, 0);
    const least = q1.data.reduce((sum, v, b) => sum + Math.min(v, q2.data[b]!), 0);
    return {
      loss: scalar((alpha.data[0]! * total - least) / B),
      entropy: scalar(-total / B),
    };
  },
  backward: ({ q1, q2, logProb, alpha }, _attrs, { loss }) => {
    const share = loss.data[0]! / logProb.data.length;
    return {
      q1: map(q1, (v, b) => (v <= q2.data[b]! ? -share : 0)),
      q2: map(q2, (v, b) => (v < q1.data[b]! ? -share : 0)),
      logProb: map(logProb, () => alpha.data[0]! * share),
    };
  },
  args: ({ q1, q2, logProb, alpha }) => [[q1, q2], logProb, alpha],
  tolerance: ({ logProb }, _attrs, dout) => ({
    forward: reduction(2, 10),
    backward: { rtol: 1e-5, atol: (1e-6 * dout) / logProb.data.length },
  }),
};

const values = (random: Random, B: number) => ({
  q1: random.normal([B]),
  q2: random.normal([B]),
});

const casesOf = (B: number): OpCase[] => [
  opCase(
    targets,
    `${B}`,
    (random) => ({
      rewards: random.normal([B]),
      terminated: random.mask([B], 0.3, 'f32'),
      ...values(random, B),
      nextLogProb: random.normal([B]),
      alpha: f32([0.7], []),
    }),
    { gamma: 0.9 },
  ),
  opCase(critic, `${B}`, (random) => ({ ...values(random, B), y: random.normal([B]) }), {}),
  opCase(
    policy,
    `${B}`,
    (random) => ({
      ...values(random, B),
      logProb: random.normal([B]),
      alpha: f32([0.7], []),
    }),
    {},
  ),
];

const cases = [1, 3, 31, 64, 65, 256, 1000].flatMap(casesOf);

const api = { softTargets, softCriticLoss, softPolicyLoss } as unknown as Api<Tensor>;

describe.each(cases.map((each) => [each.op, each.name, each] as const))('%s %s', (_, __, each) => {
  test.each(['dense', 'view'] as const)('%s', async (layout) => {
    const { outputs, grads, atLeaf } = await run(device, api, each, layout);
    for (const [name, want] of Object.entries(each.outputs))
      expectClose(outputs[name]!.data, want.data, each.tolerance, name);
    for (const [name, gradient] of Object.entries(each.grads ?? {})) {
      const want = atLeaf[name]!(gradient);
      expectClose(grads[name]!.data, want.data, each.gradTolerances[name]!, `d${name}`);
      const found = slopes(each, name, gradient);
      expectClose(found.gradient, found.differences, { rtol: 1e-6, atol: 1e-7 }, name);
    }
  });
});

test('the gradients by ops are those of the kernels', async () => {
  const random = (stream: number) => device.randn([65], { seed: 3, stream });
  const [q1, q2, logProb] = [random(0), random(1), random(2)].map((x) => x.requireGrad());
  const twin: TwinValues = [q1!, q2!];
  const inputs = [q1!, q2!, logProb!];
  const losses = [
    () => [softCriticLoss(twin, random(4)), [q1!, q2!]] as const,
    () => [softPolicyLoss(twin, logProb!, device.full([], 0.3)).loss, inputs] as const,
  ];
  for (const make of losses) {
    const both = [false, true].map((createGraph) => {
      const [loss, by] = make();
      return grad(loss, by, { createGraph });
    });
    for (const [i, x] of both[0]!.entries()) {
      const want = Float64Array.from(await x!.data());
      expectClose(await both[1]![i]!.data(), want, { rtol: 1e-6, atol: 1e-9 }, `${i}`);
    }
  }
});

test('between equal values the gradient goes to the first', async () => {
  const [q1, q2] = [device.ones([3]).requireGrad(), device.ones([3]).requireGrad()];
  const { loss } = softPolicyLoss([q1, q2], device.zeros([3]), device.ones([]));
  const [d1, d2] = grad(loss, [q1, q2]);
  expectClose(
    await d1!.data(),
    Float64Array.of(-1, -1, -1).map((x) => x / 3),
    { rtol: 1e-6, atol: 0 },
    'q1',
  );
  expect([...(await d2!.data())]).toEqual([0, 0, 0]);
});

test('shapes that differ are refused', () => {
  const [three, four, one] = [device.zeros([3]), device.zeros([4]), device.zeros([])];
  expect(() => softCriticLoss([three, four], three)).toThrow('softCriticLoss: q2 is [4]');
  expect(() => softPolicyLoss([three, three], four, one)).toThrow('softPolicyLoss: q1 is [3]');
  expect(() => softPolicyLoss([three, three], three, three)).toThrow(
    'softPolicyLoss: alpha is [3]',
  );
  const inputs = { rewards: three, terminated: four, nextValues: [three, three] as const };
  expect(() => softTargets({ ...inputs, nextLogProb: three, alpha: one }, { gamma: 1 })).toThrow(
    'softTargets: terminated is [4]',
  );
});
