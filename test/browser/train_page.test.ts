// demos/train/ as visitors get it: built, served, in Chromium.

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type FileServer, serveFolder } from '../../src/cli/demos.ts';
import { launchChromium } from './chromium.ts';

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
  problems = [];
  page = await chromium.browser.newPage();
  page.on('pageerror', ({ message }) => problems.push(message));
  // Violations of the security policy are printed here too, those of the worker included.
  page.on('console', (line) => line.type() === 'error' && problems.push(line.text()));
  page.on('requestfailed', (request) => problems.push(`failed: ${request.url()}`));
});
afterEach(async () => {
  await page.close();
  expect(problems).toEqual([]);
});

const ATTACK = `<img src=x onerror="document.title='broken'"><script>document.title='broken'</script>`;

test("a run on a visitor's text: the loss falls, samples appear, and markup in the text stays text", async () => {
  await open();
  await chooseText(`<b>bold<b>.txt`, `${ATTACK}\n`.repeat(60));
  await page.fill('[name=steps]', '14');
  await page.selectOption('[name=width]', '32');
  await page.fill('[name=layers]', '1');
  await page.fill('[name=learningRate]', '0.02');
  await page.click('#go');

  await status('Done after 14 steps.');
  const losses = await page.evaluate<number[]>('shownLosses');
  const first = losses[0]!;
  expect(first).toBeGreaterThan(2.5);
  expect(losses.at(-1)).toBeLessThan(first - 0.5);
  expect(losses.length).toBeGreaterThan(2);
  expect(Number(await page.textContent('#validation-loss'))).toBeLessThan(first);
  expect(await page.textContent('#step')).toBe('14 / 14');
  expect(await page.textContent('#facts')).toContain('<b>bold<b>.txt');
  expect(await page.isVisible('#floor')).toBe(false);
  expect(await page.locator('#samples pre').count()).toBe(7);

  await page.fill('#prompt', ATTACK);
  await page.click('#write');
  await expect.poll(() => page.locator('#samples pre').count(), { timeout: 30_000 }).toBe(8);
  expect(await page.textContent('#samples mark >> nth=0')).toBe(ATTACK);
  expect(await page.locator('main img, main script, main b').count()).toBe(0);
  expect(await page.title()).toBe('Train a language model · shadegrad');
});

test('a run on the stories can be paused, continued, stopped and reset', async () => {
  await open();
  await page.fill('[name=layers]', '1');
  await page.selectOption('[name=width]', '32');
  await page.fill('[name=steps]', '50000');
  await page.click('#go');
  await status(/^(Training|Step)/);
  expect(Number(await page.textContent('#floor-value'))).toBeGreaterThan(0);

  await page.click('#go');
  await status('Paused.');
  const paused = await page.textContent('#step');
  await page.waitForTimeout(300);
  expect(await page.textContent('#step')).toBe(paused);
  await page.click('#go');
  await expect.poll(() => page.textContent('#step'), { timeout: 30_000 }).not.toBe(paused);
  await page.click('#stop');
  await status(/^Stopped after \d+ steps\.$/);

  await page.click('#reset');
  await status('Ready.');
  expect(await page.textContent('#step')).toBe('–');
  expect(await page.inputValue('[name=layers]')).toBe('2');
});

test('the kernels can be tuned, and Reset ends that', async () => {
  await open();
  await page.click('#tune');
  await status(/^Measuring kernels, 2 of \d+ shapes…$/.source);
  await page.click('#reset');
  await status('Ready.');
});

test('a file that cannot be learned is named on the error line, and the next start clears it', async () => {
  await open();
  await chooseText('empty.txt', '');
  await page.click('#go');
  await status('Ended by an error.');
  expect(await page.textContent('#error')).toBe('empty.txt: the file is empty; expected text');

  await chooseText('short.txt', 'Too short.');
  await page.click('#go');
  await expect.poll(() => page.textContent('#error')).toContain('10');
  expect(await page.locator('#error').getAttribute('role')).toBe('alert');
});

test('a browser without WebGPU is told what to do', async () => {
  await page.route('**/worker.js', async (route) => {
    const body = await (await route.fetch()).text();
    const without = `Object.defineProperty(navigator, 'gpu', { value: undefined });\n${body}`;
    await route.fulfill({ contentType: 'text/javascript', body: without });
  });
  await page.goto(`${server.url}train/`);
  await status('No training without WebGPU.');
  expect(await page.textContent('#error')).toContain('Chrome or Edge 113');
  expect(await page.getAttribute('#go', 'aria-disabled')).toBe('true');
});

test('the list of pages leads to the training, with no script', async () => {
  await page.goto(server.url);
  await page.click('text=Train a language model');
  await status('Ready.');
});

async function open(): Promise<void> {
  await page.goto(`${server.url}train/`);
  await status('Ready.');
  await page.evaluate(`
    globalThis.shownLosses = [];
    const figure = document.querySelector('#training-loss');
    new MutationObserver(() => {
      if (figure.textContent !== '–') shownLosses.push(Number(figure.textContent));
    }).observe(figure, { childList: true });
  `);
}

/** Waits for this status. An error ends the wait, and is shown. */
async function status(expected: string | RegExp): Promise<void> {
  const pattern =
    typeof expected === 'string' ? `^${expected.replaceAll('.', '\\.')}$` : expected.source;
  await page.waitForFunction(
    (awaited) => {
      const status = document.querySelector('#status')!.textContent;
      return new RegExp(awaited).test(status) || status === 'Ended by an error.';
    },
    pattern,
    { polling: 20, timeout: 60_000 },
  );
  const error = (await page.textContent('#error')) ?? '';
  expect(await page.textContent('#status'), error).toMatch(new RegExp(pattern));
}

async function chooseText(name: string, content: string): Promise<void> {
  await page.setInputFiles('#file', { name, mimeType: 'text/plain', buffer: Buffer.from(content) });
}
