// The tuner's choices on disk, and who decides between variants.

import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readTuning, writeTuning } from '../../src/gpu/tuning.ts';
import { Device } from '../../src/ops/device.ts';
import { type Family, sizeClass, variantFor } from '../../src/ops/variants.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

const ADAPTER = { name: 'Some GPU', driver: 'driver 1.2' };
const CHOICES = { matmul: { 'M9 N9': 'tiles' } };

let cacheHome: string;
const before = process.env.XDG_CACHE_HOME;

beforeEach(async () => {
  cacheHome = await temporaryFolder();
  process.env.XDG_CACHE_HOME = cacheHome;
});

afterEach(() => {
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
});

describe('the cache', () => {
  test('gives back what was written, for that adapter and driver alone', async () => {
    expect(await readTuning(ADAPTER)).toBeNull();
    await writeTuning(ADAPTER, CHOICES);
    expect(await readTuning(ADAPTER)).toEqual(CHOICES);
    expect(await readTuning({ ...ADAPTER, driver: 'driver 1.3' })).toBeNull();
    expect(await readTuning({ ...ADAPTER, name: 'Another GPU' })).toBeNull();
  });

  test.each([
    ['cut off', '{ "version": 1, "choices": { "mat'],
    ['of another version', '{ "version": 0, "driver": "driver 1.2", "choices": {} }'],
    ['no table', '{ "version": 1, "driver": "driver 1.2", "choices": { "matmul": { "M9": 7 } } }'],
    ['empty', ''],
  ])('is ignored when it is %s, and written anew', async (_, text) => {
    const path = await writeTuning(ADAPTER, CHOICES);
    await writeFile(path, text);
    expect(await readTuning(ADAPTER)).toBeNull();
    await writeTuning(ADAPTER, CHOICES);
    expect(await readTuning(ADAPTER)).toEqual(CHOICES);
    expect(
      (await readdir(join(cacheHome, 'shadegrad'))).filter((name) => !name.endsWith('.json')),
    ).toEqual([]);
  });
});

describe('the variant', () => {
  const family: Family<'fast' | 'plain'> = {
    name: 'example',
    variants: ['fast', 'plain'],
    shipped: () => 'plain',
  };

  test('is the shipped one, over it the measured one, over it the pinned one', async () => {
    const device = await Device.open({ tuning: 'shipped' });
    const { choices } = device.gpu;
    expect(variantFor(device, family, 'a')).toBe('plain');
    choices.setMeasured({ example: { a: 'fast' } });
    expect(variantFor(device, family, 'a')).toBe('fast');
    expect(variantFor(device, family, 'b')).toBe('plain');
    choices.pin({ example: { '*': 'plain' } });
    expect(variantFor(device, family, 'a')).toBe('plain');
    expect(choices.used).toEqual({ example: { a: 'plain', b: 'plain' } });
    device.destroy();
  });

  test('is one that can compute the launch, and never an unknown one', async () => {
    const device = await Device.open({ tuning: 'shipped' });
    const { choices } = device.gpu;
    choices.pin({ example: { a: 'fast', b: 'of a later version' } });
    expect(variantFor(device, family, 'a', (variant) => variant !== 'fast')).toBe('plain');
    expect(variantFor(device, family, 'b')).toBe('plain');
    device.destroy();
  });

  test('a device takes what was measured on its adapter, unless told otherwise', async () => {
    const first = await Device.open({ tuning: 'shipped' });
    await writeTuning(first.adapter, { example: { a: 'fast' } });
    first.destroy();
    const [tuned, shipped] = [await Device.open(), await Device.open({ tuning: 'shipped' })];
    expect(variantFor(tuned, family, 'a')).toBe('fast');
    expect(variantFor(shipped, family, 'a')).toBe('plain');
    for (const device of [tuned, shipped]) device.destroy();
  });
});

test('sizes within a factor of two share a class', () => {
  expect([0, 1, 2, 3, 4, 5, 1024, 1025].map(sizeClass)).toEqual([0, 1, 2, 3, 3, 4, 11, 12]);
});
