// Where a run of the worker is kept: the browser's own storage, which may be refused, or full. Training goes on without it.

import { openFolder } from '#folder';
import type { Folder } from '../../src/io/folder.ts';

/** The folder of a run, or null for none. After the first write that fails, with its reason noted, nothing more is written. */
export async function savingTo(
  path: string | null,
  onNote: (line: string) => void,
): Promise<Folder | null> {
  if (path === null) return null;
  const folder = await openFolder(path);
  let failed = false;
  const unlessFull = async (write: () => Promise<void>) => {
    if (failed) return;
    try {
      await write();
    } catch (error) {
      failed = true;
      onNote(`This run is no longer saved: ${whyNot(error)}.`);
    }
  };
  return {
    ...folder,
    write: (path, bytes) => unlessFull(() => folder.write(path, bytes)),
    append: (path, text) => unlessFull(() => folder.append(path, text)),
    remove: (path) => unlessFull(() => folder.remove(path)),
  };
}

/** In words that say what to do. */
export function whyNot(error: unknown): string {
  // A page that is being closed rejects with nothing.
  const { name, message = String(error) } = Object(error) as Partial<Error>;
  if (name === 'QuotaExceededError')
    return "the browser's storage is full; remove saved runs, or free space on this machine";
  if (name === 'SecurityError' || name === 'NotAllowedError')
    return "the browser refuses storage to this page; allow it in the site's settings, or leave private browsing";
  return message;
}
