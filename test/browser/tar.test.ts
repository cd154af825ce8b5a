// Runs as tar files: what is packed is read again, by us and by the system's tar; what is no tar is refused.

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { packTar, readTar } from '../../demos/shared/tar.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';

const run = promisify(execFile);
const FILES = {
  'config.json': '{"seed":1}',
  'checkpoints/step-000010/a': 'x'.repeat(513),
  empty: '',
};

const packed = () =>
  packTar(Object.entries(FILES).map(([path, text]) => ({ path, content: new Blob([text]) })));

const contents = async (archive: Blob) => {
  const files = await readTar(archive, 'run.tar');
  const entries = files.map(async ({ path, content }) => [path, await content.text()]);
  return Object.fromEntries(await Promise.all(entries));
};

test('what is packed is read again, by tar too', async () => {
  expect(await contents(packed())).toEqual(FILES);
  const folder = await temporaryFolder();
  const path = join(folder, 'run.tar');
  await writeFile(path, new Uint8Array(await packed().arrayBuffer()));
  await run('tar', ['-xf', path, '-C', folder]);
  for (const [name, text] of Object.entries(FILES))
    expect(await readFile(join(folder, name), 'utf8')).toBe(text);
});

test("an archive of the system's tar is read, folders and long names with it", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), '{}');
  await run('tar', ['--format=ustar', '-cf', 'run.tar', './config.json'], { cwd: folder });
  const archive = new Blob([await readFile(join(folder, 'run.tar'))]);
  expect(await contents(archive)).toEqual({ 'config.json': '{}' });
});

test('what is cut off, damaged or no tar at all is refused by name', async () => {
  const whole = packed();
  await expect(contents(whole.slice(0, 700 + 512))).rejects.toThrow('run.tar is cut off');
  const bytes = new Uint8Array(await whole.arrayBuffer());
  bytes[3]! ^= 1;
  await expect(contents(new Blob([bytes]))).rejects.toThrow(
    'run.tar is not a tar file, or is damaged',
  );
  await expect(contents(new Blob(['hello']))).rejects.toThrow('not a tar file, or an empty one');
  expect(() => packTar([{ path: 'x'.repeat(101), content: new Blob([]) }])).toThrow(RangeError);
});
