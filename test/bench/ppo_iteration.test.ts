// The bench of PPO's iteration, at a size that says nothing of speed.

import { expect, test } from 'vitest';
import { benchPpo } from '../../bench/ppo_iteration.ts';
import { device } from '../device.ts';

test('times an iteration and its parts, and gives back what it took', async () => {
  const result = await benchPpo(device, { copies: 4, steps: 4, rounds: 1 });
  expect(Object.keys(result.milliseconds)).toEqual([
    'iteration, kernels',
    'iteration, TypeScript',
    'environments, kernels',
    'environments, TypeScript',
    'policy',
  ]);
  for (const time of Object.values(result.milliseconds)) expect(time).toBeGreaterThan(0);
  const [name, perSecond] = Object.entries(result.stepsPerSecond)[0]!;
  expect(perSecond).toBeCloseTo(16_000 / result.milliseconds[name as 'policy']!, 3);
  expect(result).toMatchObject({ copies: 4, steps: 4, rounds: 1, pytorch: null });
  expect(result.speedup.overPyTorch).toBeNull();
});
