// demos/reasoning/ as visitors get it: a warm start, groups of answers that are checked, thoughts by budget.

import { expect, test } from 'vitest';
import type { Report } from '../../demos/reasoning/protocol.ts';
import { CHECKS } from '../../demos/reasoning/settings.ts';
import { newSolver, warmUp } from '../../demos/reasoning/solver.ts';
import type { Engine } from '../../demos/shared/engine.ts';
import { Device } from '../../src/ops/device.ts';
import { demo } from './demo.ts';
import { INJECTIONS } from './injections.ts';

const site = demo();
const text = (selector: string) => site.page.textContent(selector);
const LINK = 'reasoning/#warmSteps=10&rollouts=5&prompts=4&groupSize=4&seed=2';
const SETTINGS = {
  ...{ seed: 2, small: true, slips: 0.25, warmSteps: 10, learningRate: 1e-3, budget: 12 },
  ...{ rollouts: 5, prompts: 4, groupSize: 4 },
};

test('a run is paused, asked, stopped, continued; what is called right is right', {
  timeout: 240_000,
}, async () => {
  const { page } = site;
  await site.open(LINK);
  await page.click('#one-step');
  await site.status('Paused.');
  const loss = await site.number('#warm-loss');
  await page.click('#go');
  await page.waitForFunction(() => document.querySelector('#rollout')?.textContent === '1 / 5');
  await page.click('#go');
  await site.status('Paused.');
  expect(await site.number('#warm-loss')).toBeLessThan(loss);
  const node = await warmStartInNode();
  expect(await site.number('#warm-loss')).toBeCloseTo(node.loss, 3);
  expect(await site.number('#warm .value')).toBeCloseTo(node.passOnce, 3);
  expect(await text('#world')).toContain('parameters');

  await page.focus('#budget-asked');
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowLeft');
  expect(await text('#budget-value')).toBe('6 tokens');
  await page.click('#ask');
  await site.status('Asked.');
  expect(await text('#asked')).toMatch(/up to 6 tokens of thought, [\d.]+ % of the answers/);
  expect(await page.locator('#thoughts tr').count()).toBe(4);
  for (const thought of await page.locator('#thoughts td:nth-child(2)').allTextContents())
    expect(thought.split(' ').length).toBeLessThanOrEqual(6);

  for (const checked of await page.locator('#thoughts td:nth-child(4)').allTextContents())
    expect(checked).toMatch(/^(right|wrong, -?\d+)$/);

  await checkGroups();
  await page.click('#stop');
  await site.status(/^Stopped after \d rollouts\.$/);
  await page.fill('[name=prompts]', '16');
  await page.reload();
  await site.status('Ready.');
  await page.click('text=Continue');
  await site.status('Done after 5 rollouts.');
  expect(await page.inputValue('[name=prompts]')).toBe('4');
  expect(await text('#teach')).toMatch(/^[0-4] of 4$/);
  expect(await text('#warm-steps')).toBe('10 / 10');
  expect(await site.number('#warm .value')).toBeCloseTo(node.passOnce, 3);
  expect(await text('#rollout')).toBe('5 / 5');
  expect(await text('#pass')).toMatch(/^\d+\.\d %$/);
  await checkGroups();

  await page.reload();
  await site.status('Ready.');
  expect(await page.inputValue('[name=rollouts]')).toBe('5');
});

test('what a run may bring is what the form takes', async () => {
  await site.open('reasoning/');
  const { small, ...numbers } = CHECKS;
  for (const [name, check] of Object.entries(numbers)) {
    const field = site.page.locator(`[name=${name}]`);
    const [min, max] = [await field.getAttribute('min'), await field.getAttribute('max')];
    expect(check.expected, name).toContain(`from ${Number(min)} to ${Number(max)}`);
  }
});

/** The same warm start: the loss of its last step, and the share of right answers after it. */
async function warmStartInNode() {
  const device = await Device.open({ adapter: 'swiftshader', announce: null });
  const solver = newSolver(device, SETTINGS);
  const last = { loss: Number.NaN, passOnce: Number.NaN };
  const engine: Engine<Report> = {
    report: (report) => Object.assign(last, report),
    note: () => {},
    signal: new AbortController().signal,
    turn: async () => {},
  };
  await warmUp(device, solver, engine, async (point) => engine.report(point));
  device.destroy();
  return last;
}

/** Each row of the groups against the sum itself. */
async function checkGroups(): Promise<void> {
  const rows = await site.page.locator('#groups tr').evaluateAll((all) =>
    all.map((row) => ({
      cells: [...row.children].map((cell) => cell.textContent),
      attempts: [...row.querySelectorAll('li')].map((item) => item.textContent),
    })),
  );
  expect(rows).toHaveLength(4);
  for (const { cells, attempts } of rows) {
    const [question, answer, , mean] = cells;
    expect(sumOf(question!)).toBe(Number(answer));
    expect(attempts).toHaveLength(4);
    const right = attempts.filter((attempt) => attempt.startsWith('right: '));
    for (const attempt of right) expect(attempt).toContain(answer);
    for (const attempt of attempts)
      if (attempt.startsWith('wrong')) expect(attempt).not.toBe(`wrong: ${answer}`);
    expect(Number(mean)).toBeCloseTo(right.length / 4, 2);
  }
}

/** `4 + 6 - 7 = ?`, from left to right. */
function sumOf(question: string): number {
  const terms = question.replace(/ = \?$/, '').matchAll(/([+-]?) ?(\d+)/g);
  return [...terms].reduce((sum, [, sign, n]) => sum + (sign === '-' ? -1 : 1) * Number(n), 0);
}

test('markup that a model writes stays text', async () => {
  const { page } = site;
  await page.route('**/reasoning/worker.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: STUB }),
  );
  await site.open('reasoning/');
  await page.click('#go');
  await site.status('Shown.');
  expect(await page.locator('#groups tr').count()).toBe(INJECTIONS.length);
  expect(await text('#thoughts td:nth-child(2)')).toBe(INJECTIONS[0]);
  const made = 'main :is(script, img, svg, math, iframe, object, embed, video, audio, style, base)';
  expect(await page.locator(made).count()).toBe(0);
  expect(await page.title()).toBe('Rewards that can be checked · shadegrad');
});

/** A worker whose model writes what it should not. */
const STUB = `
const texts = ${JSON.stringify(INJECTIONS)};
postMessage({ type: 'adapter', adapter: { name: 'stub', software: true, notice: null } });
onmessage = ({ data }) => {
  if (data.type !== 'start') return;
  const groups = texts.map((text) => ({
    question: text,
    answer: text,
    attempts: [{ right: true, thought: text, text }, { right: false, thought: text, text }],
  }));
  const { settings } = data;
  const examples = texts.join(' ');
  postMessage({ type: 'world', settings, parameters: 1, examples, mostBudget: 12 });
  postMessage({ type: 'groups', groups });
  postMessage({ type: 'ended', status: 'Shown.' });
};`;
