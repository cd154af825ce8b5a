// The bar that every page with a run has, on the page that trains: what a hidden tab, the speed, a link, an early Reset do.

import { expect, test } from 'vitest';
import { demo } from './demo.ts';

const site = demo();
const LONG = 'train/#layers=1&width=32&steps=50000&learningRate=0.01&seed=7';

/** As if the visitor had gone to another tab, or come back. */
const setHidden = (hidden: boolean) =>
  site.page.evaluate((now) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => now });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);

const step = async () =>
  Number.parseInt((await site.page.textContent('#step'))!.replace(/,/g, ''), 10);

test('a hidden tab holds the run and says so, and goes on when it is seen again; a slow speed is kept to', async () => {
  await site.open(LONG);
  await site.page.click('#go');
  await site.status(/^(Running|Step)/);
  await setHidden(true);
  await site.status('Paused while this tab is hidden.');
  const held = await step();
  await site.page.waitForTimeout(500);
  expect(await step()).toBe(held);

  await site.page.selectOption('#speed-limit', '1');
  await setHidden(false);
  await expect.poll(step, { timeout: 30_000 }).toBeGreaterThan(held);
  const seen = new Set<number>();
  for (const end = Date.now() + 3000; Date.now() < end; ) seen.add(await step());
  expect(seen.size).toBeLessThanOrEqual(4); // an update may be of several steps
});

test('Reset and Stop while a run is being prepared end it there, and the next start is one run', async () => {
  await site.open(LONG);
  for (const button of ['#reset', '#stop']) {
    await site.page.evaluate((early) => {
      document.querySelector<HTMLElement>('#go')!.click();
      document.querySelector<HTMLElement>(early)!.click();
    }, button);
    await site.status(/^(Ready|Stopped after \d+ steps)\.$/);
    expect(await site.page.isEnabled('[name=steps]')).toBe(true);
  }
  await site.page.fill('[name=steps]', '5');
  await site.page.click('#go');
  await site.status('Done after 5 steps.');
});

test('a copied link opens the page with its settings', async () => {
  await site.open('train/');
  await site.page.context().grantPermissions(['clipboard-write', 'clipboard-read']);
  await site.page.fill('[name=steps]', '123');
  await site.page.click('#link');
  await site.status(/^A link .* is copied\.$/);
  const link = await site.page.evaluate(() => navigator.clipboard.readText());
  await site.page.goto('about:blank');
  await site.page.goto(link);
  await site.status('Ready.');
  expect(await site.page.inputValue('[name=steps]')).toBe('123');
});
