// Replay memory: what is written is what is drawn, each as often as the next, anew at each replay, and after a restart.

import { expect, test } from 'vitest';
import { sampleRows } from '../../src/ops/sample_rows.ts';
import { ReplayBuffer } from '../../src/rl/replay.ts';
import { fillUniform } from '../../src/tensor/philox.ts';
import { device } from '../device.ts';

const SIZES = { observation: 3, action: 2 };

/** Transition i: every number tells i and its own place. */
const transition = (i: number) => ({
  observation: [i, i + 0.1, i + 0.2],
  action: [i + 0.3, i + 0.4],
  reward: i + 0.5,
  terminated: i % 2 === 1,
  nextObservation: [i + 0.6, i + 0.7, i + 0.8],
});

const filled = (capacity: number, count: number) => {
  const buffer = new ReplayBuffer(device, { ...SIZES, capacity });
  for (let i = 0; i < count; i++) buffer.push(transition(i));
  return buffer;
};

const rounded = (values: ArrayLike<number>) => Array.from(values, (x) => Math.round(10 * x) / 10);

test('a draw gives whole transitions, those that (seed, step) say', async () => {
  const buffer = filled(100, 37);
  device.beginStep(5, 8);
  const batch = buffer.sample(50);
  const uniforms = new Float64Array(50);
  fillUniform(uniforms, { seed: 5, stream: 0, step: 8 });
  const drawn = [...uniforms].map((u) => transition(Math.floor(u * 37)));
  expect(rounded(await batch.observations.data())).toEqual(drawn.flatMap((t) => t.observation));
  expect(rounded(await batch.pairs.data())).toEqual(
    drawn.flatMap((t) => [...t.observation, ...t.action]),
  );
  expect(rounded(await batch.rewards.data())).toEqual(drawn.map((t) => t.reward));
  expect([...(await batch.terminated.data())]).toEqual(drawn.map((t) => Number(t.terminated)));
  expect(rounded(await batch.nextObservations.data())).toEqual(
    drawn.flatMap((t) => t.nextObservation),
  );
});

test('the oldest make room, and each that is left is drawn as often as the others', async () => {
  const buffer = filled(10, 24); // 14 … 23 are left
  expect(buffer.size).toBe(10);
  device.beginStep(1, 0);
  const rewards = rounded(await buffer.sample(20_000).rewards.data());
  const counts = new Map<number, number>();
  for (const reward of rewards) counts.set(reward, (counts.get(reward) ?? 0) + 1);
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 10 }, (_, i) => 14.5 + i),
  );
  // 2000 each, with a standard deviation of 42.
  for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(5 * 42);
});

test('a replayed draw is another one, of all that was written by then', async () => {
  const buffer = filled(1000, 1);
  device.beginStep(2, 0);
  const step = device.capture(() => buffer.sample(64).rewards);
  for (let i = 1; i < 500; i++) buffer.push(transition(i));
  device.beginStep(2, 1);
  const first = [...(await step().data())];
  expect(new Set(first).size).toBeGreaterThan(40);
  device.beginStep(2, 2);
  expect([...(await step().data())]).not.toEqual(first);
  device.beginStep(2, 1);
  expect([...(await step().data())]).toEqual(first);
});

test('goes on from its state to the bit, the next place included', async () => {
  const straight = filled(10, 24);
  const resumed = new ReplayBuffer(device, { ...SIZES, capacity: 10 });
  resumed.restore(await straight.state());
  for (const buffer of [straight, resumed]) buffer.push(transition(24));
  expect(await resumed.state()).toEqual(await straight.state());
  const rows = { dtype: 'f32', shape: [4, 10], data: new Float32Array(40) } as const;
  expect(() => resumed.restore({ rows, written: 5 })).toThrow(
    'the saved rows are [4,10], expected [5,10]',
  );
});

test('what does not fit is refused', () => {
  for (const capacity of [0, 2 ** 25, Number.NaN])
    expect(() => new ReplayBuffer(device, { ...SIZES, capacity })).toThrow(
      `ReplayBuffer: capacity is ${capacity}`,
    );
  const rows = device.zeros([4, 2]);
  const size = device.zeros([], { dtype: 'u32' });
  expect(() => sampleRows(device.zeros([4]), size, 1)).toThrow('sampleRows: rows is [4]');
  expect(() => sampleRows(rows, device.zeros([]), 1)).toThrow('sampleRows: size is f32');
  expect(() => sampleRows(rows, size, -1)).toThrow('sampleRows: count is -1');
});
