// The browser's storage, full or refused: training goes on, and the page says what is no longer kept. Files that are no runs.

import { expect, test } from 'vitest';
import { demo } from './demo.ts';
import { inWorker } from './faults.ts';

const site = demo();

/** A run of a few seconds that saves itself as it goes. */
const SHORT = 'train/#layers=1&width=32&steps=5&learningRate=0.01&seed=1';

test('storage that is full ends the saving, not the run', async () => {
  await inWorker(
    site.page,
    `FileSystemFileHandle.prototype.createWritable = async () => {
      throw new DOMException('no space', 'QuotaExceededError');
    };`,
  );
  await site.page.addInitScript(`
    globalThis.told = [];
    addEventListener('DOMContentLoaded', () => {
      const status = document.querySelector('#bar');
      new MutationObserver(() => told.push(document.querySelector('#status').textContent))
        .observe(status, { childList: true, subtree: true, characterData: true });
    });`);
  await site.open(SHORT);
  await site.page.click('#go');
  await site.status('Done after 5 steps.');
  const told = await site.page.evaluate<string[]>('told');
  expect(told.join('\n')).toContain("no longer saved: the browser's storage is full");
  expect(await site.page.isVisible('#error')).toBe(false);
});

test('storage that is refused is said, and the run goes on without it', async () => {
  const refuse = `navigator.storage.getDirectory = async () => {
    throw new DOMException('refused', 'SecurityError');
  };`;
  await site.page.addInitScript(refuse);
  await inWorker(site.page, refuse);
  await site.open(SHORT);
  expect(await site.page.textContent('#saved')).toContain(
    'Nothing is kept: the browser refuses storage',
  );
  await site.page.click('#go');
  await site.status('Done after 5 steps.');
});

test('a run is kept, listed, removed; a file that is no run is named', async () => {
  await site.open(SHORT);
  await site.page.click('#go');
  await site.status('Done after 5 steps.');
  await site.page.waitForSelector('#saved li');
  expect(await site.page.textContent('#saved li span')).toMatch(/^run-1, \d+\.\d MB$/);
  await site.page.click('#saved button[aria-label="Remove run-1"]');
  await site.page.waitForFunction(() => document.querySelector('#saved li') === null);

  const open = (name: string, text: string) =>
    site.page.setInputFiles('#saved input', {
      name,
      mimeType: 'text/plain',
      buffer: Buffer.from(text),
    });
  await open('<b>x</b>.tar', 'x'.repeat(2000));
  await expect
    .poll(() => site.page.textContent('#error'))
    .toContain('<b>x</b>.tar is not a tar file');
  expect(await site.page.locator('#error b').count()).toBe(0);
});
