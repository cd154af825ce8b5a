// The bench of RLHF's iteration, at a size that says nothing of speed.

import { expect, test } from 'vitest';
import { benchRlhf } from '../../bench/rlhf_iteration.ts';
import { Device } from '../../src/ops/device.ts';

test('times an iteration of RLHF and its parts, and gives back what it took', async () => {
  const device = await Device.open({ announce: null });
  const before = device.memory().tensors;
  const size = { layers: 1, width: 16, vocabularySize: 80, answers: 4, newTokens: 4 };
  const result = await benchRlhf(device, { ...size, rounds: 1 });
  const { milliseconds, tokensPerSecond } = result;
  for (const name of ['iteration', 'draw', 'draw, batch 1'] as const) {
    expect(milliseconds[name]).toBeGreaterThan(0);
    const tokens = name === 'draw, batch 1' ? 4 : 16;
    expect(tokensPerSecond[name]).toBeCloseTo((1e3 * tokens) / milliseconds[name], 3);
  }
  expect(result).toMatchObject({ ...size, rounds: 1, clock: 'wall' });
  expect(result.batchGain).toBeCloseTo((4 * milliseconds['draw, batch 1']) / milliseconds.draw, 6);
  expect(device.memory().tensors).toBeLessThan(before + 8); // what the library keeps for good
  device.destroy();
});
