// A folder that lives as long as the worker that made it: for what a visitor takes away where the browser keeps nothing.

import { type Folder, missingFile, pathParts, shortFile } from '../../src/io/folder.ts';

export interface MemoryFolder extends Folder {
  /** What it holds by path, in the order in which it was first written. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

const checked = (path: string) => pathParts(path).join('/');

export function memoryFolder(location: string): MemoryFolder {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const fileAt = (path: string) => {
    const found = files.get(checked(path));
    if (!found) throw missingFile(path, location, undefined);
    return found;
  };
  const isAt = (path: string) => {
    const start = checked(path) === '' ? '' : `${path}/`;
    return (each: string) => each === path || each.startsWith(start);
  };
  const write = (path: string, bytes: Uint8Array) => {
    files.set(checked(path), new Uint8Array(bytes));
  };
  return {
    location,
    files,
    read: async (path) => fileAt(path).slice(),
    size: async (path) => fileAt(path).length,
    async readRange(path, begin, end) {
      const bytes = fileAt(path);
      if (bytes.length < end) throw shortFile(path, location, begin, end);
      return bytes.slice(begin, end);
    },
    write: async (path, bytes) => write(path, bytes),
    async append(path, text) {
      const before = files.get(path) ?? new Uint8Array();
      write(path, new Uint8Array([...before, ...new TextEncoder().encode(text)]));
    },
    async list(path) {
      const start = path === '' ? 0 : path.length + 1;
      const below = [...files.keys()].filter(isAt(path));
      return [...new Set(below.map((each) => each.slice(start).split('/')[0]!))].sort();
    },
    async remove(path) {
      for (const each of [...files.keys()].filter(isAt(path))) files.delete(each);
    },
    exists: async (path) => [...files.keys()].some(isAt(path)),
  };
}
