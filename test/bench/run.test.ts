import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CeilingForms, findCeilings } from '../../bench/ceilings.ts';
import type { HostArrays, Item, Results } from '../../bench/item.ts';
import { allItems, items } from '../../bench/items/index.ts';
import { type BenchOptions, type BenchResult, benchItem } from '../../bench/run.ts';
import { runSuite, userKernel } from '../../bench/suite.ts';
import { Device } from '../../src/ops/device.ts';
import { mapValues } from '../ops/in_graph.ts';
import { DOUBLED_WGSL, doubled } from './doubled.ts';

const FAST = { rounds: 2, minMilliseconds: 2 }; // 30 steps of the clock: no sample is 0

const gae = items.find(({ name }) => name === 'gae 32x16')!;
const matmulSmall = items.find(({ name }) => name === 'matmul NN 64x64x64')!;
const open = () => Device.open({ announce: null });

let ceilings: CeilingForms;

beforeAll(async () => {
  const device = await open();
  ceilings = await findCeilings(device, { rounds: 1, minMilliseconds: 2 });
  device.destroy();
});

async function run(
  item: Item,
  source?: string,
  like = 'doubled',
  options: Partial<BenchOptions> = {},
): Promise<BenchResult[]> {
  const device = await open();
  try {
    const kernel = source === undefined ? {} : { kernel: userKernel('mine.wgsl', source, like) };
    return await benchItem(device, item, { ...FAST, ceilings, ...kernel, ...options });
  } finally {
    device.destroy();
  }
}

describe('items', () => {
  it('have names of their own, and work to do', () => {
    expect(new Set(allItems.map(({ name }) => name)).size).toBe(allItems.length);
    for (const { flops, bytes } of allItems) {
      expect(flops).toBeGreaterThan(0);
      expect(bytes).toBeGreaterThan(0);
    }
  });

  it('have inputs that are the same each time', () => {
    expect(gae.inputs()).toEqual(gae.inputs());
  });

  const small = allItems.filter(({ quick }) => quick);
  let device: Device;
  beforeAll(async () => {
    device = await open();
  });
  afterAll(() => device.destroy());

  /** What an invalid dispatch leaves; a small error at one end; what overflows. */
  const slips: [string, (values: Float64Array) => void][] = [
    ['zeros', (values) => values.fill(0)],
    ['a last value that is off by 1 %', (values) => void (values[values.length - 1]! *= 1.01)],
    ['NaN', (values) => void (values[0] = Number.NaN)],
  ];

  it.each(small.map((item) => [item.name, item] as const))(
    '%s is right, and would not be with a slip',
    async (_, item) => {
      if (item.requires === 'shader-f16' && !device.features.has('shader-f16')) return;
      const inputs = item.inputs();
      const results = await resultsOf(device, item, inputs);
      const verdict = item.check(inputs, results, 1);
      expect(verdict).toMatchObject({ correct: true });
      expect(verdict.compared).toBeGreaterThan(1);
      if (item.family === 'training') return; // its check is another one, tested below
      for (const [name, slip] of slips) {
        const wrong = item.check(inputs, mapValues(results, changed(slip)), 1);
        expect(wrong.correct, name).toBe(false);
        expect(wrong.problem, name).toMatch(/got/);
      }
    },
  );

  it('training is wrong when it does not learn, or starts elsewhere', () => {
    const training = items.find(({ name }) => name === 'training step tiny')!;
    const verdict = (first: number, last: number) =>
      training.check({}, { losses: [first, last], vocabularySize: [50] }, 20).correct;
    expect(verdict(Math.log(50), 3)).toBe(true);
    expect(verdict(Math.log(50), Math.log(50))).toBe(false);
    expect(verdict(3, 2)).toBe(false);
    expect(verdict(Number.NaN, 2)).toBe(false);
  });
});

const changed = (slip: (values: Float64Array) => void) => (values: ArrayLike<number>) => {
  const copy = Float64Array.from(values);
  slip(copy);
  return copy;
};

/** Of one call. */
async function resultsOf(device: Device, item: Item, inputs: HostArrays): Promise<Results> {
  const tensors = mapValues(inputs, ({ data, ...options }) => device.tensor(data, options));
  const work = item.start(device, tensors);
  const outputs = work.run();
  const read = { ...(await work.read?.()) };
  for (const [name, tensor] of Object.entries(outputs)) read[name] = await tensor.data();
  work.dispose?.();
  for (const tensor of [...Object.values(outputs), ...Object.values(tensors)]) tensor.dispose();
  return read;
}

it('of a single op the value that is farthest from float64 is told, right or wrong', () => {
  const softmax = items.find(({ name }) => name === 'softmax 256x128')!;
  const inputs = softmax.inputs();
  const out = new Float64Array(256 * 128).fill(1 / 128);
  const { correct, worst } = softmax.check(inputs, { out }, 1);
  expect(correct).toBe(false);
  expect(worst).toMatchObject({ output: 'out', got: 1 / 128 });
  expect(Math.abs(worst!.got - worst!.want)).toBeGreaterThan(worst!.allowed);
});

describe('sizes', () => {
  const withSizes = allItems.filter(({ sized }) => sized);

  it.each(withSizes.map((item) => [item.name, item] as const))(
    '%s is itself at its own',
    (_, item) => {
      const same = item.sized!(...Object.values(item.shape));
      const { name, family, shape, dtype, direction, flops, bytes } = item;
      expect(same).toMatchObject({ name, family, shape, dtype, direction, flops, bytes });
    },
  );

  it('may be others', async () => {
    const [result] = await run(gae.sized!(7, 5));
    expect(result).toMatchObject({ name: 'gae 7x5', shape: { T: 7, N: 5 }, correct: true });
  });

  it("over the adapter's limits are refused before anything is made, with the limit's name", async () => {
    const [result] = await run(matmulSmall.sized!(1, 1_000_000, 1_000_000));
    expect(result).toMatchObject({ microseconds: null, correct: false });
    expect(result!.problem).toContain('maxStorageBufferBindingSize');
  });
});

it('the variants that the device does not take by itself are measured beside what it takes', async () => {
  const results = await run(matmulSmall, undefined, '', { variants: true });
  const [own, ...others] = results;
  expect(own!.speedup).toBeUndefined();
  const names = others.map(({ variant }) => variant);
  expect(names).toContain('tiles');
  expect(names).not.toContain(own!.variant.split(', ').at(-1));
  expect(new Set(names).size).toBe(names.length);
  for (const { correct, speedup } of others) {
    expect(correct).toBe(true);
    expect(speedup).toBeGreaterThan(0);
  }
});

it('a file that the device does not take by itself is put in the variant that launches it', async () => {
  const tiles = readFileSync('kernels/matmul.wgsl', 'utf8');
  expect(await run(matmulSmall, tiles, 'matmul')).toEqual([]);
  const results = await run(matmulSmall, tiles, 'matmul', { variants: true });
  expect(results.at(-1)).toMatchObject({ variant: 'mine.wgsl', correct: true });
});

it('rounds are told as they end, and an abort ends them', async () => {
  const stop = new AbortController();
  const rounds: number[] = [];
  const [result] = await run(gae, undefined, '', {
    rounds: 50,
    signal: stop.signal,
    onRound(sampled) {
      expect(sampled.map(({ name }) => name)).toContain('built-in');
      if (rounds.push(sampled[0]!.samples.length) === 3) stop.abort();
    },
  });
  expect(rounds).toEqual([1, 2, 3]);
  expect(result!.rounds).toBe(3);
});

it('a result has the figures that follow from its time, and the ceilings beside it', async () => {
  const [result] = await run(gae);
  expect(result).toMatchObject({ name: gae.name, variant: 'built-in', correct: true, rounds: 2 });
  expect(result!.microseconds).toBeGreaterThan(0);
  expect(result!.gflops).toBeCloseTo(gae.flops / result!.microseconds! / 1e3, 9);
  expect(result!.gbps).toBeCloseTo(gae.bytes / result!.microseconds! / 1e3, 9);
  expect(result!.percentOfFma).toBeGreaterThan(0);
  expect(result!.percentOfCopy).toBeGreaterThan(result!.percentOfFma!); // it is bound by memory
  expect(result!.percentOfPeak).toBe(result!.percentOfCopy);
  expect(result!.memoryBytes).toBe(2 * 4 * 32 * 16); // advantages and returns
  expect(result!.p10).toBeLessThanOrEqual(result!.p90!);
  if (result!.source !== 'timestamp') return;
  expect(result!.kernels).toMatchObject([{ label: expect.stringMatching(/^gae\./), count: 1 }]);
  expect(result!.kernels![0]!.microseconds).toBeGreaterThan(0);
});

describe('a kernel from outside', () => {
  it('runs beside the built-in one', async () => {
    const [builtIn, mine] = await run(doubled, DOUBLED_WGSL);
    expect(builtIn).toMatchObject({ variant: 'built-in', correct: true });
    expect(mine).toMatchObject({ variant: 'mine.wgsl', correct: true });
    expect(builtIn).not.toHaveProperty('speedup');
    expect(mine!.speedup).toBeGreaterThan(0);
  });

  it('is told as wrong when it is', async () => {
    const [builtIn, mine] = await run(doubled, DOUBLED_WGSL.replace('FACTOR * x', 'FACTOR + x'));
    expect(builtIn!.correct).toBe(true);
    expect(mine).toMatchObject({ correct: false, problem: 'y[0]: got 3' });
  });

  it('with a syntax error is refused with file, line and the compiler’s message', async () => {
    const kernel = userKernel(
      'mine.wgsl',
      DOUBLED_WGSL.replace('FACTOR *', 'FACTOR * *'),
      'doubled',
    );
    const message = /^mine\.wgsl:9:\d+ .*\n.*y\[id\.x\] = FACTOR \* \* x\[id\.x\].*\n +\^$/;
    await expect(runSuite([doubled], { open, kernel, ...FAST })).rejects.toThrow(message);
  });

  it('without the entry point or the constant that is launched is refused', async () => {
    const renamed = (name: string) => run(doubled, DOUBLED_WGSL.replaceAll(name, 'other'));
    await expect(renamed('scale')).rejects.toThrow(
      'mine.wgsl: no entry point "scale"; it has other',
    );
    await expect(renamed('FACTOR')).rejects.toThrow('mine.wgsl: no constant "FACTOR" to replace');
  });

  it('that nothing launches is refused', async () => {
    expect(await run(doubled, DOUBLED_WGSL, 'matmul')).toEqual([]);
    const kernel = userKernel('mine.wgsl', DOUBLED_WGSL, 'matmul');
    await expect(runSuite([doubled], { open, kernel, ...FAST })).rejects.toThrow(
      'mine.wgsl: none of the 1 items launches anything of kernels/matmul.wgsl on this adapter',
    );
  });

  it('without an entry point, or for a name that is none, is refused before anything runs', () => {
    expect(() => userKernel('mine.wgsl', 'fn nothing() {}', 'matmul')).toThrow(
      'mine.wgsl: no @compute entry point found',
    );
    expect(() => userKernel('mine.wgsl', DOUBLED_WGSL, '../matmul')).toThrow(
      'bench: --like "../matmul" is no name of a file in kernels/',
    );
  });
});

it('items that the adapter does not suit are left out, and named', async () => {
  const item = (name: string, requires: Item['requires']) => ({ ...doubled, name, requires });
  const given = [item('hard', 'hardware'), item('half', 'shader-f16'), doubled];
  const seen: string[][] = [];
  const onStart = (_: unknown, ...groups: (readonly Item[])[]) => {
    seen.push(...groups.map((group) => group.map(({ name }) => name)));
  };
  const { adapter, results } = await runSuite(given as Item[], { open, ...FAST, onStart });
  const fits = (name: string) =>
    name === 'hard'
      ? !adapter.software
      : name !== 'half' || adapter.features.includes('shader-f16');
  const names = ['hard', 'half', doubled.name];
  expect(seen).toEqual([names.filter(fits), names.filter((name) => !fits(name))]);
  expect(results.map(({ name }) => name)).toEqual(seen[0]);
});

it('an item that the adapter cannot run says why, and has no speed', async () => {
  const device = await Device.open({ announce: null, limits: { maxBufferSize: 2 ** 20 } });
  const rewards = { shape: [512, 1024], dtype: 'f32', data: new Float32Array(2 ** 19) } as const;
  const huge = { ...gae, inputs: () => ({ ...gae.inputs(), rewards }) };
  const [result] = await benchItem(device, huge, { ...FAST, ceilings });
  expect(result).toMatchObject({ correct: false, microseconds: null, percentOfPeak: null });
  expect(result!.problem).toMatch(/maxBufferSize/);
  device.destroy();
});
