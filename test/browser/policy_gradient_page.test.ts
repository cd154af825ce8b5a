// demos/policy-gradient/ as visitors get it: built, served, in Chromium.

import { expect, test } from 'vitest';
import { BATCHES, probeSettings } from '../../demos/policy-gradient/probe_settings.ts';
import { Device } from '../../src/index.ts';
import { VarianceProbe } from '../../src/rl/variance_probe.ts';
import { demo } from './demo.ts';

const site = demo();

/** Drags a slider by its value, as a person's key or finger would. */
const slide = (selector: string, value: number) =>
  site.page.$eval(
    selector,
    (range, value) => {
      (range as HTMLInputElement).value = String(value);
      for (const type of ['input', 'change'])
        range.dispatchEvent(new Event(type, { bubbles: true }));
    },
    value,
  );
const text = (selector: string) => site.page.innerText(selector);

test('B7 seven choices: the sums of the terms at four baselines, and steps that make good choices likelier', async () => {
  await site.open('policy-gradient/');
  expect(await text('#step-words')).toContain('g = (2.1, −7)');
  await slide('#constant', -11.5);
  expect(await text('#step-words')).toMatch(/^g = \(1\.5[23], 10\.25\)/);
  await slide('#constant', -4);
  expect(await text('#step-words')).toContain('g = (1.9, −1)');
  // Good and bad choices of R lie side by side: one slope cannot please them all.
  expect(await text('#step-words')).toMatch(/: \d of the 7 choices become likelier/);

  const before = await site.page.getAttribute('#policy-picture .now', 'd');
  for (let i = 0; i < 3; i++) await site.page.click('#take-step');
  expect(await site.page.getAttribute('#policy-picture .now', 'd')).not.toBe(before);
  expect(Number(await site.page.inputValue('#w'))).toBeGreaterThan(0.5);

  await site.page.reload(); // the address holds all of it
  await site.status('Ready.');
  expect(await site.page.inputValue('#constant')).toBe('-4');
  expect(Number(await site.page.inputValue('#w'))).toBeGreaterThan(0.5);
  await site.page.click('#begin-again');
  await site.page.selectOption('#baseline', 'state');
  expect(await text('#terms tr:nth-child(1)')).toMatch(/0\s+2\.25$/);
  expect(await text('#terms tr:nth-child(2)')).toMatch(/0\.81\s+2\.7$/);
  expect(await text('#step-words')).toContain('g = (1.87, 10.27)');
});

test('the simplex: dragged towards a corner its action is likelier; a baseline leaves the mean and takes the variance', async () => {
  await site.open('policy-gradient/');
  const share = async (j: number) =>
    Number((await text(`#actions tr:nth-child(${j})`)).split(/\s+/)[1]);
  const before = await share(3);
  await site.page.locator('#simplex-picture').scrollIntoViewIfNeeded();
  const handle = (await site.page.locator('#simplex-picture .handle').boundingBox())!;
  const at = [handle.x + handle.width / 2, handle.y + handle.height / 2] as const;
  await site.page.mouse.move(...at);
  await site.page.mouse.down();
  await site.page.mouse.move(at[0], at[1] - 60, { steps: 4 });
  await site.page.mouse.up();
  expect(await share(3)).toBeGreaterThan(before + 0.1);
  const sum = (await share(1)) + (await share(2)) + (await share(3));
  expect(sum).toBeCloseTo(1, 2);
  expect(site.page.url()).toContain('z-3=');

  for (const j of [1, 2, 3]) await slide(`#advantage-${j}`, 2);
  const words = /The mean of \(A − b\) u is (\(.*?\)).* is ([\d.]+)\.$/;
  const [, mean, variance] = words.exec(await text('#simplex-words'))!;
  expect(mean).toBe('(0, 0, 0)');
  expect(Number(variance)).toBeGreaterThan(1);
  await site.page.check('#centred');
  const [, same, none] = words.exec(await text('#simplex-words'))!;
  expect([same, Number(none)]).toEqual(['(0, 0, 0)', 0]);
});

test('B13 the variances are those that Node measures; their intervals shrink', async () => {
  await site.open('policy-gradient/#episodes=2&rounds=3&seed=4');
  // What is shown of the second estimate, round by round.
  await site.page.evaluate(() => {
    const table = document.querySelector('#estimates') as HTMLTableSectionElement;
    const seen: string[] = [];
    Object.assign(window, { seen });
    new MutationObserver(() => seen.push(table.rows[1]!.cells[2]!.innerText)).observe(table, {
      childList: true,
    });
  });
  await site.page.click('#go');
  await site.status(/^Done after \d+ episodes\.$/);
  const ratios = await site.page.$$eval('#estimates tr', (rows) =>
    rows.map((row) => Number((row as HTMLTableRowElement).cells[1]!.innerText)),
  );
  const node = await ratiosInNode();
  expect(ratios).toHaveLength(6);
  for (const [i, ratio] of ratios.entries()) expect(Math.abs(ratio - node[i]!)).toBeLessThan(2e-3);
  expect(ratios[0]).toBe(1);
  expect(ratios[1]).toBeLessThan(1);
  const seen = await site.page.evaluate(() => (window as unknown as { seen: string[] }).seen);
  const widths = seen
    .filter((interval) => interval.includes(' to ')) // one round has none
    .map((interval) => interval.split(' to ').map(Number) as [number, number])
    .map(([from, to]) => to - from);
  expect(widths).toHaveLength(2);
  expect(widths[1]).toBeGreaterThan(0);
  expect(widths[1]).toBeLessThan(widths[0]! / 2);
  expect(await site.number('#return')).toBeGreaterThan(15);
});

/** Geometric means over the same rounds. */
async function ratiosInNode(): Promise<number[]> {
  const device = await Device.open({ adapter: 'swiftshader', announce: null });
  const settings = probeSettings({ environment: 'CartPole-v1', episodes: 2, software: true });
  const probe = await VarianceProbe.open(device, settings, 4);
  const logs: number[][] = [];
  for (let round = 0; round < 3; round++) {
    const found = await probe.measure(await probe.play(BATCHES));
    logs.push(found.map(({ variance }) => Math.log(variance / found[0]!.variance)));
  }
  probe.dispose();
  device.destroy();
  return logs[0]!.map((_, i) => Math.exp(logs.reduce((sum, each) => sum + each[i]!, 0) / 3));
}
