// Waiting for an adapter that computes on the CPU: turns of the event loop that sleep, while something is awaited.

import { afterEach, expect, test, vi } from 'vitest';
import { idle } from '../../src/gpu/idle_node.ts';

afterEach(() => vi.restoreAllMocks());

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Something to await, and how to settle it. */
function pending() {
  let [settle, fail] = [() => {}, (_: Error) => {}];
  const work = new Promise<void>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  return { work, settle, fail };
}

test('each turn sleeps, longer the longer it takes, at most half a millisecond, and none after it', async () => {
  const slept = vi.spyOn(Atomics, 'wait');
  const { work, settle } = pending();
  idle(work);
  for (let i = 0; i < 40; i++) await turn();
  const times = slept.mock.calls.map(([, , , milliseconds]) => milliseconds!);
  expect(times.length).toBeGreaterThan(30);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)).toBe(0.5);
  settle();
  for (let i = 0; i < 3; i++) await turn();
  slept.mockClear();
  for (let i = 0; i < 10; i++) await turn();
  expect(slept).not.toHaveBeenCalled();
});

test('two that are awaited at once sleep once a turn; one that fails ends as one that does not', async () => {
  const slept = vi.spyOn(Atomics, 'wait');
  const [first, second] = [pending(), pending()];
  idle(first.work);
  first.fail(new Error('says the test'));
  await first.work.catch(() => {});
  idle(second.work); // before the turn that would have ended the first one's
  idle(Promise.resolve());
  for (let i = 0; i < 10; i++) await turn();
  expect(slept.mock.calls.length).toBeLessThanOrEqual(11);
  second.settle();
  for (let i = 0; i < 3; i++) await turn();
  slept.mockClear();
  await turn();
  expect(slept).not.toHaveBeenCalled();
});
