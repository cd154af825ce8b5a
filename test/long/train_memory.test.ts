// The page train, for ten minutes.

import { test } from 'vitest';
import { demo } from '../browser/demo.ts';
import { expectFlatMemory } from '../browser/train_memory.ts';

const site = demo();

test('memory is flat over ten minutes of training in Chromium', { timeout: 900_000 }, () =>
  expectFlatMemory(site, 600_000),
);
