// A run of the page train goes on in a fresh visit, in Node, and from Node in the page again, with the losses of one that was
// never stopped.

import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { openFolder } from '../../src/io/folder_node.ts';
import { readMetrics } from '../../src/io/metrics.ts';
import { type TrainSettings, trainLanguageModel } from '../../src/llm/index.ts';
import { readSavedRun } from '../../src/llm/run.ts';
import { Device } from '../../src/ops/device.ts';
import { shadegrad } from '../cli/command.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { demo } from './demo.ts';
import { CAN_LOSE_DEVICE, inWorker, loseDevice } from './faults.ts';

const site = demo();
const run = promisify(execFile);
const STEPS = 10;
const NAME = 'my “book”.txt';
const TEXT = 'Ann ran to the park. Ben sat by the lake.\n'.repeat(40);

/** The driver of Chromium here. */
let device: Device | null = null;
afterAll(() => device?.destroy());

test('stopped in Chrome, continued in a fresh visit that loses its GPU, in Node, and from Node in Chrome: the losses of one run', {
  timeout: 400_000, // alone it takes a tenth of that
}, async () => {
  await site.open(`train/#steps=${STEPS}&width=32&layers=1&learningRate=0.02`);
  await site.page.setInputFiles('#file', {
    name: NAME,
    mimeType: 'text/plain',
    buffer: Buffer.from(TEXT),
  });
  await site.page.click('#one-step');
  await site.status('Paused.');
  await site.page.click('#stop');
  await site.status(/^Stopped after \d+ steps\.$/);
  await site.page.waitForSelector('[aria-label="Download run-1"][aria-disabled=false]');
  await writeAgain('run-1/config.json'); // what is taken away is what is kept now, not when it was listed
  const first = await downloaded('run-1');

  await inWorker(site.page, CAN_LOSE_DEVICE);
  await site.open('train/');
  await site.page.selectOption('#speed-limit', '1'); // the run is not over before its GPU is lost
  await site.page.click('[aria-label="Continue run-1"]');
  await site.page.waitForSelector('#facts:has-text("It goes on after step")');
  await loseDevice(site.page);
  await site.status(/^The GPU was lost/);
  await site.page.selectOption('#speed-limit', '');
  await site.page.click('#go'); // it goes on from the checkpoint
  await site.status(`Done after ${STEPS} steps.`);
  expect(await site.page.inputValue('[name=steps]')).toBe(String(STEPS));
  expect(await site.page.textContent('#facts')).toContain(NAME);
  expect(await site.page.textContent('#facts')).toMatch(/It goes on after step [1-9]/);
  const inChrome = await lossesIn(await downloaded('run-1'));

  // The run of the same settings that is never stopped, here.
  device = await Device.open({ adapter: 'swiftshader', announce: null });
  const saved = await readSavedRun(await openFolder(first));
  const straight: number[] = [];
  const { model } = await trainLanguageModel(device, {
    text: { name: NAME, content: TEXT },
    settings: saved!.settings as TrainSettings,
    onProgress: ({ losses }) => void straight.push(...losses),
  });
  model.dispose();
  expect(straight).toHaveLength(STEPS);
  expect(farthest(inChrome, straight)).toBeLessThan(1e-5);
  expect(inChrome.at(-1)).toBeLessThan(inChrome[0]! - 0.3);

  // The first part of it goes on in Node: some steps here, and from there in a page, the rest by the command.
  await continueInNode(await openFolder(first));
  const tar = join(await temporaryFolder(), 'run.tar');
  await run('tar', ['-cf', tar, '-C', first, '.']);
  await site.open('train/');
  await site.page.setInputFiles('#saved input[type=file]', tar);
  await site.page.click('[aria-label="Continue run-2"]');
  await site.status(`Done after ${STEPS} steps.`);
  expect(farthest(await lossesIn(await downloaded('run-2')), straight)).toBeLessThan(1e-5);

  const flags = ['--adapter', 'swiftshader', '--json'];
  const resumed = await shadegrad(['train', '--resume', '--out', first, ...flags]);
  expect(resumed.stderr).toBe('');
  expect(JSON.parse(resumed.stdout.trim().split('\n').at(-1)!).steps).toBe(STEPS);
  expect(farthest(await lossesIn(first), straight)).toBeLessThan(1e-5);
  const asked = ['--prompt', 'Ann ran', '--max-new-tokens', '4'];
  const written = await shadegrad(['generate', '--model', first, ...asked, ...flags]);
  expect(JSON.parse(written.stdout.trim().split('\n').at(-1)!).newIds).toHaveLength(4);
});

/** A few steps more in Node, from the run's checkpoint. */
async function continueInNode(folder: Awaited<ReturnType<typeof openFolder>>): Promise<void> {
  const saved = await readSavedRun(folder);
  const [text] = saved!.texts;
  const stop = new AbortController();
  let time = 0;
  const { model, stopped } = await trainLanguageModel(device!, {
    text: { ...text!, content: TEXT },
    settings: saved!.settings,
    folder,
    resume: true,
    clock: () => (time += 1000), // every step is reported
    onProgress: ({ step }) => void (step === 5 && stop.abort()),
    signal: stop.signal,
  });
  expect(stopped).toBe(true);
  model.dispose();
}

/** A kept file, with the same content. */
async function writeAgain(path: string): Promise<void> {
  await site.page.evaluate(async (path) => {
    const [run, name] = path.split('/') as [string, string];
    const root = await navigator.storage.getDirectory();
    const folder = await (await root.getDirectoryHandle('train')).getDirectoryHandle(run);
    const file = await folder.getFileHandle(name);
    const content = await (await file.getFile()).text();
    const stream = await file.createWritable();
    await stream.write(content);
    await stream.close();
  }, path);
}

/** The folder that a run's tar file becomes. */
async function downloaded(name: string): Promise<string> {
  const [download] = await Promise.all([
    site.page.waitForEvent('download'),
    site.page.click(`[aria-label="Download ${name}"]`),
  ]);
  const folder = await temporaryFolder();
  const tar = join(folder, 'run.tar');
  await writeFile(tar, await readFile(await download.path()));
  const out = join(folder, 'run');
  await mkdir(out);
  await run('tar', ['-xf', tar, '-C', out]);
  return out;
}

async function lossesIn(path: string): Promise<number[]> {
  return (await readMetrics(await openFolder(path))).map(({ loss }) => Number(loss));
}

function farthest(some: readonly number[], others: readonly number[]): number {
  expect(some).toHaveLength(others.length);
  return Math.max(...some.map((value, i) => Math.abs(value - others[i]!)));
}
