// Folders in the origin private file system of a browser. `createWritable` writes beside the file and takes its place on
// `close()`, so a write is all or nothing there too. Folders cannot be renamed: `rename` is absent.

import { type Folder, missingFile, pathParts, shortFile } from './folder.ts';

/** Opens a folder of the origin's private storage by its path. It is created by the first write. */
export async function openFolder(path: string): Promise<Folder> {
  const root = pathParts(path);
  const location = `browser storage: ${path}`;

  /** The parts of a path, and the folder that holds it; undefined where that is absent and not to be made. */
  const holder = async (path: string, create: boolean) => {
    const parts = [...root, ...pathParts(path)];
    const name = parts.pop() ?? '';
    return { name, folder: await descend(parts, create) };
  };

  const fileAt = async (path: string): Promise<File> => {
    const { name, folder } = await holder(path, false);
    if (!folder) throw missingFile(path, location, undefined);
    const handle = await folder.getFileHandle(name).catch((error: unknown) => {
      throw isMissing(error) ? missingFile(path, location, error) : error;
    });
    return handle.getFile();
  };

  const replace = async (path: string, bytes: Uint8Array, position: 'start' | 'end') => {
    const { name, folder } = await holder(path, true);
    const file = await folder!.getFileHandle(name, { create: true });
    const keepExistingData = position === 'end';
    const writable = await file.createWritable({ keepExistingData });
    try {
      if (keepExistingData) await writable.seek((await file.getFile()).size);
      await writable.write(bytes as Uint8Array<ArrayBuffer>);
    } catch (error) {
      await writable.abort();
      throw error;
    }
    await writable.close();
  };

  return {
    location,

    read: async (path) => new Uint8Array(await (await fileAt(path)).arrayBuffer()),
    size: async (path) => (await fileAt(path)).size,

    async readRange(path, begin, end) {
      const bytes = new Uint8Array(await (await fileAt(path)).slice(begin, end).arrayBuffer());
      if (bytes.length < end - begin) throw shortFile(path, location, begin, end);
      return bytes;
    },

    write: (path, bytes) => replace(path, bytes, 'start'),
    append: (path, text) => replace(path, new TextEncoder().encode(text), 'end'),

    async list(path) {
      const folder = await descend([...root, ...pathParts(path)], false);
      if (!folder) return [];
      const names: string[] = [];
      for await (const name of folder.keys()) names.push(name);
      return names.sort();
    },

    async remove(path) {
      const { name, folder } = await holder(path, false);
      await folder?.removeEntry(name, { recursive: true }).catch(ignoreMissing);
    },

    async exists(path) {
      const { name, folder } = await holder(path, false);
      if (!folder) return false;
      for await (const found of folder.keys()) if (found === name) return true;
      return false;
    },
  };
}

async function descend(
  parts: readonly string[],
  create: boolean,
): Promise<FileSystemDirectoryHandle | undefined> {
  let folder = await navigator.storage.getDirectory();
  for (const part of parts) {
    try {
      folder = await folder.getDirectoryHandle(part, { create });
    } catch (error) {
      if (!create && isMissing(error)) return undefined;
      throw error;
    }
  }
  return folder;
}

function isMissing(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotFoundError';
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
