// Folders on disk. A write survives a crash at any moment: the bytes go to a temporary file that is synced, renamed over
// the old one, and made durable by syncing the folder, without which the rename itself can be lost.

import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { type Folder, missingFile, pathParts, shortFile } from './folder.ts';

// Linux moves at most 2^31 - 4096 bytes per call.
const MAX_BYTES_PER_CALL = 1 << 30;

/** Opens a folder by its path. It is created by the first write. */
export async function openFolder(path: string): Promise<Folder> {
  const root = resolve(path);
  const at = (path: string) => join(root, ...pathParts(path));
  const reading = async <T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> => {
    const file = await open(at(path), 'r').catch((error: unknown) => {
      throw isMissing(error) ? missingFile(path, root, error) : error;
    });
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  };

  return {
    location: root,

    read: (path) => reading(path, async (file) => readBytes(file, 0, (await file.stat()).size)),
    size: (path) => reading(path, async (file) => (await file.stat()).size),

    readRange: (path, begin, end) =>
      reading(path, async (file) => {
        // A wrong range must not ask for memory that the file could never fill.
        if (end > (await file.stat()).size) throw shortFile(path, root, begin, end);
        const bytes = await readBytes(file, begin, end);
        if (bytes.length < end - begin) throw shortFile(path, root, begin, end);
        return bytes;
      }),

    async write(path, bytes) {
      const target = at(path);
      const temporary = `${target}.tmp`;
      await makeFolder(dirname(target));
      try {
        await writeSynced(temporary, bytes);
        await rename(temporary, target);
      } catch (error) {
        // On a full disk the part that was written is in the way; that it cannot be removed is not the news.
        await rm(temporary, { force: true }).catch(() => {});
        throw error;
      }
      await syncFolder(dirname(target));
    },

    async append(path, text) {
      const target = at(path);
      await makeFolder(dirname(target));
      await appendSynced(target, new TextEncoder().encode(text));
    },

    async list(path) {
      try {
        return (await readdir(at(path))).sort();
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    },

    async remove(path) {
      await rm(at(path), { recursive: true, force: true });
    },

    async exists(path) {
      try {
        await stat(at(path));
        return true;
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    },

    async rename(from, to) {
      await makeFolder(dirname(at(to)));
      await rename(at(from), at(to));
      await syncFolder(dirname(at(to)));
      if (dirname(at(from)) !== dirname(at(to))) await syncFolder(dirname(at(from)));
    },
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Bytes [begin, end), or those before the file's end. (`readFile` refuses files over 2 GiB.) */
async function readBytes(
  file: FileHandle,
  begin: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin);
  let filled = 0;
  while (filled < bytes.length) {
    const length = Math.min(bytes.length - filled, MAX_BYTES_PER_CALL);
    const { bytesRead } = await file.read(bytes, filled, length, begin + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await writeAll(file, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function appendSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'a');
  try {
    const { size } = await file.stat();
    if (size === 0) await syncFolder(dirname(path));
    try {
      await writeAll(file, bytes);
      await file.sync();
    } catch (error) {
      await file.truncate(size).catch(() => {}); // what was written is no whole text; the first error is the news
      throw error;
    }
  } finally {
    await file.close().catch(() => {}); // the text is durable by now: reporting a failure would have it written again
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const length = Math.min(bytes.length - written, MAX_BYTES_PER_CALL);
    written += (await file.write(bytes, written, length)).bytesWritten;
  }
}

/** Makes a folder and those above it, and makes each new name durable in the folder that holds it. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  let parent = dirname(first);
  await syncFolder(parent);
  const below = relative(parent, path).split(sep);
  for (const name of below.slice(0, -1)) {
    parent = join(parent, name);
    await syncFolder(parent);
  }
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // a folder cannot be opened there, and NTFS journals its names
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
