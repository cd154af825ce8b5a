// The page of `shadegrad rl play` in a browser: it moves by itself, can be stopped and stepped, and draws what it says.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { type Frame, makeEnvironment, playEpisodes, renderPlay } from '../../src/rl/index.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { launchChromium } from './chromium.ts';

async function pageOf(id: string): Promise<string> {
  const frames: Frame[] = [];
  for await (const frame of playEpisodes(makeEnvironment(id), () => 1, { episodes: 2 }))
    frames.push(frame);
  const path = join(await temporaryFolder(), 'play.html');
  await writeFile(path, await renderPlay({ title: id, subtitle: 'always 1', frames }));
  return pathToFileURL(path).href;
}

test('episodes play, stop, and go on step by step', async () => {
  const { browser, close } = await launchChromium();
  try {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));

    await page.goto(await pageOf('MountainCar-v0'));
    await page.waitForFunction(
      () => Number(document.querySelector<HTMLInputElement>('#at')!.value) > 2,
    );
    await page.click('#play');
    const still = await page.textContent('#status');
    await page.click('#step');
    expect(await page.textContent('#status')).not.toBe(still);
    expect(await page.textContent('#status')).toMatch(
      /^step \d+: action 1, reward -1, return -\d+/,
    );
    const painted = await page.evaluate(() => {
      const canvas = document.querySelector('canvas')!;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((x, i) => i % 4 === 3 && x > 0).length;
    });
    expect(painted).toBeGreaterThan(1000);
    await page.selectOption('#episode', '1');
    expect(await page.textContent('#status')).toMatch(/^step 0: begins/);

    await page.goto(await pageOf('FrozenLake-v1'));
    await page.click('#play');
    expect(await page.textContent('pre')).toContain('[');
    expect(complaints).toEqual([]);
  } finally {
    await close();
  }
});
