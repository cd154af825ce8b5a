// Small texts that outlive the page, in IndexedDB.

import type { Store } from './platform.ts';

const DATABASE = 'shadegrad';
const TEXTS = 'texts';

export const store: Store = {
  async read(name) {
    try {
      const database = await opened();
      const texts = database.transaction(TEXTS).objectStore(TEXTS);
      const text: unknown = await done(texts.get(name));
      database.close();
      return typeof text === 'string' ? text : null;
    } catch {
      return null; // private windows may refuse storage
    }
  },

  async write(name, text) {
    const database = await opened();
    const texts = database.transaction(TEXTS, 'readwrite').objectStore(TEXTS);
    await done(texts.put(text, name));
    database.close();
    return `IndexedDB ${DATABASE}/${TEXTS}/${name}`;
  },
};

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => void request.result.createObjectStore(TEXTS);
  return done(request);
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
