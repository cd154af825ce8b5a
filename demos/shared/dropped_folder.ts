// A folder of files that the visitor gave: read on this machine, by ranges, and never written to.

import { DataError } from '../../src/errors.ts';
import { type Folder, missingFile, shortFile } from '../../src/io/folder.ts';

export interface DroppedFile {
  /** Within the folder. */
  readonly path: string;
  readonly file: File;
}

export interface Dropped {
  /** The folder's, or the first file's. */
  readonly name: string;
  readonly files: readonly DroppedFile[];
}

/** What the visitor dropped, as models are read. Large files are never read whole. */
export function droppedFolder({ name, files }: Dropped): Folder {
  const byPath = new Map(files.map(({ path, file }) => [path, file]));
  const fileAt = (path: string): File => {
    const file = byPath.get(path);
    if (!file) throw missingFile(path, name, undefined);
    return file;
  };
  const bytes = async (path: string, part: Blob) => {
    try {
      return new Uint8Array(await part.arrayBuffer());
    } catch (cause) {
      // A file that was changed or moved after it was chosen.
      throw new DataError(`${path} cannot be read: ${(cause as Error).message}; choose it again`);
    }
  };
  const refuse = async () => {
    throw new DataError(`${name} was given to be read; nothing is written to it`);
  };
  return {
    location: name,
    read: async (path) => bytes(path, fileAt(path)),
    size: async (path) => fileAt(path).size,
    async readRange(path, begin, end) {
      const found = await bytes(path, fileAt(path).slice(begin, end));
      if (found.length < end - begin) throw shortFile(path, name, begin, end);
      return found;
    },
    list: async (path) => {
      const prefix = path === '' ? '' : `${path}/`;
      const below = [...byPath.keys()].filter((each) => each.startsWith(prefix));
      return [...new Set(below.map((each) => each.slice(prefix.length).split('/')[0]!))].sort();
    },
    exists: async (path) => [...byPath.keys()].some((each) => `${each}/`.startsWith(`${path}/`)),
    write: refuse,
    append: refuse,
    remove: refuse,
  };
}

/** What a file input holds: a folder's files with their paths in it, or plain files. */
export function chosenFiles(input: HTMLInputElement): Dropped | null {
  return asDropped(
    [...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file })),
  );
}

/** What lies in a drop: files, or folders with all that they hold. */
export async function droppedFiles({ items, files }: DataTransfer): Promise<Dropped | null> {
  // The entries are gone after the first wait.
  const entries = [...items]
    .map((item) => item.webkitGetAsEntry())
    .filter((entry) => entry !== null);
  if (entries.length === 0) return asDropped([...files].map((file) => ({ path: file.name, file })));
  return asDropped((await Promise.all(entries.map(filesIn))).flat());
}

async function filesIn(entry: FileSystemEntry): Promise<DroppedFile[]> {
  const path = entry.fullPath.replace(/^\//, '');
  if (entry.isFile) {
    const read = (entry as FileSystemFileEntry).file.bind(entry);
    return [{ path, file: await new Promise<File>((resolve, reject) => read(resolve, reject)) }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    // At most 100 at once.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(filesIn))).flat();
}

/** Without the folder's own name before the paths. */
function asDropped(files: readonly DroppedFile[]): Dropped | null {
  const [first] = files;
  if (!first) return null;
  const [name] = first.path.split('/');
  const within = files.every(({ path }) => path.startsWith(`${name}/`));
  if (!within) return { name: first.path, files };
  return {
    name: name!,
    files: files.map(({ path, file }) => ({ path: path.slice(name!.length + 1), file })),
  };
}
