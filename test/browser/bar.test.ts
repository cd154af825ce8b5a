// The bar that every page with a run has, on the page that trains: what its buttons, a hidden tab, the speed, a link do.

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

test('a run is reset and stopped while it is prepared, held by a hidden tab, slowed, paused, continued, stopped, reset', async () => {
  await site.open(LONG);
  for (const button of ['#reset', '#stop']) {
    await site.page.evaluate((early) => {
      document.querySelector<HTMLElement>('#go')!.click();
      document.querySelector<HTMLElement>(early)!.click();
    }, button);
    await site.status(/^(Ready|Stopped after \d+ steps)\.$/);
    expect(await site.page.isEnabled('[name=steps]')).toBe(true);
  }

  await site.page.click('#go');
  await site.status(/^(Running|Step)/);
  expect(
    Number(await site.page.textContent('#loss .legend li:has(.dashed) .value')),
  ).toBeGreaterThan(0);
  await setHidden(true);
  await site.status('Paused while this tab is hidden.');
  const held = await step();
  await site.page.waitForTimeout(300);
  expect(await step()).toBe(held);

  await site.page.selectOption('#speed-limit', '1');
  await setHidden(false);
  await expect.poll(step, { timeout: 30_000 }).toBeGreaterThan(held);
  const seen = new Set<number>();
  for (const end = Date.now() + 3000; Date.now() < end; await site.page.waitForTimeout(50))
    seen.add(await step());
  expect(seen.size).toBeLessThanOrEqual(4); // an update may be of several steps

  await site.page.click('#go');
  await site.status('Paused.');
  const paused = await step();
  await site.page.waitForTimeout(300);
  expect(await step()).toBe(paused);
  await site.page.click('#go');
  await expect.poll(step, { timeout: 30_000 }).toBeGreaterThan(paused);
  await site.page.click('#stop');
  await site.status(/^Stopped after \d+ steps\.$/);
  const stopped = await step();
  await site.page.waitForTimeout(300);
  expect(await step()).toBe(stopped); // of the runs that were begun, none goes on

  await site.page.click('#reset');
  await site.status('Ready.');
  expect(await site.page.textContent('#step')).toBe('–');
  expect(await site.page.inputValue('[name=layers]')).toBe('2');
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
