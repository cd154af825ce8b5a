// A folder of files, as a run or a model needs it: the disk in Node, the origin's private file system in a browser.

import { DataError } from '../errors.ts';

/**
 * Paths are relative, with `/`, and stay inside the folder; `''` is the folder itself. Folders above a file that is
 * written come into being by themselves. Failures of the system (no space left, no permission) come through as they are.
 */
export interface Folder {
  /** Where a person finds it. */
  readonly location: string;
  /** The whole file. @throws DataError where there is none. */
  read(path: string): Promise<Uint8Array>;
  /** Bytes of a file. @throws DataError where there is none. */
  size(path: string): Promise<number>;
  /**
   * Bytes [begin, end) of a file of any size, in memory of their own, which begins at their first.
   * @throws DataError where there is no file, or it ends before `end`.
   */
  readRange(path: string, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Replaces the file in one step, durably: after a failure or a crash there is the old file or the new one, never a part. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Adds to the end of the file, durably and all or nothing. Only a crash can leave a part of the text. */
  append(path: string, text: string): Promise<void>;
  /** The names in a folder, sorted; none where the folder is absent. */
  list(path: string): Promise<string[]>;
  /** Removes a file or a folder with all that it holds; nothing to remove is no error. */
  remove(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Renames a file or folder in one durable step; absent where the system cannot. */
  rename?(from: string, to: string): Promise<void>;
}

/** The folder `name` of a folder. */
export function subfolder(folder: Folder, name: string): Folder {
  const within = (path: string) => (path === '' ? name : `${name}/${path}`);
  return {
    location: `${folder.location}/${name}`,
    read: (path) => folder.read(within(path)),
    size: (path) => folder.size(within(path)),
    readRange: (path, begin, end) => folder.readRange(within(path), begin, end),
    write: (path, bytes) => folder.write(within(path), bytes),
    append: (path, text) => folder.append(within(path), text),
    list: (path) => folder.list(within(path)),
    remove: (path) => folder.remove(within(path)),
    exists: (path) => folder.exists(within(path)),
    ...(folder.rename && { rename: (from, to) => folder.rename!(within(from), within(to)) }),
  };
}

/** The parts of a path. @throws DataError for a path that could leave its folder. */
export function pathParts(path: string): string[] {
  if (path === '') return [];
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\\\0]/.test(part))) {
    throw new DataError(
      `path ${JSON.stringify(path)}: expected names joined by /, without . and ..`,
    );
  }
  return parts;
}

/** The error for a file that is read and is not there. */
export function missingFile(path: string, location: string, cause: unknown): DataError {
  return new DataError(`no file ${path} in ${location}`, { cause });
}

/** The error for a range that goes beyond the file. */
export function shortFile(path: string, location: string, begin: number, end: number): DataError {
  return new DataError(`${path} in ${location} has no bytes ${begin} to ${end}: it ends before`);
}
