import { describe, expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { tarFiles } from '../../src/gpu/archive.ts';

/** One tar entry: a 512-byte header with its checksum, and the contents padded to 512 bytes. */
function entry(path: string, contents: string, { kind = '0', prefix = '' } = {}): Uint8Array {
  const bytes = new TextEncoder().encode(contents);
  const block = new Uint8Array(512 * (1 + Math.ceil(bytes.length / 512)));
  const put = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
  put(path, 0);
  put('0000755\0', 100);
  put(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  put(' '.repeat(8), 148);
  put(kind, 156);
  put(prefix, 345);
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  block.set(bytes, 512);
  return block;
}

function archive(...entries: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat([...entries, new Uint8Array(1024)]));
}

const names = (tar: Uint8Array) => [...tarFiles(tar)].map(({ path }) => path);

describe('a tar archive', () => {
  test('gives its files with paths, modes and contents, and no folders', () => {
    const long = 'x'.repeat(513);
    const tar = archive(
      entry('lib/', '', { kind: '5' }),
      entry('lib/a.so', 'first'),
      entry('empty', ''),
      entry('b', long, { prefix: 'deep/er' }),
    );
    const files = [...tarFiles(tar)].map(({ path, mode, bytes }) => {
      return [path, mode, new TextDecoder().decode(bytes)];
    });
    expect(files).toEqual([
      ['lib/a.so', 0o755, 'first'],
      ['empty', 0o755, ''],
      ['deep/er/b', 0o755, long],
    ]);
  });

  test.each(['../up', '/etc/passwd', 'a/../../up'])('is refused if it writes to %s', (path) => {
    expect(() => names(archive(entry(path, 'x')))).toThrow(DataError);
  });

  test('is refused if it holds a link', () => {
    expect(() => names(archive(entry('link', '', { kind: '2' })))).toThrow(/type 2/);
  });

  test('is refused if a bit of a header changed, or its end is missing', () => {
    const flipped = archive(entry('a', 'x'));
    flipped[3]! ^= 1;
    expect(() => names(flipped)).toThrow(/damaged header/);
    expect(() => names(entry('a', 'x').subarray(0, 512))).toThrow(/ends after 0/);
  });
});
