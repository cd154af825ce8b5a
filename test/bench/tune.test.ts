// The tuner: the fastest variant that is right, kept for later devices.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { product } from '../../bench/items/matmul.ts';
import { tune } from '../../bench/tune.ts';
import source from '../../kernels/matmul_broadcast.wgsl' with { type: 'text' };
import { readTuning, writeTuning } from '../../src/gpu/tuning.ts';
import { readKernel } from '../../src/gpu/wgsl.ts';
import { Device } from '../../src/ops/device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

const ITEMS = [product('NN', [40, 24, 36])];
const OPTIONS = { items: ITEMS, rounds: 2 };

let device: Device;
const before = process.env.XDG_CACHE_HOME;

beforeAll(async () => {
  device = await Device.open({ tuning: 'shipped' });
});
afterAll(() => device.destroy());

beforeEach(async () => {
  process.env.XDG_CACHE_HOME = await temporaryFolder();
});

afterEach(() => {
  device.gpu.substitutes.clear();
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
});

const matmulOf = async (options: object = {}) => {
  const { classes } = await tune(device, { ...OPTIONS, ...options });
  return classes.find(({ family }) => family === 'matmul')!;
};

test('every variant is timed, and none that is slower by far is chosen', async () => {
  const { chosen, variants } = await matmulOf();
  const times = variants.map(({ microseconds }) => microseconds!);
  expect(times.length).toBeGreaterThan(2);
  const own = variants.find(({ variant }) => variant === chosen)!.microseconds!;
  expect(own).toBeLessThan(1.1 * Math.min(...times));
});

describe('a kernel that computes something wrong', () => {
  test('is told and never chosen, though it were the fastest', async () => {
    const wrong = source.replaceAll(/for \(var k = 0u;[^{]*\{/g, 'for (var k = 0u; k < 1u; k++) {');
    expect(wrong).not.toBe(source);
    const substitute = { file: readKernel('matmul_broadcast', wrong), launches: 0 };
    device.gpu.substitutes.set('matmul_broadcast', substitute);
    const { chosen, variants } = await matmulOf();
    expect(substitute.launches).toBeGreaterThan(0);
    expect(chosen).not.toBe('broadcast');
    expect(variants.find(({ variant }) => variant === 'broadcast')).toMatchObject({
      microseconds: null,
      problem: expect.stringContaining('out'),
    });
  });
});

describe('the choices', () => {
  test('are used by devices that are opened later, unless they ask for the shipped ones', async () => {
    const { choices, kept } = await tune(device, OPTIONS);
    expect(kept).toMatch(/tuning-node-.*\.json$/);
    const [family, classes] = Object.entries(choices)[0]!;
    const [shapeClass, variant] = Object.entries(classes)[0]!;
    const later = await Device.open();
    expect(later.gpu.choices.get(family, shapeClass)).toBe(variant);
    const shipped = await Device.open({ tuning: 'shipped' });
    expect(shipped.gpu.choices.get(family, shapeClass)).toBeUndefined();
    for (const each of [later, shipped]) each.destroy();
  });

  test('leave those of other families and shapes, measured earlier, as they are', async () => {
    const earlier = { attention: { a: 'tiles' }, matmul: { 'other shapes': 'rows' } };
    await writeTuning(device.adapter, earlier);
    const { choices } = await tune(device, OPTIONS);
    expect(choices).toMatchObject(earlier);
    expect(Object.keys(choices.matmul!).length).toBeGreaterThan(1);
    expect(await readTuning(device.adapter)).toEqual(choices);
  });

  test('are not kept when told so', async () => {
    expect((await tune(device, { ...OPTIONS, keep: false })).kept).toBeNull();
    const later = await Device.open();
    expect(later.gpu.choices.get('matmul', '6 6 5 1')).toBeUndefined();
    later.destroy();
  });
});

test('a family that has no variants is named, with those that have', async () => {
  await expect(tune(device, { families: ['matmull'] })).rejects.toThrow(
    'tune: no family matmull; there are matmul, attention',
  );
});
