// demos/train/ as visitors get it: built, served, in Chromium.

import { expect, test } from 'vitest';
import { demo } from './demo.ts';

const site = demo();
const status = site.status;

const ATTACK = `<img src=x onerror="document.title='broken'"><script>document.title='broken'</script>`;

test("a run on a visitor's text: the loss falls, samples appear, markup in the text stays text; the run is kept, listed, removed", async () => {
  await open();
  await chooseText(`<b>bold<b>.txt`, `${ATTACK}\n`.repeat(60));
  await site.page.fill('[name=steps]', '14');
  await site.page.selectOption('[name=width]', '32');
  await site.page.fill('[name=layers]', '1');
  await site.page.fill('[name=learningRate]', '0.02');
  await site.page.click('#go');

  await status('Done after 14 steps.');
  const losses = await site.page.evaluate<number[]>('shownLosses');
  const first = losses[0]!;
  expect(first).toBeGreaterThan(2.5);
  expect(losses.at(-1)).toBeLessThan(first - 0.5);
  expect(losses.length).toBeGreaterThan(2);
  expect(Number(await site.page.textContent('#validation-loss'))).toBeLessThan(first);
  expect(await site.page.textContent('#step')).toBe('14 / 14');
  expect(await site.page.textContent('#facts')).toContain('<b>bold<b>.txt');
  expect(await site.page.isVisible('#floor-hint')).toBe(false);
  expect(await site.page.locator('#loss .dashed').count()).toBe(0);
  expect(await site.page.locator('#samples pre').count()).toBe(7);

  await site.page.fill('#prompt', ATTACK);
  await site.page.click('#write');
  await expect.poll(() => site.page.locator('#samples pre').count(), { timeout: 30_000 }).toBe(8);
  expect(await site.page.textContent('#samples mark >> nth=0')).toBe(ATTACK);
  expect(await site.page.locator('main img, main script, main b').count()).toBe(0);
  expect(await site.page.title()).toBe('Train a language model · shadegrad');

  await site.page.waitForSelector('#saved li');
  expect(await site.page.textContent('#saved li span')).toMatch(/^run-1, \d+\.\d MB$/);
  await site.page.click('#saved button[aria-label="Remove run-1"]');
  await site.page.waitForFunction(() => document.querySelector('#saved li') === null);
});

test('the kernels can be tuned, and Reset ends that', async () => {
  await open();
  await site.page.click('#tune');
  await status(/^Measuring kernels, 2 of \d+ shapes…$/.source);
  await site.page.click('#reset');
  await status('Ready.');
});

test('a file that cannot be learned is named on the error line, and the next start clears it', async () => {
  await open();
  await chooseText('empty.txt', '');
  await site.page.click('#go');
  await status('Ended by an error.');
  expect(await site.page.textContent('#error')).toBe('empty.txt: the file is empty; expected text');

  await chooseText('short.txt', 'Too short.');
  await site.page.click('#go');
  await expect.poll(() => site.page.textContent('#error')).toContain('10');
  expect(await site.page.locator('#error').getAttribute('role')).toBe('alert');
});

test('a browser without WebGPU is told what to do', async () => {
  await site.page.route('**/worker.js', async (route) => {
    const body = await (await route.fetch()).text();
    const without = `Object.defineProperty(navigator, 'gpu', { value: undefined });\n${body}`;
    await route.fulfill({ contentType: 'text/javascript', body: without });
  });
  await site.page.goto(`${site.url}train/`);
  await status('Nothing can run without WebGPU.');
  expect(await site.page.textContent('#error')).toContain('Chrome or Edge 113');
  expect(await site.page.getAttribute('#go', 'aria-disabled')).toBe('true');
});

test('the list of pages leads to the training, with no script', async () => {
  await site.page.goto(site.url);
  await site.page.click('text=Train a language model');
  await status('Ready.');
});

async function open(): Promise<void> {
  await site.open('train/');
  await site.page.evaluate(`
    globalThis.shownLosses = [];
    const figure = document.querySelector('#training-loss');
    new MutationObserver(() => {
      if (figure.textContent !== '–') shownLosses.push(Number(figure.textContent));
    }).observe(figure, { childList: true });
  `);
}

async function chooseText(name: string, content: string): Promise<void> {
  await site.page.setInputFiles('#file', {
    name,
    mimeType: 'text/plain',
    buffer: Buffer.from(content),
  });
}
