// demos/reasoning/ as visitors get it: a warm start, groups of answers that are checked, thoughts by budget.

import { expect, test } from 'vitest';
import { demo } from './demo.ts';
import { INJECTIONS } from './injections.ts';

const site = demo();
const text = (selector: string) => site.page.textContent(selector);
const LINK = 'reasoning/#warmSteps=10&rollouts=5&prompts=4&groupSize=4&seed=2';

test('a run is paused, asked, stopped, continued; what is called right is right', {
  timeout: 240_000,
}, async () => {
  const { page } = site;
  await site.open(LINK);
  await page.click('#go');
  await site.status(/rollout 1 of 5/);
  await page.click('#go');
  await site.status('Paused.');
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

  await checkGroups();
  await page.click('#stop');
  await site.status(/^Stopped after \d rollouts\.$/);
  await page.click('text=Continue');
  await site.status('Done after 5 rollouts.');
  expect(await text('#rollout')).toBe('5 / 5');
  expect(await text('#pass')).toMatch(/^\d+\.\d %$/);
  await checkGroups();

  await page.reload();
  await site.status('Ready.');
  expect(await page.inputValue('[name=rollouts]')).toBe('5');
});

/** Each row of the groups against the sum itself. */
async function checkGroups(): Promise<void> {
  const rows = await site.page.locator('#groups tr').evaluateAll((all) =>
    all.map((row) => ({
      cells: [...row.querySelectorAll('td')].map((cell) => cell.textContent),
      attempts: [...row.querySelectorAll('li')].map((item) => item.textContent),
    })),
  );
  expect(rows).toHaveLength(4);
  for (const { cells, attempts } of rows) {
    const [question, answer, , mean] = cells;
    expect(sumOf(question!)).toBe(Number(answer));
    expect(attempts).toHaveLength(4);
    const right = attempts.filter((attempt) => attempt.startsWith('✓'));
    for (const attempt of right) expect(attempt).toContain(answer);
    for (const attempt of attempts)
      if (attempt.startsWith('✗')) expect(attempt).not.toBe(`✗ ${answer}`);
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
  postMessage({ type: 'world', parameters: 1, examples: texts.join(' '), mostBudget: 12 });
  postMessage({ type: 'rollout', step: 1, steps: 1, right: 0.5, allRight: 0, noneRight: 0, groups });
  postMessage({ type: 'ended', status: 'Shown.' });
};`;
