import { expect, test } from 'vitest';
import { constant, cosine, linear } from '../../src/optim/schedule.ts';

test('constant is the same at every step', () => {
  expect([0, 1, 1e6].map(constant(3e-4))).toEqual([3e-4, 3e-4, 3e-4]);
});

test('linear goes from one value to the other and stays there', () => {
  const schedule = linear({ from: 2.5e-4, to: 0, steps: 10 });
  expect([0, 5, 10, 11].map(schedule)).toEqual([2.5e-4, 1.25e-4, 0, 0]);
});

test('cosine with nanoGPT’s settings warms up, peaks, is half way in the middle, and ends at a tenth', () => {
  const schedule = cosine({ lr: 1e-3, warmupSteps: 100, decaySteps: 5000 });
  expect(schedule(0)).toBeCloseTo(1e-3 / 101, 12);
  expect(schedule(99)).toBeCloseTo(1e-1 / 101, 12);
  expect(schedule(100)).toBeCloseTo(1e-3, 12);
  expect(schedule(2550)).toBeCloseTo((1e-3 + 1e-4) / 2, 12);
  expect([5000, 9000].map(schedule)).toEqual([1e-4, 1e-4]);
  for (let step = 1; step < 5100; step++) {
    const change = schedule(step) - schedule(step - 1);
    expect(step <= 100 ? change > 0 : change <= 0).toBe(true);
  }
});

test('schedules that never end or never begin are refused', () => {
  expect(() => linear({ from: 1, to: 0, steps: 0 })).toThrow(/steps is 0/);
  expect(() => cosine({ lr: 1, warmupSteps: 10, decaySteps: 10 })).toThrow(/decaySteps is 10/);
});
