// Keeps the pages' files, so that they open without a network after the first visit. The network comes first, for pages that
// are never older than the server's; `build.js` fills in the files, and a name for the cache that is theirs alone.

declare const FILES: readonly string[];
declare const CACHE: string;

/** What TypeScript's library for pages does not declare. */
interface ServiceWorker extends EventTarget {
  readonly registration: { readonly scope: string };
}
interface Waiting extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface Fetching extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

const worker = self as unknown as ServiceWorker;
/** Of this site's pages only: other pages of the same origin have caches too. */
const PREFIX = `shadegrad ${worker.registration.scope} `;
const NAME = PREFIX + CACHE;

worker.addEventListener('install', (event) => {
  // Not from the browser's own cache, which may hold files of an older version.
  const requests = FILES.map((file) => new Request(file, { cache: 'reload' }));
  const fill = caches.open(NAME).then((cache) => cache.addAll(requests));
  (event as Waiting).waitUntil(fill);
});

worker.addEventListener('activate', (event) => {
  (event as Waiting).waitUntil(removeOlder());
});

worker.addEventListener('fetch', (event) => {
  const { request } = event as Fetching;
  if (request.method === 'GET' && request.url.startsWith(worker.registration.scope))
    (event as Fetching).respondWith(answer(request));
});

async function removeOlder(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== NAME);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function answer(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const cache = await caches.open(NAME);
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
