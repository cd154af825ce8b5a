// The same training in Chromium and in Node, each from its own bundle in dist/.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { serveFolder } from '../../src/cli/demos.ts';
import { launchChromium } from './chromium.ts';

interface Outcome {
  readonly adapter: string;
  readonly software: boolean;
  /** Twenty of training, one of validation. */
  readonly losses: readonly number[];
}

test('Node = Chrome: 20 training steps on one driver have the same losses to 1e-5', async () => {
  const browser = await inChromium();
  const node = await inNode(browser.software ? 'swiftshader' : 'hardware');
  expect(browser.losses).toHaveLength(21);
  expect(browser.losses[19]).toBeLessThan(browser.losses[0]! - 0.3);
  const differences = browser.losses.map((loss, i) => Math.abs(loss - node.losses[i]!));
  expect(Math.max(...differences), `${browser.adapter} and ${node.adapter}`).toBeLessThan(1e-5);
});

async function inChromium(): Promise<Outcome> {
  const server = await serveFolder('dist/browser');
  const { browser, close } = await launchChromium();
  try {
    const page = await browser.newPage();
    const source = await readFile('test/browser/twenty_steps.js', 'utf8');
    await page.route('**/twenty_steps.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: source }),
    );
    await page.route('**/test.html', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<title>Twenty steps</title>' }),
    );
    await page.goto(`${server.url}test.html`);
    await page.addScriptTag({
      type: 'module',
      content: `import { Device } from './index.js';
        import { trainLanguageModel } from './llm.js';
        import { twentySteps } from './twenty_steps.js';
        globalThis.outcome = twentySteps({ Device, trainLanguageModel });`,
    });
    await page.waitForFunction('globalThis.outcome');
    return await page.evaluate<Outcome>('globalThis.outcome');
  } finally {
    await close();
    await server.close();
  }
}

/** In a process of its own: the driver is chosen when the first adapter is asked for. */
async function inNode(adapter: string): Promise<Outcome> {
  const program = `import { Device } from './dist/node/index.js';
    import { trainLanguageModel } from './dist/node/llm.js';
    import { twentySteps } from './test/browser/twenty_steps.js';
    console.log(JSON.stringify(await twentySteps({ Device, trainLanguageModel }, '${adapter}')));`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    program,
  ]);
  return JSON.parse(stdout);
}
