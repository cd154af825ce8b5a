// How long calls take: GPU time by timestamp queries where there are any, wall time else. One sample is as many calls,
// one after the other, as fill 20 ms: the clock's steps (65.5 us on Dawn) are then below 1 %, and a small op is not
// measured as the price of a submit. Candidates take turns, round by round, because machines drift; what is compared
// is their ratio within a round.

import type { Device } from '../src/ops/device.ts';

/** Records work; what waits for some of it on the way is asynchronous. */
export type Call = () => void | Promise<void>;

/** Tells how long the GPU takes for what `record` records. */
export interface Clock {
  readonly source: 'timestamp' | 'wall' | 'processor';
  /** In microseconds. */
  time(device: Device, record: Call): Promise<number>;
}

/** Something to time. */
export interface Candidate {
  readonly name: string;
  /** Records one call, and frees what it makes. */
  readonly run: Call;
}

export interface MeasureOptions {
  /** Samples of each candidate. Default 10. */
  readonly rounds?: number;
  /** The least that a sample takes. Default 20. */
  readonly minMilliseconds?: number;
  /** Default: timestamps, else `performance.now`. */
  readonly clock?: Clock;
  /** Told, and waited for, after each round: the samples so far. */
  readonly onRound?: (sampled: readonly Sampled[]) => void | Promise<void>;
  /** When it aborts, the round under way is the last. */
  readonly signal?: AbortSignal;
}

/** A candidate's samples, in microseconds per call, in the order of the rounds. */
export type Sampled = Pick<Measurement, 'name' | 'samples'>;

/** Times are per call. */
export interface Measurement {
  readonly name: string;
  readonly source: Clock['source'];
  /** Median of the samples. */
  readonly microseconds: number;
  readonly p10: number;
  readonly p90: number;
  /** Calls per sample. */
  readonly calls: number;
  /** In the order of the rounds. */
  readonly samples: readonly number[];
  /** How many times as fast as the first candidate: the median of the rounds' ratios. */
  readonly speedup: number;
}

/** The passes' own time, summed: neither the recording nor the wait between submits counts. */
export const timestampClock: Clock = {
  source: 'timestamp',
  async time(device, record) {
    const { kernels } = await device.gpu.time(record, { split: false });
    return kernels.reduce((total, { microseconds }) => total + microseconds, 0);
  },
};

/** From the recording until all work is done. */
export const wallClock: Clock = {
  source: 'wall',
  async time(device, record) {
    await device.sync();
    const begin = performance.now();
    await record();
    await device.sync();
    return 1000 * (performance.now() - begin);
  },
};

/**
 * What all threads of the process worked, for software adapters on a machine that others use, too. `elsewhere` counts the
 * microseconds of other processes that worked for it.
 */
export const processorClock = (elsewhere = { microseconds: 0 }): Clock => ({
  source: 'processor',
  async time(device, record) {
    await device.sync();
    const [before, beforeElsewhere] = [process.cpuUsage(), elsewhere.microseconds];
    await record();
    await device.sync();
    const { user, system } = process.cpuUsage(before);
    return user + system + elsewhere.microseconds - beforeElsewhere;
  },
});

/** Timestamps where the adapter has them. */
export function clockFor(device: Device): Clock {
  return device.features.has('timestamp-query') ? timestampClock : wallClock;
}

/** Times one thing; `run` as in `Candidate`. */
export async function measure(
  device: Device,
  run: Call,
  options: MeasureOptions = {},
): Promise<Measurement> {
  const [only] = await measureInterleaved(device, [{ name: '', run }], options);
  return only!;
}

/**
 * Times candidates in turns. Each is called until it is warm, and as often per sample as `minMilliseconds` needs.
 * @returns one measurement per candidate, in their order.
 */
export async function measureInterleaved(
  device: Device,
  candidates: readonly Candidate[],
  options: MeasureOptions = {},
): Promise<Measurement[]> {
  const { rounds = 10, minMilliseconds = 20, clock = clockFor(device), onRound, signal } = options;
  const timed: { candidate: Candidate; calls: number; samples: number[] }[] = [];
  for (const candidate of candidates) {
    const calls = await callsToFill(device, clock, candidate, 1000 * minMilliseconds);
    timed.push({ candidate, calls, samples: [] });
  }
  for (let round = 0; round < rounds && !(round > 0 && signal?.aborted); round++) {
    for (const { candidate, calls, samples } of timed) {
      samples.push((await clock.time(device, repeated(candidate, calls))) / calls);
    }
    await onRound?.(timed.map(({ candidate: { name }, samples }) => ({ name, samples })));
  }
  const first = timed[0]!.samples;
  return timed.map(({ candidate, calls, samples }) => ({
    name: candidate.name,
    source: clock.source,
    microseconds: quantile(samples, 0.5),
    p10: quantile(samples, 0.1),
    p90: quantile(samples, 0.9),
    calls,
    samples,
    speedup: medianRatio(first, samples),
  }));
}

/** The median of a[i] / b[i]. */
export function medianRatio(a: readonly number[], b: readonly number[]): number {
  return quantile(
    a.map((value, i) => value / b[i]!),
    0.5,
  );
}

/** Between the nearest two values, linearly (as NumPy). */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (at - Math.floor(at)) * (high - low);
}

/** Warms up on the way. */
async function callsToFill(
  device: Device,
  clock: Clock,
  candidate: Candidate,
  microseconds: number,
): Promise<number> {
  await clock.time(device, candidate.run); // compiles and allocates
  let calls = 1;
  for (;;) {
    const taken = await clock.time(device, repeated(candidate, calls));
    if (taken >= microseconds || calls >= MAX_CALLS) return calls;
    // Some more than needed, as samples vary; in steps, as the first times of a clock with coarse steps say little.
    const wanted = Math.ceil((1.2 * calls * microseconds) / Math.max(taken, 1));
    calls = Math.min(MAX_CALLS, 16 * calls, Math.max(wanted, calls + 1));
  }
}

/** Recording them takes about as long as a sample should. */
const MAX_CALLS = 4096;

const repeated =
  ({ run }: Candidate, calls: number): Call =>
  async () => {
    for (let i = 0; i < calls; i++) {
      const waiting = run();
      if (waiting) await waiting;
    }
  };
