// What each page shows when it is worth a picture: `npm run screenshots` brings it there first.

import type { Page } from 'playwright-core';

type Scene = (page: Page) => Promise<void>;

/** By the page's folder; '' is the list of pages. */
export const SCENES: Readonly<Record<string, Scene>> = {
  '': async () => {},
  control: async (page) => {
    await page.click('#go');
    await page.waitForFunction(
      () => Number(document.querySelector('#return')?.textContent) > 150,
      null,
      {
        timeout: 300_000,
      },
    );
  },
  'policy-gradient': async (page) => {
    await page.fill('#constant', '-4');
    await page.click('#go');
    await page.waitForFunction(
      () => /[\d.]+ to/.test(document.querySelector('#estimates')?.textContent ?? ''),
      null,
      {
        timeout: 300_000,
      },
    );
  },
  train: async (page) => {
    await page.selectOption('[name=tokens]', 'bpe');
    await page.click('#go');
    await page.waitForFunction(() => document.querySelectorAll('#samples li').length >= 5, null, {
      timeout: 300_000,
    });
  },
  rlhf: async (page) => {
    for (const ended of [/which of its stories/, /has labelled/, /has learned/, /^Moved/]) {
      await page.click('#go');
      await page.waitForFunction(
        (source) => new RegExp(source).test(document.querySelector('#status')!.textContent),
        ended.source,
        { timeout: 600_000 },
      );
    }
  },
  kernels: async (page) => {
    await page.goto(`${page.url().split('#')[0]}#item=matmul+NN+64x64x64&variants=true`);
    await page.reload();
    await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'Ready.');
    await page.click('#go');
    await page.waitForSelector('#variants-table:not([hidden])', { timeout: 300_000 });
  },
  'fine-tune': async (page) => {
    await page.click('#go');
    await page.waitForFunction(
      () => document.querySelector('#status')?.textContent?.startsWith('Done'),
      null,
      { timeout: 300_000 },
    );
    await page.click('#ask');
    await page.waitForSelector('#compared li', { timeout: 60_000 });
  },
  reasoning: async (page) => {
    await page.click('#go');
    await page.waitForFunction(
      () => document.querySelector('#status')!.textContent.startsWith('Done'),
      null,
      { timeout: 900_000 },
    );
  },
};
