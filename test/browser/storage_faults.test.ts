// The browser's storage, full or refused: training goes on, and the page says what is no longer kept. Files that are no runs.

import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readTar } from '../../demos/shared/tar.ts';
import { demo } from './demo.ts';
import { inWorker } from './faults.ts';

const site = demo();

/** A run of a few seconds that saves itself as it goes. */
const SHORT = 'train/#layers=1&width=32&steps=5&learningRate=0.01&seed=1';

const FULL = `FileSystemFileHandle.prototype.createWritable = async () => {
  throw new DOMException('no space', 'QuotaExceededError');
};`;
const REFUSED = `navigator.storage.getDirectory = async () => {
  throw new DOMException('refused', 'SecurityError');
};`;
/** Keeps all that the status line says in `told`. */
const TELL = `
  globalThis.told = [];
  addEventListener('DOMContentLoaded', () => {
    const status = document.querySelector('#bar');
    new MutationObserver(() => told.push(document.querySelector('#status').textContent))
      .observe(status, { childList: true, subtree: true, characterData: true });
  });`;

test('storage that is full ends the saving, not the run', async () => {
  await inWorker(site.page, FULL);
  await site.page.addInitScript(TELL);
  await site.open(SHORT);
  await site.page.click('#go');
  await site.status('Done after 5 steps.');
  const told = await site.page.evaluate<string[]>('told');
  expect(told.join('\n')).toContain("no longer saved: the browser's storage is full");
  expect(await site.page.isVisible('#error')).toBe(false);
});

test('storage that is refused is said, and the run goes on without it', async () => {
  await site.page.addInitScript(REFUSED);
  await inWorker(site.page, REFUSED);
  await site.open(SHORT);
  expect(await site.page.textContent('#saved')).toContain(
    'Nothing is kept: the browser refuses storage',
  );
  await site.page.click('#go');
  await site.status('Done after 5 steps.');
});

/** Of demos/fine-tune/tiny_model.ts, in the built worker. */
const TINY_STEPS = /batch: ?16,\s*steps: ?100/;

test.each([
  ['full', FULL],
  ['refused', REFUSED],
])(
  'with storage that is %s, the adapter and the tiny model can be taken away',
  {
    timeout: 240_000, // alone it takes a tenth of that
  },
  async (how, fault) => {
    if (how === 'refused') await site.page.addInitScript(fault);
    // A model that has learned for two steps will do.
    await inWorker(site.page, fault, (body) => body.replace(TINY_STEPS, 'batch:16,steps:2'));
    await site.page.addInitScript(TELL);
    await site.open('fine-tune/#steps=1&batch=2');
    await site.page.click('#go');
    await site.status('Done after 1 steps.');
    expect(await site.page.isVisible('#error')).toBe(false);
    const told = await site.page.evaluate<string[]>('told');
    expect(told.join('\n')).toContain('The tiny model is not kept: the browser');
    expect(await namesIn('#download')).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
    expect(await namesIn('#download-model')).toEqual([
      ...['config.json', 'model.safetensors', 'tokenizer.json'],
    ]);
  },
);

/** The files of what a button hands out; none of them is empty. */
async function namesIn(button: string): Promise<string[]> {
  const [download] = await Promise.all([
    site.page.waitForEvent('download'),
    site.page.click(button),
  ]);
  const tar = new Blob([await readFile(await download.path())]);
  const files = await readTar(tar, download.suggestedFilename());
  expect(Math.min(...files.map(({ content }) => content.size))).toBeGreaterThan(100);
  return files.map(({ path }) => path);
}

test('a file that is no run is named', async () => {
  await site.open('train/');
  await site.page.setInputFiles('#saved input', {
    name: '<b>x</b>.tar',
    mimeType: 'text/plain',
    buffer: Buffer.from('x'.repeat(2000)),
  });
  await expect
    .poll(() => site.page.textContent('#error'))
    .toContain('<b>x</b>.tar is not a tar file');
  expect(await site.page.locator('#error b').count()).toBe(0);
});
