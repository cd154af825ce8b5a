// What holds for every page: its policy, its weight, what people need who cannot see, point or wait, and faults of the
// machine below it.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { SCENES } from '../../demos/scenes.ts';
import { violations } from './axe.ts';
import { demo } from './demo.ts';
import { CAN_LOSE_DEVICE, inWorker, LOWEST_LIMITS, longestTask, loseDevice } from './faults.ts';

/** By their folders; '' is the list of pages. */
const PAGES = [
  '',
  ...readdirSync('demos').filter((name) => existsSync(join('demos', name, 'index.html'))),
].map((name) => (name === '' ? '' : `${name}/`));
const WITH_RUN = PAGES.filter((path) => path !== '');
/** Settings of runs that are not over before they are looked at, with few kernels to compile. */
const LONG: Readonly<Record<string, string>> = {
  'control/': '#environment=Maze-v0&copies=8',
  'kernels/': '#rounds=100',
  'train/': '#width=32&layers=1&steps=50000',
};

const site = demo();

/** `reliability.md`, part 0: nothing but the page's own files, and one policy, for the page's own two workers. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; worker-src 'self'; " +
  "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types shadegrad";

const open = (path: string) => site.open(path, path === '' ? /^WebGPU works here/ : 'Ready.');

test('the list leads to every page, and every page has its scene for the screenshots', async () => {
  const html = readFileSync('demos/index.html', 'utf8');
  const links = [...html.matchAll(/href="([\w-]+\/)"/g)].map(([, link]) => link);
  expect(links.toSorted()).toEqual(WITH_RUN.toSorted());
  expect(
    Object.keys(SCENES)
      .map((name) => (name === '' ? '' : `${name}/`))
      .toSorted(),
  ).toEqual(PAGES.toSorted());
});

test('no page makes markup of text', () => {
  const banned =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|setHTML/;
  const sources = readdirSync('demos', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|html)$/.test(file))
    .filter((file) => banned.test(readFileSync(join('demos', file), 'utf8')));
  expect(sources).toEqual([]);
});

describe.each(PAGES)('page "%s"', (path) => {
  test('its policy, its title, its language, and nothing inline', () => {
    const html = readFileSync(join('demos', path, 'index.html'), 'utf8');
    expect(html).toContain(`<meta http-equiv="Content-Security-Policy" content="${POLICY}">`);
    expect(html).toMatch(/<title>[^<]*shadegrad<\/title>/);
    expect(html).toContain('<html lang="en"');
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/);
  });

  test('it weighs at most 200 KB gzipped beyond the runtime; axe-core finds nothing, light and dark, wide and narrow; nothing overflows; all can be reached by Tab', async () => {
    const { page } = site;
    const weights = weigh(page);
    await open(path);
    const files = new Map(await Promise.all(weights));
    const total = [...files.values()].reduce((sum, bytes) => sum + bytes, 0) / 1024;
    expect(files.size).toBeGreaterThan(2);
    expect(total, [...files].map(([name, bytes]) => `${name} ${bytes}`).join('\n')).toBeLessThan(
      80 + 200,
    );

    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1280, 390]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        const seen = `${colorScheme}, ${width} px`;
        expect(await violations(page), seen).toEqual([]);
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(overflow, `${seen}: wider than the page`).toBeLessThanOrEqual(0);
      }
    }
    expect(await missedByTab(page)).toEqual([]);
  });
});

describe('without a network', () => {
  const kept = demo({ offline: true });
  test('every page opens after the first visit of one', async () => {
    await kept.open('train/');
    await kept.page.evaluate(async () => {
      const { active } = await navigator.serviceWorker.ready;
      while (active!.state !== 'activated') await new Promise((resolve) => setTimeout(resolve, 20));
    });
    await kept.page.context().setOffline(true);
    for (const path of PAGES) await kept.open(path, path === '' ? /^WebGPU works here/ : 'Ready.');
  });
});

describe.each(WITH_RUN)('faults below "%s"', (path) => {
  test('without WebGPU it says what to do', async () => {
    await inWorker(site.page, "Object.defineProperty(navigator, 'gpu', { value: undefined });");
    await site.open(path, /^Nothing can run without WebGPU/);
    expect(await site.page.textContent('#error')).toContain('Chrome or Edge 113');
    expect(await site.page.getAttribute('#go', 'aria-disabled')).toBe('true');
  });

  test('without an adapter it says why, and what to do', async () => {
    await inWorker(site.page, 'navigator.gpu.requestAdapter = async () => null;');
    await site.open(path, /^Nothing can run without WebGPU/);
    expect(await site.page.textContent('#error')).toContain('chrome://gpu');
  });

  // That the press goes on from a checkpoint: train_saved.test.ts.
  test('with the lowest limits it runs, in its worker; when the GPU is lost it says so, and goes on by one press; another stops it', {
    timeout: 240_000, // alone it takes a tenth of that
  }, async () => {
    await inWorker(site.page, LOWEST_LIMITS + CAN_LOSE_DEVICE);
    await site.open(path + (LONG[path] ?? ''));
    await site.page.click('#go');
    await site.status(/^(Running|Step)/);
    // Tasks of 50 ms and more are what a visitor feels.
    expect(await longestTask(site.page, () => site.page.waitForTimeout(2000))).toBeLessThan(50);

    await loseDevice(site.page);
    await site.status(/^The GPU was lost/);
    expect(await site.page.textContent('#error')).toContain('lost');
    await site.page.click('#go');
    await site.status(/^(Running|Step)/);
    expect(await site.page.isVisible('#error')).toBe(false);

    await site.page.click('#stop');
    await site.page.waitForFunction(
      () => document.querySelector('#go')!.textContent !== 'Pause',
      null,
      { polling: 50, timeout: 90_000 },
    );
    expect(await site.page.isVisible('#error')).toBe(false);
  });
});

test('a task of 400 ms on the thread of a page is seen as one', async () => {
  await open('');
  const busy = () =>
    site.page.evaluate('for (const end = performance.now() + 400; performance.now() < end; );');
  expect(await longestTask(site.page, busy as () => Promise<void>)).toBeGreaterThan(50);
});

test('a list of pages without WebGPU says so, and shows the help', async () => {
  await site.page.addInitScript("Object.defineProperty(navigator, 'gpu', { value: undefined });");
  await site.open('', /^WebGPU is missing/);
  expect(await site.page.textContent('#error')).toContain('Chrome or Edge 113');
  expect(await site.page.isVisible('#help li')).toBe(true);
});

/** The gzipped bytes of each file that the page loads from now on, but for the service worker, which comes later. */
function weigh(page: Page): Promise<[name: string, bytes: number]>[] {
  const weights: Promise<[name: string, bytes: number]>[] = [];
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.endsWith('sw.js')) return;
    weights.push(response.body().then((body) => [pathname, gzipSync(body).length]));
  });
  return weights;
}

/** Controls that are visible and in use, and that the Tab key does not come by. */
async function missedByTab(page: Page): Promise<string[]> {
  const controls = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const count = await page.locator(controls).count();
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    const met = new WeakSet<Element>();
    Object.assign(globalThis, { met });
    addEventListener('focusin', ({ target }) => met.add(target as Element));
  });
  for (let i = 0; i <= count; i++) await page.keyboard.press('Tab');
  return page.evaluate((selector) => {
    const { met } = globalThis as unknown as { met: WeakSet<Element> };
    const shown = [...document.querySelectorAll<HTMLInputElement>(selector)].filter(
      (control) =>
        control.checkVisibility() && !control.disabled && control.closest(':disabled') === null,
    );
    // Of radio buttons, the arrow keys reach the others.
    const missed = shown.filter((control) => !met.has(control) && control.type !== 'radio');
    return missed
      .map((control) => control.cloneNode(false) as HTMLElement)
      .map((node) => node.outerHTML);
  }, controls);
}
