// Run in a process of its own by lifetime.test.ts, with --expose-gc: devices are opened and dropped, and garbage is
// collected between the ops of the one that is kept. Prints "finished" and then has to end by itself.

import { add } from '../../src/ops/binary.ts';
import { Device } from '../../src/ops/device.ts';
import { sum } from '../../src/ops/reduce.ts';
import { relu } from '../../src/ops/unary.ts';

declare const gc: () => void;

const ROUNDS = 60;
const pause = () => new Promise((resolve) => setTimeout(resolve, 1));

/** Opens a device, computes on it, and forgets it with all that it made. */
async function forgotten(): Promise<void> {
  const other = await Device.open({ announce: null });
  relu(other.ones([100]));
  await sum(add(other.ones([100]), 1)).item();
}

const device = await Device.open({ announce: null });
for (let round = 0; round < ROUNDS; round++) {
  if (round % 20 === 0) await forgotten();
  const total = sum(relu(add(device.ones([1000]), round)));
  gc();
  await pause();
  gc();
  const got = await total.item();
  if (got !== 1000 * (round + 1)) throw new Error(`round ${round}: the sum is ${got}`);
}
console.log('finished');
