// What the tuner keeps in a browser: texts in IndexedDB, there again after the page was closed.

import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { serveFolder } from '../../src/cli/demos.ts';
import { launchChromium } from './chromium.ts';

test('a text is there again in the next page, and null where there is none', async () => {
  const server = await serveFolder('dist/browser');
  const { browser, close } = await launchChromium();
  const script = await build({
    entryPoints: ['src/gpu/store_browser.ts'],
    bundle: true,
    format: 'esm',
    write: false,
  });
  const context = await browser.newContext();
  const inPage = async (expression: string) => {
    const page = await context.newPage();
    await page.route('**/store.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: script.outputFiles[0]!.text }),
    );
    await page.route('**/test.html', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<title>Store</title>' }),
    );
    await page.goto(`${server.url}test.html`);
    const result = await page.evaluate<string | null>(
      `import('./store.js').then(({ store }) => ${expression})`,
    );
    await page.close();
    return result;
  };
  try {
    expect(await inPage("store.read('tuning.json')")).toBeNull();
    expect(
      await inPage(
        "store.write('tuning.json', 'old').then(() => store.write('tuning.json', 'new'))",
      ),
    ).toBe('IndexedDB shadegrad/texts/tuning.json');
    expect(await inPage("store.read('tuning.json')")).toBe('new');
    expect(await inPage("store.read('other.json')")).toBeNull();
  } finally {
    await close();
    await server.close();
  }
});
