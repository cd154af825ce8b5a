// The part of a browser's origin private file system that `folder_browser.ts` uses, in memory, for tests in Node.
// As in browsers, a writable file takes effect on `close()`, all at once.

type Directory = Map<string, Directory | Uint8Array>;

/** Puts a new, empty file system behind `navigator.storage.getDirectory()`. */
export function installFakeOpfs(): void {
  const root: Directory = new Map();
  const storage = { getDirectory: async () => directoryHandle(root) };
  Object.defineProperty(globalThis, 'navigator', { value: { storage }, configurable: true });
}

function directoryHandle(entries: Directory): object {
  return {
    async getDirectoryHandle(name: string, { create = false } = {}) {
      if (create && !entries.has(name)) entries.set(name, new Map());
      const entry = entries.get(name);
      if (entry === undefined) throw missing(name);
      if (!(entry instanceof Map)) throw new DOMException(name, 'TypeMismatchError');
      return directoryHandle(entry);
    },
    async getFileHandle(name: string, { create = false } = {}) {
      if (create && !entries.has(name)) entries.set(name, new Uint8Array(0));
      const entry = entries.get(name);
      if (entry === undefined) throw missing(name);
      if (entry instanceof Map) throw new DOMException(name, 'TypeMismatchError');
      return fileHandle(entries, name);
    },
    async removeEntry(name: string) {
      if (!entries.delete(name)) throw missing(name);
    },
    async *keys() {
      yield* entries.keys();
    },
  };
}

function fileHandle(entries: Directory, name: string): object {
  const content = () => entries.get(name) as Uint8Array<ArrayBuffer>;
  return {
    getFile: async () => new Blob([content()]),
    async createWritable({ keepExistingData = false } = {}) {
      let draft: number[] = keepExistingData ? [...content()] : [];
      let position = 0;
      return {
        async seek(to: number) {
          position = to;
        },
        async write(bytes: Uint8Array) {
          draft = [...draft.slice(0, position), ...bytes, ...draft.slice(position + bytes.length)];
          position += bytes.length;
        },
        async close() {
          entries.set(name, Uint8Array.from(draft));
        },
        async abort() {},
      };
    },
  };
}

function missing(name: string): DOMException {
  return new DOMException(`${name} is not there`, 'NotFoundError');
}
