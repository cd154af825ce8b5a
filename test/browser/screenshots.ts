// npm run screenshots [PAGE…]: pictures of every page, or of those named, light and dark, wide and narrow, in
// demos/screenshots/. Each page is brought once to where it is worth a picture, and is then looked at four times, by
// axe-core too: what that finds ends the command with an error.

import { mkdir } from 'node:fs/promises';
import { SCENES } from '../../demos/scenes.ts';
import { serveFolder } from '../../src/cli/demos.ts';
import { violations } from './axe.ts';
import { launchChromium } from './chromium.ts';

const FOLDER = 'demos/screenshots';
const WIDTHS = { desktop: 1280, phone: 390 } as const;

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => SCENES[name === 'index' ? '' : name] === undefined);
if (unknown.length > 0) {
  console.error(`no page ${unknown.join(', ')}; there are: index${Object.keys(SCENES).join(', ')}`);
  process.exit(1);
}
await mkdir(FOLDER, { recursive: true });
const server = await serveFolder('dist/demos');
const { browser, close } = await launchChromium();
try {
  for (const [path, scene] of Object.entries(SCENES)) {
    const name = path || 'index';
    if (asked.length > 0 && !asked.includes(name)) continue;
    const page = await browser.newPage({ viewport: { width: WIDTHS.desktop, height: 800 } });
    page.on('pageerror', ({ message }) => console.error(`${name}: ${message}`));
    await page.goto(`${server.url}${path && `${path}/`}`);
    await page.waitForFunction(
      () => /^(Ready|WebGPU)/.test(document.querySelector('#status')?.textContent ?? ''),
      null,
      { timeout: 60_000 },
    );
    await scene(page);
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const [kind, width] of Object.entries(WIDTHS)) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        await page.evaluate(() => scrollTo(0, 0)); // the bar sticks to the top of what is in view
        await page.waitForTimeout(300); // curves follow the new size
        await page.screenshot({
          path: `${FOLDER}/${name}-${kind}-${colorScheme}.png`,
          fullPage: true,
        });
        for (const found of await violations(page)) {
          console.error(`${name}, ${kind}, ${colorScheme}: ${found}`);
          process.exitCode = 1;
        }
      }
    }
    await page.close();
    console.log(`${FOLDER}/${name}-{${Object.keys(WIDTHS).join(',')}}-{light,dark}.png`);
  }
} finally {
  await close();
  await server.close();
}
