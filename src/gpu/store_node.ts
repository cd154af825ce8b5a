// The user's cache folder: small texts that outlive the process, and the unpacked driver.

import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DeviceError } from '../errors.ts';
import type { Store } from './platform.ts';

/** The user's cache folder, else a folder of the user's own among the temporary files. */
const CACHE_PLACES = [
  // A user without a name in the system and without HOME has no home folder: homedir() throws.
  () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shadegrad'),
  () => join(tmpdir(), `shadegrad-${process.getuid?.() ?? ''}`),
];

export const store: Store = {
  async read(name) {
    for (const place of CACHE_PLACES) {
      try {
        return await readFile(join(place(), name), 'utf8');
      } catch {}
    }
    return null;
  },

  async write(name, text) {
    const path = join(await cacheRoot(), name);
    await writeWhole(path, new TextEncoder().encode(text));
    return path;
  },
};

/** Writes beside the file's place, syncs and renames: a file that is there is whole. */
export async function writeWhole(path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${randomUUID()}`;
  try {
    const file = await open(unfinished, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

export async function cacheRoot(): Promise<string> {
  const tried: unknown[] = [];
  for (const place of CACHE_PLACES) {
    try {
      const folder = place();
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await checkOwner(folder);
      return folder;
    } catch (error) {
      tried.push(error);
    }
  }
  throw new DeviceError(
    `no cache folder could be made (${tried.join('; ')}); set XDG_CACHE_HOME to a folder that can be written`,
  );
}

/** Libraries are loaded from here, so nobody else may be able to put one there. */
async function checkOwner(folder: string): Promise<void> {
  if (!process.getuid) return; // Windows: a user's own folders are closed to others
  const found = await lstat(folder);
  const own = found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0;
  if (!own) throw new Error(`${folder} can be written by other users`);
  // On a full or read-only file system the folder may exist and still take no files.
  const probe = join(folder, randomUUID());
  await mkdir(probe);
  await rm(probe, { recursive: true });
}
