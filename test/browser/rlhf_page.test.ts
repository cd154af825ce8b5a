// demos/rlhf/ as visitors get it: labels by hand and by the simulated labeller, a reward model, PPO.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { writerSettings } from '../../demos/rlhf/base.ts';
import { MOVE_CHECKS, STORY_CHECKS } from '../../demos/rlhf/settings.ts';
import { trainLanguageModel } from '../../src/llm/train.ts';
import { Device } from '../../src/ops/device.ts';
import { readPreferences } from '../../src/posttrain/preferences.ts';
import { storyText, storyTrainSettings } from '../../src/posttrain/story_world.ts';
import { demo } from './demo.ts';
import { INJECTIONS } from './injections.ts';

const site = demo();
const text = (selector: string) => site.page.textContent(selector);
const SEED = 3;
const STEPS = 20;
const MOVE = { beta: 0, rollouts: 2, answers: 4 };

test('a story: choices, a simulated labeller, a reward model, two runs of PPO; all of it kept', {
  timeout: 300_000,
}, async () => {
  const { page } = site;
  await site.open(`rlhf/#seed=${SEED}&baseSteps=${STEPS}&labels=5&rollouts=2&answers=4&beta=0`);
  expect(await page.isVisible('#pair')).toBe(false);
  await page.click('#one-step');
  await site.status('Paused.');
  const first = await site.number('#writer-loss');
  await page.focus('#go');
  await page.keyboard.press('Enter');
  await site.status(/^The writer is ready/);
  expect(await site.number('#writer-loss')).toBeLessThan(first);
  expect(await site.number('#writer-loss')).toBeCloseTo(await lossInNode(), 3);

  const left = await text('#left pre');
  await page.keyboard.press('1'); // the focus has come from the bar
  await site.status('1 label.');
  expect(await text('#left pre')).not.toBe(left);
  await page.focus('#go');
  await page.keyboard.press('1'); // is for the stories no longer
  expect(await text('#labels')).toBe('1');
  await page.focus('#simulate');
  await page.keyboard.press('2');
  await site.status('2 labels.');
  await page.keyboard.press('0');
  await site.status('3 labels.');
  await page.click('#simulate');
  await site.status('The simulated labeller has labelled 5 pairs.');
  expect(await text('#labels')).toBe('8');

  const { preferences } = readPreferences(await downloaded('#download'), 'labels.jsonl', {
    ties: 'half',
  });
  expect(preferences).toHaveLength(8);
  expect(preferences[0]!.prompt + preferences[0]!.chosen).toBe(left);
  expect(preferences[2]!.weight).toBe(0.5);

  expect(await text('#go')).toBe('Learn from 8 labels');
  await page.click('#go');
  await site.status('The reward model has learned.');
  const share = async (selector: string) => Number((await text(selector))!.replace(' %', ''));
  expect(await share('#known')).toBeGreaterThan(50);
  expect(await share('#ceiling')).toBeGreaterThan(50);
  expect(await share('#accuracy')).toBeLessThanOrEqual(100);

  expect(await text('#go')).toBe('PPO with β = 0');
  await page.click('#go');
  await site.status('Moved after 2 rollouts.');
  expect(await page.locator('#runs tr').count()).toBe(1);
  expect(await page.locator('#samples li').count()).toBe(6);

  await page.focus('#beta');
  for (let i = 0; i < 10; i++) await page.keyboard.press('ArrowRight');
  expect(await text('#go')).toBe('PPO with β = 0.1');
  await page.click('#go');
  await site.status('Moved after 2 rollouts.');
  expect(await page.locator('#runs tr').count()).toBe(2);
  expect(await text('#runs tr:nth-child(2) th')).toBe('0.1');

  // Of the two runs the first is over, and the reward model of the second has learned again.
  const labels = await text('#labels');
  await cutShort('policy-1');
  await cutShort('policy-2');
  const config = await read('policy-2/config.json');
  const { settings, ...about } = JSON.parse(config);
  expect(settings.labels).toBe(8);
  await write(
    'policy-2/config.json',
    JSON.stringify({ ...about, settings: { ...settings, labels: 7 } }),
  );
  await page.reload();
  await site.status('Ready.');
  expect(await page.inputValue('[name=seed]')).toBe(String(SEED));
  await page.click('text=Continue');
  await site.status(/^The story goes on\. .*: since then the reward model has learned again\.$/);
  expect(await text('#labels')).toBe(labels);
  expect(await page.locator('#runs tr').count()).toBe(2);

  await write('policy-2/config.json', config);
  await page.reload();
  await site.status('Ready.');
  await page.click('text=Continue');
  await site.status('Moved after 2 rollouts.');
  expect(await page.locator('#runs tr').count()).toBe(2);
  await page.click('#go');
  await site.status('Moved after 2 rollouts.');
  expect(await page.locator('#runs tr').count()).toBe(3);

  await write('policy-1/config.json', JSON.stringify({ settings: { ...MOVE, answers: 1e9 } }));
  await page.reload();
  await site.status('Ready.');
  await page.click('text=Continue');
  await page.waitForSelector('#error:not([hidden])');
  expect(await text('#error')).toContain('answers is 1000000000; expected a whole number');
});

test('what a run may bring is what the form takes', async () => {
  await site.open('rlhf/');
  for (const [name, check] of Object.entries({
    ...MOVE_CHECKS,
    baseSteps: STORY_CHECKS.baseSteps,
  })) {
    const field = site.page.locator(`[name=${name}]`);
    const [min, max] = [await field.getAttribute('min'), await field.getAttribute('max')];
    expect(check.expected, name).toContain(`from ${min} to ${max}`);
  }
});

test('markup that a model writes stays text', async () => {
  const { page } = site;
  await page.route('**/rlhf/worker.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: STUB }),
  );
  await site.open('rlhf/');
  await page.click('#go');
  await site.status('Shown.');
  expect(await text('#left pre')).toBe(INJECTIONS.join('\n').repeat(2));
  expect(await page.locator('#samples li').count()).toBe(INJECTIONS.length);
  expect(await text('#samples pre')).toBe(INJECTIONS[0]!.repeat(2));
  const made = 'main :is(script, img, svg, math, iframe, object, embed, video, audio, style, base)';
  expect(await page.locator(made).count()).toBe(0);
  expect(await page.title()).toBe('Teach it what you like · shadegrad');
});

/** Leaves of a run of PPO its first rollout: what comes after it in its log was not saved. */
async function cutShort(name: string): Promise<void> {
  await site.page.evaluate(async (name) => {
    const root = await navigator.storage.getDirectory();
    const story = await (await root.getDirectoryHandle('rlhf')).getDirectoryHandle('run-1');
    const run = await story.getDirectoryHandle(name);
    const checkpoints = await run.getDirectoryHandle('checkpoints');
    const steps: string[] = [];
    for await (const step of checkpoints.keys()) steps.push(step);
    await checkpoints.removeEntry(steps.sort().at(-1)!, { recursive: true });
  }, name);
}

/** A file of the story. */
async function read(path: string): Promise<string> {
  return site.page.evaluate(async (path) => {
    let folder = await navigator.storage.getDirectory();
    const names = `rlhf/run-1/${path}`.split('/');
    for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name);
    return (await (await folder.getFileHandle(names.at(-1)!)).getFile()).text();
  }, path);
}

async function write(path: string, content: string): Promise<void> {
  await site.page.evaluate(
    async ([path, content]) => {
      let folder = await navigator.storage.getDirectory();
      const names = `rlhf/run-1/${path}`.split('/');
      for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name);
      const file = await folder.getFileHandle(names.at(-1)!);
      const stream = await file.createWritable();
      await stream.write(content!);
      await stream.close();
    },
    [path, content] as const,
  );
}

/** A worker whose model writes what it should not. */
const STUB = `
const texts = ${JSON.stringify(INJECTIONS)};
postMessage({ type: 'adapter', adapter: { name: 'stub', software: true, notice: null } });
onmessage = ({ data }) => {
  if (data.type !== 'start') return;
  const prompt = texts.join('\\n');
  postMessage({ type: 'pair', pair: { prompt, a: prompt, b: prompt } });
  const samples = texts.map((text) => ({ prompt: text, before: text, after: text }));
  postMessage({ type: 'samples', step: 0, samples });
  postMessage({ type: 'ended', status: 'Shown.' });
};`;

async function lossInNode(): Promise<number> {
  const device = await Device.open({ adapter: 'swiftshader', announce: null });
  const settings = writerSettings({ seed: SEED, baseSteps: STEPS, small: true });
  let last = Number.NaN;
  await trainLanguageModel(device, {
    text: { name: 'stories', content: storyText(settings) },
    settings: { ...storyTrainSettings(settings), logEvery: 5 },
    onProgress({ losses }) {
      last = losses.at(-1)!;
    },
  });
  device.destroy();
  return last;
}

async function downloaded(button: string): Promise<string> {
  const [download] = await Promise.all([
    site.page.waitForEvent('download'),
    site.page.click(button),
  ]);
  return readFileSync(await download.path(), 'utf8');
}
