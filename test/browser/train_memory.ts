// A long run of the page train on SwiftShader, or what Chromium has: the time to its first step, and the memory that it holds.

import { availableParallelism, loadavg } from 'node:os';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Demo } from './demo.ts';

/** More than what the curves and the list of samples come to hold. */
const MOST_GROWTH_MB = 1.5;

/** With the page's own settings; @returns milliseconds from opening the page to its first training step. */
export async function timeToFirstStep(site: Demo): Promise<number> {
  const begin = performance.now();
  await site.open('train/');
  await site.page.click('#go');
  await site.page.waitForFunction(
    () => document.querySelector('#step')!.textContent !== '–',
    null,
    { polling: 50, timeout: 110_000 },
  );
  return performance.now() - begin;
}

/** How much longer things take here now than on a machine with nothing else to do. */
export const load = () => Math.max(1, loadavg()[0]! / availableParallelism());

/**
 * Trains a small model for so long, and fails unless the memory on the GPU stays what it is after the first steps, to the
 * byte, and the page's own about so. `speed` is a choice of the page: a slower one leaves the processor to other tests.
 */
export async function expectFlatMemory(
  site: Demo,
  milliseconds: number,
  speed = '',
): Promise<void> {
  await site.open('train/#width=32&layers=1&steps=100000');
  await site.page.selectOption('#speed-limit', speed);
  await site.page.click('#go');
  await site.status('Running.');
  const step = async () =>
    Number((await site.page.textContent('#step'))!.split(' / ')[0]!.replaceAll(',', ''));
  await expect.poll(step, { timeout: 60_000 }).toBeGreaterThan(5);
  const memory = () => site.page.getAttribute('#memory', 'title');
  const [begin, first] = [await memory(), await step()];
  const heap = await heapMegabytes(site.page);
  const seen = new Set<string>();
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    seen.add((await memory())!);
    await site.page.waitForTimeout(250);
  }
  const growth = (await heapMegabytes(site.page)) - heap;
  console.log(
    `train held ${begin} for ${milliseconds / 1000} s, steps ${first} to ${await step()}; ` +
      `the page's ${heap.toFixed(1)} MB of JavaScript grew by ${growth.toFixed(2)}`,
  );
  expect(growth).toBeLessThan(MOST_GROWTH_MB);
  expect([...seen]).toEqual([begin]);
  expect(begin).toMatch(/^[\d,]+ bytes$/);
  expect(await site.page.textContent('#memory')).toMatch(/^\d+\.\d MB$/);
  expect(await step()).toBeGreaterThan(first);
}

/** Of the page's own thread, without what can be collected. */
async function heapMegabytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize / 2 ** 20;
}
