// A demo page as visitors get it: built, served, in Chromium. A test that leaves a console line, an error, a failed request
// or a request to another origin behind has failed.

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { type FileServer, serveFolder } from '../../src/cli/demos.ts';
import { launchChromium } from './chromium.ts';

/** Long enough for kernels to compile on SwiftShader while another test file runs. */
const PATIENCE_MS = 90_000;

export interface Demo {
  /** Of the test that runs; a new one, with storage of its own, for each. */
  readonly page: Page;
  /** Where the pages are served, with a slash at its end. */
  readonly url: string;
  /** Opens a page by its folder, `train/#seed=3`, and waits until it can start. */
  open(path: string, ready?: string | RegExp): Promise<void>;
  /** Waits for this status. An error ends the wait, and is shown. */
  status(expected: string | RegExp): Promise<void>;
  /** The number in an element. */
  number(selector: string): Promise<number>;
}

/** Else every page that a test opens loads all the others too, for visits without a network. */
const NO_COPY =
  'if (navigator.serviceWorker) navigator.serviceWorker.register = () => new Promise(() => {});';

/** For a test file: a browser and a server for all its tests, a page for each. `offline`: the site is kept for later visits. */
export function demo({ offline = false } = {}): Demo {
  let server: FileServer;
  let chromium: { browser: Browser; close: () => Promise<void> };
  let page: Page;
  let problems: string[];

  beforeAll(async () => {
    server = await serveFolder('dist/demos');
    chromium = await launchChromium();
  });
  afterAll(async () => {
    await chromium.close();
    await server.close();
  });
  beforeEach(async () => {
    const context = await chromium.browser.newContext();
    if (!offline) await context.addInitScript(NO_COPY);
    page = await context.newPage();
    problems = [];
    page.on('pageerror', ({ message }) => problems.push(message));
    // Violations of the security policy are printed here too, those of the worker included.
    page.on('console', (line) => problems.push(`${line.type()}: ${line.text()}`));
    page.on('requestfailed', (request) => {
      const error = request.failure()?.errorText;
      // A page that is left takes back what it still asked for.
      if (error !== 'net::ERR_ABORTED') problems.push(`failed: ${request.url()} (${error})`);
    });
    page.on('request', (request) => {
      const local = [server.url, 'data:', 'blob:'].some((start) => request.url().startsWith(start));
      if (!local) problems.push(`left the origin: ${request.url()}`);
    });
  });
  afterEach(async () => {
    await page.context().close();
    expect(problems).toEqual([]);
  });

  const status = async (expected: string | RegExp) => {
    const pattern =
      typeof expected === 'string' ? `^${expected.replaceAll('.', '\\.')}$` : expected.source;
    await page.waitForFunction(
      (awaited) => {
        const status = document.querySelector('#status')?.textContent ?? '';
        return new RegExp(awaited).test(status) || status === 'Ended by an error.';
      },
      pattern,
      { polling: 20, timeout: PATIENCE_MS },
    );
    const error = (await page.textContent('#error')) ?? '';
    expect(await page.textContent('#status'), error).toMatch(new RegExp(pattern));
  };

  return {
    get page() {
      return page;
    },
    get url() {
      return server.url;
    },
    async open(path, ready = 'Ready.') {
      await page.goto(server.url + path);
      await status(ready);
    },
    status,
    number: async (selector) => Number((await page.textContent(selector))?.replaceAll(',', '')),
  };
}
