import { expect, test } from 'vitest';
import { type GaeOptions, gae } from '../../src/ops/gae.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { device } from '../device.ts';
import { expectClose } from '../reference/close.ts';
import { randomFor } from '../reference/random.ts';

/** One environment, given by lists; flags are 0 unless given. */
async function estimate(
  { rewards, values, next = [], terminated = [], truncated = [] }: Record<string, number[]>,
  options: GaeOptions,
) {
  const column = (list: number[] | undefined) =>
    device.tensor(
      rewards!.map((_, t) => list?.[t] ?? 0),
      { shape: [rewards!.length, 1] },
    );
  const { advantages, returns } = gae(
    column(rewards),
    column(values),
    column(next),
    column(terminated),
    column(truncated),
    options,
  );
  return { advantages: await advantages.data(), returns: await returns.data() };
}

/** A rollout of T steps in N environments: rewards, values, nextValues, terminated, truncated. */
function rollout(T: number, N: number) {
  const random = randomFor(`rollout ${T} ${N}`);
  const numbers = [0, 1, 2].map(() => random.normal([T, N]).data);
  const flags = [0, 1].map(() => random.mask([T, N], 0.05, 'f32').data);
  return [...numbers, ...flags].map((data) =>
    device.tensor(Float32Array.from(data), { shape: [T, N] }),
  ) as [Tensor, Tensor, Tensor, Tensor, Tensor];
}

test('C6 GAE of three steps by hand', async () => {
  const steps = { rewards: [1, 1, 1], values: [0.5, 0.6, 0.7], next: [0.6, 0.7, 0] };
  const { advantages, returns } = await estimate(
    { ...steps, terminated: [0, 0, 1] },
    { gamma: 0.99, lambda: 0.95 },
  );
  expectClose(advantages, Float64Array.of(2.387328575, 1.37515, 0.3), { rtol: 1e-6, atol: 0 }, 'A');
  expectClose(returns, Float64Array.of(2.887328575, 1.97515, 1), { rtol: 1e-6, atol: 0 }, 'R');
});

const HAND = {
  rewards: [1, -2, 0.5, 3, 0.25],
  values: [0.5, 0.6, -0.7, 0.1, 0.9],
  next: [0.6, -0.7, 0.1, 0.9, 0.4],
};

test('C6 lambda 0 gives the TD error δ', async () => {
  const { advantages } = await estimate(HAND, { gamma: 0.9, lambda: 0 });
  const delta = HAND.rewards.map((r, t) => r + 0.9 * HAND.next[t]! - HAND.values[t]!);
  expectClose(advantages, Float64Array.from(delta), { rtol: 1e-6, atol: 1e-6 }, 'A');
});

test('C6 lambda 1 gives the Monte Carlo return minus the value', async () => {
  const { returns } = await estimate(
    { ...HAND, terminated: [0, 0, 0, 0, 1] },
    { gamma: 0.9, lambda: 1 },
  );
  const monteCarlo: number[] = [];
  HAND.rewards.reduceRight((after, r, t) => (monteCarlo[t] = r + 0.9 * after), 0);
  expectClose(returns, Float64Array.from(monteCarlo), { rtol: 1e-6, atol: 1e-6 }, 'R');
});

test('C6 the scan over runs equals the loop', async () => {
  for (const [T, N] of [
    [129, 3],
    [128, 1],
    [1500, 4],
    [5000, 1],
  ] as const) {
    const inputs = rollout(T, N);
    const scan = await gae(...inputs).advantages.data();
    const loop = walkBack(await Promise.all(inputs.map((x) => x.data())), N);
    // To 1e-6 of the largest advantage: those near 0 are differences of large ones.
    const scale = loop.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
    expectClose(scan, loop, { rtol: 0, atol: 1e-6 * scale }, `T ${T} N ${N}`);
  }
});

/** The advantages in float64, step by step. */
function walkBack(inputs: readonly ArrayLike<number>[], N: number): Float64Array {
  const [rewards, values, nextValues, terminated, truncated] = inputs;
  const advantages = new Float64Array(rewards!.length);
  for (let i = advantages.length - 1; i >= 0; i--) {
    const goesOn = 1 - terminated![i]!;
    const delta = rewards![i]! + 0.99 * goesOn * nextValues![i]! - values![i]!;
    const carried = (1 - truncated![i]!) * goesOn * (advantages[i + N] ?? 0);
    advantages[i] = delta + 0.99 * 0.95 * carried;
  }
  return advantages;
}

test('C6 with reward 1 and time limits, values converge to 1 / (1 - γ) = 100', async () => {
  // One state, so V(s) = V(s') = value. Episodes are cut every 10 steps; V ← mean return, again and again.
  const steps = 40;
  const truncated = Array.from({ length: steps }, (_, t) => (t % 10 === 9 ? 1 : 0));
  const limit = async (flags: Record<string, number[]>) => {
    let value = 0;
    for (let sweep = 0; sweep < 150; sweep++) {
      const all = new Array<number>(steps).fill(value);
      const rollout = { rewards: all.map(() => 1), values: all, next: all, ...flags };
      const { returns } = await estimate(rollout, { gamma: 0.99, lambda: 1 });
      value = [...returns].reduce((sum, r) => sum + r / steps, 0);
    }
    return value;
  };
  expect(await limit({ truncated })).toBeCloseTo(100, 1);
  // Taken for terminations, the same limits give the mean return of episodes of ten steps.
  expect(await limit({ terminated: truncated })).toBeLessThan(6);
});

test('where a step is terminated and truncated, terminated wins, and its next value is not read', async () => {
  const { advantages } = await estimate(
    {
      rewards: [1, 1],
      values: [0, 0],
      next: [Number.NaN, 7],
      terminated: [1, 0],
      truncated: [1, 1],
    },
    { gamma: 0.5, lambda: 0.5 },
  );
  expect([...advantages]).toEqual([1, 4.5]);
});

test('the same rollout gives the same bits', async () => {
  const runs = [0, 1].map(() => gae(...rollout(777, 3)).advantages.data());
  const [a, b] = await Promise.all(runs);
  expect(a).toEqual(b);
});

test('a rollout without steps or without environments is empty', async () => {
  for (const shape of [
    [0, 3],
    [128, 0],
  ]) {
    const empty = device.zeros(shape);
    const { advantages, returns } = gae(empty, empty, empty, empty, empty);
    expect([advantages.shape, returns.shape]).toEqual([shape, shape]);
    expect((await advantages.data()).length).toBe(0);
  }
});

test('no gradient flows through the targets', () => {
  const values = device.zeros([3, 2]).requireGrad();
  const zeros = device.zeros([3, 2]);
  expect(gae(zeros, values, values, zeros, zeros).returns.requiresGrad).toBe(false);
});
