// demos/control/ as visitors get it: built, served, in Chromium.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFolder } from '#folder';
import { type FormValues, settingsFrom } from '../../demos/control/settings.ts';
import { type PackedBlob, packTar, readTar } from '../../demos/shared/tar.ts';
import { Device } from '../../src/index.ts';
import type { Folder } from '../../src/io/folder.ts';
import { trainAgent } from '../../src/rl/index.ts';
import { readAgentRun } from '../../src/rl/run.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { demo } from './demo.ts';
import { INJECTIONS } from './injections.ts';

const site = demo();

test("PPO learns CartPole: the return rises to what Node computes, and the policy's episode is drawn", async () => {
  await site.open('control/#copies=16&steps=4096&learningRate=0.01&seed=3');
  await site.page.click('#go');
  await site.status(/^Done after 4,096 steps\./);
  const learned = await site.number('#return');
  expect(learned).toBeGreaterThan(30); // chance earns 22
  expect(learned).toBeCloseTo(await returnInNode(), 1);
  expect(await site.page.textContent('#step')).toBe('4,096');
  expect(await site.number('#curve .legend li:has-text("random") .value')).toBe(22.4);
  expect(await site.number('#entropy .legend .value')).toBeLessThan(Math.log(2));

  const before = await picture();
  await expect.poll(picture, { timeout: 5000 }).not.toBe(before); // the last episode goes on
  expect(await site.page.textContent('#moment')).toMatch(/^Step \d+: (push|begins)/);
  const shares = await site.page.$$eval('#outlook progress', (bars) =>
    bars.map((bar) => (bar as HTMLProgressElement).value),
  );
  expect(shares).toHaveLength(2);
  expect(shares[0]! + shares[1]!).toBeCloseTo(1, 5);
  await site.page.uncheck('#moving');
  const still = await picture();
  await site.page.waitForTimeout(200);
  expect(await picture()).toBe(still);

  // A huge learning rate ruins it: sure of itself at once. The run before stays as a pale line.
  const entropy = await site.number('#entropy .legend .value');
  expect(await site.page.isVisible('#curve .past')).toBe(false);
  await site.page.fill('[name=steps]', '1024');
  await site.page.check('[name=hugeRate]');
  await site.page.click('#go');
  await site.status(/^Done after 1,024/);
  expect(await site.number('#entropy .legend .value')).toBeLessThan(entropy - 0.1);
  expect(await site.page.textContent('#curve .past')).toContain('before: ppo, seed 3');
  expect(site.page.url()).toContain('hugeRate=true');

  await site.page.selectOption('[name=algorithm]', 'reinforce');
  expect(await site.page.isVisible('[name=noBaseline]')).toBe(true);
  expect(await site.page.isVisible('[name=noClip]')).toBe(false);
});

test('a maze: paused, taken step by step, stopped, continued from the browser’s storage with its settings, and in Node', async () => {
  await site.open('control/#environment=Maze-v0&copies=8');
  expect(await site.page.inputValue('[name=steps]')).not.toBe('102400'); // the maze's own
  await site.page.fill('[name=seed]', '5');
  await site.page.fill('[name=steps]', '1536');
  await site.page.click('#go');
  await site.status('Running.');
  await site.page.click('#go');
  await site.status('Paused.');
  const paused = await site.number('#step');
  await site.page.click('#one-step');
  await expect.poll(() => site.number('#step'), { timeout: 20_000 }).toBe(paused + 256);
  await site.status('Paused.');
  expect(await site.page.textContent('#cells')).toContain('[');
  await site.page.click('#stop');
  await site.status(/^Stopped after [\d,]+ steps\.$/);
  const [download] = await Promise.all([
    site.page.waitForEvent('download'),
    site.page.click('#saved button >> text=Download'),
  ]);
  const archive = new Blob([await readFile(await download.path())]);

  await site.page.reload();
  await site.status('Ready.');
  expect(await site.page.inputValue('[name=environment]')).toBe('Maze-v0');
  await site.page.fill('[name=seed]', '9');
  await site.page.click('#saved button >> text=Continue');
  await site.status(/^Done after 1,536 steps\./);
  expect(await site.page.inputValue('[name=seed]')).toBe('5');
  expect(await site.number('#return')).toBe(await returnAfterResume(archive));
});

test('what an opened run says of itself is text, whatever it is', async () => {
  const attack = INJECTIONS.join('\n');
  const device = await Device.open({ adapter: 'swiftshader', announce: null });
  const folder = await openFolder(join(await temporaryFolder(), 'run'));
  const small = { algorithm: 'ppo', environment: 'Maze-v0' };
  const settings = { copies: 2, rolloutSteps: 4, hidden: [4], steps: 8, evaluationEpisodes: 0 };
  await trainAgent(device, { ...small, settings, folder });
  device.destroy();
  const config = JSON.parse(await readFile(join(folder.location, 'config.json'), 'utf8'));
  const openRunOf = async (about: object, name: string) => {
    await folder.write('config.json', Buffer.from(JSON.stringify({ ...config, ...about })));
    const archive = packTar(await filesOf(folder, ''));
    const buffer = Buffer.from(await archive.arrayBuffer());
    await site.page.setInputFiles('#saved [type=file]', {
      ...{ name, mimeType: 'application/x-tar', buffer },
    });
    await site.page.waitForSelector('#saved li');
  };

  await site.open('control/');
  await openRunOf({ environment: attack }, '<img src=x onerror=alert(1)>.tar');
  const elements = await site.page.locator('*').count();
  await site.page.click('#saved button >> text=Continue');
  await site.page.waitForSelector('#error:not([hidden])');
  expect(await site.page.textContent('#error')).toContain(attack);
  expect(await site.page.locator('main :is(script, img, iframe, style)').count()).toBe(0);
  expect(await site.page.locator('*').count()).toBe(elements);
  expect(await site.page.title()).toContain('shadegrad');

  // What the command line has and the page's lists lack.
  for (const [about, refusal] of [
    [{ environment: 'Acrobot-v1' }, 'of Acrobot-v1, a world that'],
    [{ algorithm: 'trpo' }, 'learns by trpo, an algorithm that'],
  ] as const) {
    await site.page.click('#saved button >> text=Remove');
    await site.page.waitForSelector('#saved li', { state: 'detached' });
    await openRunOf(about, 'foreign.tar');
    await site.page.click('#saved button >> text=Continue');
    await expect.poll(() => site.page.textContent('#error')).toContain(refusal);
  }
});

/** As a text: another picture has another. */
const picture = () =>
  site.page.$eval('#picture', (canvas) => (canvas as HTMLCanvasElement).toDataURL());

/** The same run by the library. */
async function returnInNode(): Promise<number> {
  const device = await Device.open({ adapter: 'swiftshader', announce: null });
  const form = { algorithm: 'ppo', environment: 'CartPole-v1' };
  const values = { ...form, copies: 16, steps: 4096, learningRate: 0.01, seed: 3 };
  const settings = settingsFrom(values as unknown as FormValues);
  const { trainingReturn } = await trainAgent(device, { ...form, settings });
  device.destroy();
  return Number(trainingReturn!.toFixed(1));
}

/** Goes on in Node with a run that the page gave away. */
async function returnAfterResume(archive: Blob): Promise<number> {
  const folder = await openFolder(join(await temporaryFolder(), 'run'));
  for (const { path, content } of await readTar(archive, 'run.tar'))
    await folder.write(path, new Uint8Array(await content.arrayBuffer()));
  const device = await Device.open({ adapter: 'swiftshader', announce: null });
  const about = await readAgentRun(folder);
  const { trainingReturn } = await trainAgent(device, { ...about!, folder, resume: true });
  device.destroy();
  return Number(trainingReturn!.toFixed(1));
}

async function filesOf(folder: Folder, path: string): Promise<PackedBlob[]> {
  const names = await folder.list(path);
  const files = names.map(async (name): Promise<PackedBlob[]> => {
    const at = path === '' ? name : `${path}/${name}`;
    if ((await folder.list(at).catch(() => [])).length > 0) return filesOf(folder, at);
    return [{ path: at, content: new Blob([(await folder.read(at)) as Uint8Array<ArrayBuffer>]) }];
  });
  return (await Promise.all(files)).flat();
}
