// The pages' settings and kernels for a GPU, on whatever there is: the adapter only calls itself one.

import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { demo } from '../browser/demo.ts';
import { inWorker } from '../browser/faults.ts';

const PAGES = readdirSync('demos').filter((name) => existsSync(`demos/${name}/index.html`));
const CALLED_A_GPU = `
  const info = {
    vendor: 'acme', architecture: 'one', device: '', description: '', isFallbackAdapter: false,
    subgroupMinSize: 4, subgroupMaxSize: 128,
  };
  Object.defineProperty(GPUAdapter.prototype, 'info', { get: () => info });`;
/** Steps at a GPU's size, on two cores. */
const PATIENCE_MS = 900_000;

// A browser for each: what a page has asked of the GPU holds up the next page.
describe.each(PAGES)('%s', (name) => {
  const site = demo();

  test('begins and is stopped with the settings for a GPU', {
    timeout: 2 * PATIENCE_MS,
  }, async () => {
    const { page } = site;
    await inWorker(page, CALLED_A_GPU);
    await site.open(`${name}/`);
    expect(await page.textContent('#adapter')).toMatch(/acme(?!.*on the CPU)/);
    await page.click('#go');
    await page.waitForFunction(
      () => /^(Running|Step|Ended by)/.test(document.querySelector('#status')!.textContent!),
      null,
      { polling: 100, timeout: PATIENCE_MS },
    );
    expect(await page.textContent('#error')).toBe('');
    await page.click('#stop');
    await page.waitForFunction(() => document.querySelector('#go')!.textContent !== 'Pause', null, {
      polling: 100,
      timeout: PATIENCE_MS,
    });
    console.log(name, await page.textContent('#status'));
    expect(await page.textContent('#error')).toBe('');
  });
});
