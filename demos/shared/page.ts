// What every page shares: its elements, the status line, the error line, and the page's worker.

/** The element with this id. @throws TypeError when the page has none of that kind. */
export function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new TypeError(`the page has no ${kind.name} with the id "${id}"`);
}

/** One line on what the page is doing; screen readers speak it when it changes. */
export function showStatus(text: string): void {
  const line = element('status', HTMLElement);
  if (line.textContent !== text) line.textContent = text;
}

/** What went wrong. The first error stays until `clearError`: later ones follow from it. */
export function showError(message: string): void {
  const line = element('error', HTMLElement);
  if (!line.hidden) return;
  line.textContent = message;
  line.hidden = false;
}

export function clearError(): void {
  const line = element('error', HTMLElement);
  line.hidden = true;
  line.textContent = '';
}

/** Errors that nothing else has caught reach the error line too. */
export function showUncaughtErrors(): void {
  addEventListener('error', ({ message }) => showError(message));
  addEventListener('unhandledrejection', ({ reason }) => showError(String(reason)));
}

/** The part of Trusted Types that is used; TypeScript's library does not declare it, and some browsers lack it. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): string };
}

const workerUrl = new URL('worker.js', document.baseURI).href;
/** Of the list of pages, which `<html data-root>` names; pages lie one folder below it. */
const root = new URL(document.documentElement.dataset.root ?? '../', document.baseURI);
const serviceWorkerUrl = new URL('sw.js', root).href;

// The page's security policy allows this one policy, and it lets nothing through but the page's own two workers.
const scripts = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy(
  'shadegrad',
  {
    createScriptURL(url) {
      if (url === workerUrl || url === serviceWorkerUrl) return url;
      throw new TypeError(`${url} is not this page's worker`);
    },
  },
);

/** Lets all pages open without a network after this visit. Browsers that refuse it lose nothing else. */
export function keepForOffline(): void {
  const url = scripts?.createScriptURL(serviceWorkerUrl) ?? serviceWorkerUrl;
  navigator.serviceWorker?.register(url, { type: 'module', scope: root.pathname }).catch(() => {});
}

/** Starts `worker.js` beside the page. `onFailure` hears of what the worker does not catch, and of its absence. */
export function startWorker<Message>(
  onMessage: (message: Message) => void,
  onFailure: (message: string) => void,
): Worker {
  const worker = new Worker(scripts?.createScriptURL(workerUrl) ?? workerUrl, { type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<Message>) => onMessage(data));
  worker.addEventListener('error', ({ message }) =>
    onFailure(message || 'worker.js could not be loaded; reload the page'),
  );
  return worker;
}
