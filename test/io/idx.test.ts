// idx files: what is read, packed or not, and that nothing malformed passes.

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readIdx } from '../../src/io/idx.ts';
import { idxFile } from './idx_file.ts';

const whole = idxFile([2, 3], [1, 2, 3, 250, 251, 252]);

test('reads a file as it is, and packed', async () => {
  for (const bytes of [whole, gzipSync(whole)]) {
    const { shape, data } = await readIdx(bytes);
    expect(shape).toEqual([2, 3]);
    expect([...data]).toEqual([1, 2, 3, 250, 251, 252]);
  }
});

test('reads a part of a buffer, and an axis of length 0', async () => {
  const padded = Uint8Array.of(9, 9, 9, ...whole);
  expect((await readIdx(padded.subarray(3))).shape).toEqual([2, 3]);
  expect(await readIdx(idxFile([0, 28, 28], []))).toEqual({
    shape: [0, 28, 28],
    data: new Uint8Array(0),
  });
});

const changed = (at: number, value: number) => whole.map((byte, i) => (i === at ? value : byte));

describe('refuses, with the name of the file,', () => {
  test.each([
    ['an empty file', new Uint8Array(0), 'not an idx file'],
    ['three bytes', whole.slice(0, 3), 'not an idx file'],
    [
      'a file of another kind',
      new TextEncoder().encode('PK\u0003\u0004 and so on'),
      'not an idx file',
    ],
    ['little-endian magic', Uint8Array.of(3, 8, 0, 0), 'not an idx file'],
    ['floats', changed(2, 13), 'holds float32; only unsigned bytes are read'],
    ['a type that there is not', changed(2, 10), 'no idx file has type 10'],
    ['no axes', changed(3, 0), '0 axes in a file of 18 bytes'],
    ['a header that is cut off', whole.slice(0, 11), '2 axes in a file of 11 bytes'],
    ['more axes than bytes', changed(3, 255), '255 axes in a file of 18 bytes'],
    [
      'a length that the file has not',
      changed(7, 3),
      '[3, 3] takes 9 bytes after the header, the file has 6',
    ],
    ['lengths beyond all bounds', changed(4, 255), '[4278190082, 3] takes 12834570246 bytes'],
    [
      'bytes that are missing',
      whole.slice(0, -1),
      '[2, 3] takes 6 bytes after the header, the file has 5',
    ],
    ['bytes that are left', Uint8Array.of(...whole, 0), 'the file has 7'],
    ['a cut gzip file', gzipSync(whole).subarray(0, -4), 'the gzip file is damaged or cut off'],
    ['a gzip header alone', Uint8Array.of(0x1f, 0x8b), 'the gzip file is damaged or cut off'],
    ['a changed gzip file', damaged(gzipSync(whole)), 'the gzip file is damaged or cut off'],
  ])('%s', async (_, bytes, message) => {
    const reading = readIdx(bytes, 'images.gz');
    await expect(reading).rejects.toThrow('images.gz: ');
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({ name: 'DataError' });
  });

  test('a small file that unpacks to more than is allowed', async () => {
    const bomb = gzipSync(new Uint8Array(1e6));
    const reading = readIdx(bomb, 'images.gz', { maximumBytes: 999_999 });
    await expect(reading).rejects.toThrow('images.gz: unpacks to more than 999999 bytes');
  });
});

/** Another check sum. */
function damaged(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => (i === bytes.length - 6 ? byte ^ 1 : byte));
}
