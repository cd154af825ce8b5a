// Wall time through the npm package `benchmark`, for adapters without timestamp queries. Node only.

import Benchmark from 'benchmark';
import type { Clock } from './measure.ts';

/** One cycle of `benchmark` per sample: from the recording until all work is done. */
export const benchmarkClock: Clock = {
  source: 'wall',
  async time(device, record) {
    await device.sync();
    const { stats } = await cycle(async () => {
      await record();
      await device.sync();
    });
    return 1e6 * stats.mean;
  },
};

/** Runs `fn` once: how often it repeats inside is the caller's decision, who interleaves others. */
function cycle(fn: () => Promise<void>): Promise<Benchmark> {
  return new Promise((resolve, reject) => {
    new Benchmark({
      defer: true,
      // Passing a number of repetitions that is already known keeps `benchmark` from calibrating its own.
      initCount: 1,
      minTime: Number.MIN_VALUE,
      maxTime: 0,
      minSamples: 1,
      fn: (deferred: { resolve(): void }) => {
        fn().then(() => deferred.resolve(), reject);
      },
      onComplete: (event: { currentTarget: Benchmark }) => resolve(event.currentTarget),
      onError: (event: { target: { error?: Error } }) => reject(event.target.error),
    }).run({ async: true });
  });
}
