import { open as openFile, readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { memoryFolder } from '../../demos/shared/memory_folder.ts';
import { DataError } from '../../src/errors.ts';
import type { Folder } from '../../src/io/folder.ts';
import { openFolder as openBrowserFolder } from '../../src/io/folder_browser.ts';
import { openFolder as openNodeFolder } from '../../src/io/folder_node.ts';
import { installFakeOpfs } from './fake_opfs.ts';
import { temporaryFolder } from './temporary_folder.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const textOf = async (folder: Folder, path: string) =>
  new TextDecoder().decode(await folder.read(path));

const kinds: Record<string, () => Promise<Folder>> = {
  'on disk': async () => openNodeFolder(`${await temporaryFolder()}/runs/one`),
  'in a browser': async () => {
    installFakeOpfs();
    return openBrowserFolder('runs/one');
  },
  "in a page's memory": async () => memoryFolder('runs/one'),
};

describe.each(Object.entries(kinds))('a folder %s', (_, open) => {
  test('does not exist before the first write', async () => {
    const folder = await open();
    expect(await folder.exists('x')).toBe(false);
    expect(await folder.list('')).toEqual([]);
    await expect(folder.read('a/b.txt')).rejects.toThrow(DataError);
    await expect(folder.read('a/b.txt')).rejects.toThrow(/no file a\/b\.txt in .*runs\/one/);
    await folder.remove('a'); // nothing to remove is no error
  });

  test('gives back what was written, and leaves nothing else behind', async () => {
    const folder = await open();
    await folder.write('a/b/c.bin', Uint8Array.of(1, 2, 3, 4, 5));
    await folder.write('a/b/c.bin', Uint8Array.of(6, 7));
    await folder.write('a/empty', new Uint8Array(0));
    expect([...(await folder.read('a/b/c.bin'))]).toEqual([6, 7]);
    expect((await folder.read('a/empty')).length).toBe(0);
    expect(await folder.list('a')).toEqual(['b', 'empty']);
    expect(await folder.list('a/b')).toEqual(['c.bin']);
    expect(await folder.exists('a/b')).toBe(true);
    await folder.remove('a/b');
    expect(await folder.exists('a/b/c.bin')).toBe(false);
    expect(await folder.list('')).toEqual(['a']);
  });

  test('gives ranges of a file, and its size', async () => {
    const folder = await open();
    await folder.write('a/x', Uint8Array.of(0, 1, 2, 3, 4));
    expect(await folder.size('a/x')).toBe(5);
    const range = await folder.readRange('a/x', 1, 4);
    expect([...range]).toEqual([1, 2, 3]);
    expect(range.byteOffset).toBe(0);
    expect((await folder.readRange('a/x', 5, 5)).length).toBe(0);
    await expect(folder.readRange('a/x', 3, 6)).rejects.toThrow(
      /a\/x in .*runs\/one has no bytes 3 to 6/,
    );
    await expect(folder.readRange('a/x', 0, 2 ** 50)).rejects.toThrow(DataError);
    await expect(folder.size('a/y')).rejects.toThrow(/no file a\/y in/);
    await expect(folder.readRange('../a/x', 0, 1)).rejects.toThrow(DataError);
  });

  test('appends', async () => {
    const folder = await open();
    await folder.append('log.txt', 'ä1\n');
    await folder.append('log.txt', '2\n');
    expect(await textOf(folder, 'log.txt')).toBe('ä1\n2\n');
    await folder.write('log.txt', utf8('3\n'));
    await folder.append('log.txt', '4\n');
    expect(await textOf(folder, 'log.txt')).toBe('3\n4\n');
  });

  test.each(['../x', '/etc/passwd', 'a//b', 'a/./b', 'a/..', 'a\\b', 'a\0b', '..'])(
    'refuses the path %j',
    async (path) => {
      const folder = await open();
      await expect(folder.read(path)).rejects.toThrow(DataError);
      await expect(folder.write(path, utf8('x'))).rejects.toThrow(DataError);
      await expect(folder.remove(path)).rejects.toThrow(DataError);
    },
  );
});

test('ranges beyond 4 GiB are read', async () => {
  const path = await temporaryFolder();
  const at = 5 * 2 ** 30;
  const file = await openFile(`${path}/large`, 'w'); // of holes, but for the end
  await file.write(Uint8Array.of(7, 8, 9), 0, 3, at);
  await file.close();
  const folder = await openNodeFolder(path);
  expect(await folder.size('large')).toBe(at + 3);
  expect([...(await folder.readRange('large', at - 1, at + 2))]).toEqual([0, 7, 8]);
});

test('a folder on disk is renamed with all that it holds', async () => {
  const path = await temporaryFolder();
  const folder = await openNodeFolder(path);
  await folder.write('new.tmp/x', utf8('1'));
  await folder.rename!('new.tmp', 'kept/new');
  expect(await textOf(folder, 'kept/new/x')).toBe('1');
  expect(await readdir(path)).toEqual(['kept']);
  await folder.write('kept/old/y', utf8('2'));
  await expect(folder.rename!('kept/new', 'kept/old')).rejects.toThrow(/ENOTEMPTY|EEXIST|EPERM/);
});
