import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCeilings, placeCeilings } from '../../bench/ceilings.ts';
import {
  type Clock,
  clockFor,
  measure,
  measureInterleaved,
  medianRatio,
  quantile,
  timestampClock,
  wallClock,
} from '../../bench/measure.ts';
import { benchmarkClock } from '../../bench/wall_clock.ts';
import { Device } from '../../src/ops/device.ts';
import { matmul } from '../../src/ops/matmul.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open();
});

afterAll(() => device.destroy());

/** A clock that says what it is told: each call of a candidate costs so many microseconds. */
function toldClock(costs: { total: number }): Clock {
  return {
    source: 'wall',
    async time(_device, record) {
      costs.total = 0;
      await record();
      return costs.total;
    },
  };
}

describe('samples', () => {
  it('are as long as asked for, and are given per call', async () => {
    const costs = { total: 0 };
    const run = () => void (costs.total += 30);
    const found = await measure(device, run, { clock: toldClock(costs), minMilliseconds: 20 });
    expect(found.microseconds).toBe(30);
    expect(found.calls * 30).toBeGreaterThanOrEqual(20_000);
    expect(found.calls * 30).toBeLessThan(60_000);
    expect(found.samples).toHaveLength(10);
  });

  it('of a call that takes longer than a sample are single calls', async () => {
    const costs = { total: 0 };
    const run = () => void (costs.total += 1e6);
    const found = await measure(device, run, { clock: toldClock(costs), rounds: 3 });
    expect(found).toMatchObject({ calls: 1, microseconds: 1e6, samples: [1e6, 1e6, 1e6] });
  });

  it('of several candidates take turns, so that drift falls out of the ratio', async () => {
    const costs = { total: 0 };
    let drift = 1;
    const order: string[] = [];
    const candidate = (name: string, cost: number) => ({
      name,
      run: () => {
        order.push(name);
        drift *= 1.01;
        costs.total += drift * cost;
      },
    });
    const candidates = [candidate('slow', 3000), candidate('fast', 1000)];
    const options = { clock: toldClock(costs), minMilliseconds: 0.1, rounds: 20 };
    const [slow, fast] = await measureInterleaved(device, candidates, options);
    expect(order.slice(-4)).toEqual(['slow', 'fast', 'slow', 'fast']);
    expect(slow!.speedup).toBe(1);
    expect(fast!.speedup).toBeGreaterThan(2.9);
    expect(fast!.speedup).toBeLessThan(3.1);
    expect(slow!.p10).toBeLessThan(slow!.microseconds);
    expect(slow!.p90).toBeGreaterThan(slow!.microseconds);
  });
});

describe('quantiles', () => {
  it('lie between the nearest values', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([5, 1], 0.1)).toBeCloseTo(1.4, 12);
    expect(quantile([7], 0.9)).toBe(7);
  });

  it('of ratios are those of pairs', () => {
    expect(medianRatio([2, 40, 6], [1, 10, 3])).toBe(2);
  });
});

describe('clocks', () => {
  const clocks = [timestampClock, wallClock, benchmarkClock].map(
    (clock, i) => [['timestamps', 'wall', 'benchmark'][i]!, clock] as const,
  );

  it.each(clocks)('%s: a hundred products take longer than one', async (_, clock) => {
    if (clock === timestampClock && clockFor(device) !== timestampClock) return;
    const a = device.randn([192, 192], { seed: 1 });
    const product = () => device.scope(() => void matmul(a, a));
    const times = (count: number) =>
      clock.time(device, () => {
        for (let i = 0; i < count; i++) product();
      });
    await times(1);
    const [one, many] = [await times(1), await times(100)];
    expect(one).toBeGreaterThan(0);
    expect(many).toBeGreaterThan(2 * one);
    a.dispose();
  });

  it('passes stay whole: their time is that of the region, not of one pass per kernel', async () => {
    if (!device.features.has('timestamp-query')) return;
    const a = device.randn([64, 64], { seed: 1 });
    const record = () => {
      for (let i = 0; i < 5; i++) device.scope(() => void matmul(a, a));
    };
    const whole = await device.gpu.time(record, { split: false });
    expect(whole.kernels.map(({ count }) => count)).toEqual([1]);
    const split = await device.gpu.time(record);
    expect(split.kernels.reduce((total, { count }) => total + count, 0)).toBe(5);
    a.dispose();
  });
});

it('ceilings do the work that they claim, and give their memory back', async () => {
  const { bytesInUse } = device.memory();
  const forms = await findCeilings(device, { rounds: 1, minMilliseconds: 1 });
  const ceilings = await placeCeilings(device, forms);
  const candidates = [ceilings.fma, ceilings.copy];
  const times = await measureInterleaved(device, candidates, { rounds: 3, minMilliseconds: 1 });
  const [fma, copy] = candidates.map(({ work }, i) => work / times[i]!.microseconds / 1e3);
  // Between the slowest software adapter under load and the fastest GPU.
  expect(fma).toBeGreaterThan(0.05);
  expect(fma).toBeLessThan(5e5);
  expect(copy).toBeGreaterThan(0.01);
  expect(copy).toBeLessThan(5e4);
  ceilings.dispose();
  expect(device.memory().bytesInUse).toBe(bytesInUse);
});
