// The page train begins soon, and its memory on the GPU does not grow.

import { expect, test } from 'vitest';
import { demo } from './demo.ts';
import { expectFlatMemory, load, timeToFirstStep } from './train_memory.ts';

const site = demo({ offline: true });

test('the first training step comes within 15 s on SwiftShader (longer by as much as the machine is busy)', async () => {
  const busy = load();
  const seconds = (await timeToFirstStep(site)) / 1000;
  console.log(`first training step after ${seconds.toFixed(1)} s, at a load of ${busy.toFixed(1)}`);
  expect(seconds).toBeLessThan(15 * Math.max(busy, load()));
});

test('memory is flat over a minute of training', { timeout: 240_000 }, () =>
  expectFlatMemory(site, 60_000, '1'),
);
