// The parts of MNIST: nothing is in two of them, and files that do not fit are refused.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Images, readDigits, someOf } from '../../src/llm/digits.ts';
import { randomStream } from '../../src/tensor/philox.ts';
import { idxFile } from '../io/idx_file.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { SIDE, tinyDigits, writeTinyDigits } from './digits_tiny.ts';

const COUNT = 300;
const tiny = tinyDigits(COUNT);
const parts = { validation: 40, test: 60, shrink: 1 };

async function folderOf(digits = tiny): Promise<string> {
  const folder = await temporaryFolder();
  await writeTinyDigits(folder, digits);
  return folder;
}

/** Which of the file's images these are. */
const numbersOf = ({ count, side, values }: Images) =>
  Array.from({ length: count }, (_, row) => {
    const at = row * side * side;
    return Math.round(255 * values[at]!) * 256 + Math.round(255 * values[at + 1]!);
  });

describe('the parts', () => {
  test('hold each image once, with its label and its pixels', async () => {
    const { train, validation, test } = await readDigits({ data: await folderOf(), ...parts });
    expect([train.count, validation.count, test.count]).toEqual([200, 40, 60]);
    const all = [train, validation, test].flatMap(numbersOf);
    expect([...all].sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
    expect(all.slice(0, 50)).not.toEqual(Array.from({ length: 50 }, (_, i) => i));
    for (const [row, number] of numbersOf(test).entries()) {
      expect(test.labels[row]).toBe(tiny.labels[number]);
      const pixel = test.values[(row + 1) * SIDE * SIDE - 1]!;
      expect(pixel).toBeCloseTo(tiny.images[(number + 1) * SIDE * SIDE - 1]! / 255, 6);
    }
  });

  test('test and validation stay the same images when less is put aside for validation', async () => {
    const data = await folderOf();
    const [first, second] = [
      await readDigits({ data, ...parts }),
      await readDigits({ data, ...parts, validation: 20 }),
    ];
    expect(second.test).toEqual(first.test);
    expect(second.train.count).toBe(220);
  });

  test('shrunk images are means of squares', async () => {
    const data = await folderOf();
    const { test: whole } = await readDigits({ data, ...parts });
    const { test: small } = await readDigits({ data, ...parts, shrink: 2 });
    expect(small.side).toBe(2);
    const square = [2, 3, 6, 7].map((at) => whole.values[at]!);
    expect(small.values[1]).toBeCloseTo(square.reduce((a, b) => a + b) / 4, 6);
  });

  test('fewer labels of a seed are among its more', async () => {
    const { train } = await readDigits({ data: await folderOf(), ...parts });
    const [few, more] = [10, 30].map((count) => someOf(train, count, randomStream(4)));
    expect(numbersOf(more!).slice(0, 10)).toEqual(numbersOf(few!));
    expect(more!.labels.slice(0, 10)).toEqual(few!.labels);
    expect(numbersOf(someOf(train, 10, randomStream(5)))).not.toEqual(numbersOf(few!));
  });
});

describe('refuses', () => {
  const reading = (data: string, changes = {}) => readDigits({ data, ...parts, ...changes });

  test('missing files, and says where to get them', async () => {
    const folder = await folderOf();
    await rm(join(folder, 't10k-images-idx3-ubyte.gz'));
    await expect(reading(folder)).rejects.toThrow(
      `no t10k-images-idx3-ubyte.gz in ${folder}; put MNIST's t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz there`,
    );
    await expect(reading(join(folder, 'none'))).rejects.toThrow('say --set data=FOLDER');
  });

  test('files that do not belong together', async () => {
    const folder = await folderOf();
    const labels = join(folder, 't10k-labels-idx1-ubyte');
    await writeFile(labels, idxFile([299], tiny.labels.slice(1)));
    await expect(reading(folder)).rejects.toThrow('images [300, 4, 4] and labels [299]; expected');
    await writeFile(labels, idxFile([300], tiny.labels.with(7, 10)));
    await expect(reading(folder)).rejects.toThrow('label 10 of image 7 is no digit');
    await writeFile(labels, tiny.labels);
    await expect(reading(folder)).rejects.toThrow('t10k-labels-idx1-ubyte: ');
  });

  test('parts and squares that the images do not have', async () => {
    const folder = await folderOf();
    await expect(reading(folder, { test: 260 })).rejects.toThrow(
      'of 300 images 40 + 260 are put aside; none is left to train on',
    );
    await expect(reading(folder, { shrink: 3 })).rejects.toThrow(
      'shrink is 3, which does not divide 4 pixels',
    );
  });
});
