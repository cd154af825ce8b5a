// demos/rlhf/ as visitors get it: labels by hand and by the simulated labeller, a reward model, PPO.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { writerSettings } from '../../demos/rlhf/base.ts';
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

test('a story: choices, a simulated labeller, a reward model, two runs of PPO; all of it kept', {
  timeout: 300_000,
}, async () => {
  const { page } = site;
  await site.open(`rlhf/#seed=${SEED}&baseSteps=${STEPS}&labels=5&rollouts=2&answers=4&beta=0`);
  expect(await page.isVisible('#pair')).toBe(false);
  await page.click('#go');
  await site.status(/^The writer is ready/);
  expect(Number(await text('#writer-loss'))).toBeCloseTo(await lossInNode(), 3);

  const first = await text('#left pre');
  await page.click('text=Left is better');
  await site.status('1 label.');
  expect(await text('#left pre')).not.toBe(first);
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
  expect(preferences[0]!.prompt + preferences[0]!.chosen).toBe(first);
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
  expect(await text('#runs tr:nth-child(2) td:first-child')).toBe('0.1');

  const labels = await text('#labels');
  await page.reload();
  await site.status('Ready.');
  expect(await page.inputValue('[name=seed]')).toBe(String(SEED));
  await page.click('text=Continue');
  await site.status('The story goes on.');
  expect(await text('#labels')).toBe(labels);
  expect(await page.locator('#runs tr').count()).toBe(2);
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
