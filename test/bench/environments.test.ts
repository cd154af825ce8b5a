// The bench of environments alone, at a size that says nothing of speed.

import { expect, test } from 'vitest';
import { benchEnvironment, hostSteps, kernelSteps } from '../../bench/environments.ts';
import { Device } from '../../src/ops/device.ts';

test('both kinds take the same steps and leave the same on the device', async () => {
  const device = await Device.open({ announce: null });
  const before = device.memory().bytesInUse;
  const options = { environment: 'Breakout10x10-v0', copies: 4, steps: 2 };
  const [kernel, host] = [await kernelSteps(device, options), hostSteps(device, options)];
  host.run();
  for (let round = 0; round < 2; round++) {
    for (const name of ['observations', 'following', 'now'] as const)
      expect(await kernel.left[name].data(), name).toEqual(await host.left[name].data());
    for (const steps of [kernel, host]) steps.run();
  }
  for (const steps of [kernel, host]) steps.dispose();

  const result = await benchEnvironment(device, { ...options, rounds: 1 });
  expect(result).toMatchObject({ ...options, rounds: 1, clock: 'wall' });
  const { kernel: fast, typeScript } = result.stepsPerSecond;
  expect(result.speedup).toBeCloseTo(fast / typeScript, 6);
  expect(device.memory().bytesInUse).toBe(before);
  device.destroy();
});
