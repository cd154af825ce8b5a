// The page train shows what its model does: merges as the tokenizer makes them, the next token under the sliders, attention.
// The numbers are those that Node computes on the same driver.

import { afterAll, expect, test } from 'vitest';
import { lookInto, nextTokens, trainBpe, trainLanguageModel } from '../../src/llm/index.ts';
import { Device } from '../../src/ops/device.ts';
import { splitText } from '../../src/text/corpus.ts';
import { demo } from './demo.ts';
import { INJECTIONS } from './injections.ts';

const site = demo();
const TEXT = 'Ann ran to the park. Ben sat by the lake and sang.\n'.repeat(60);
const LOOKED = 'Ann ran to the';
const VOCABULARY = 280;
const STEPS = 5;

let device: Device | null = null;
afterAll(() => device?.destroy());

test('a link restores settings, and what a field refuses stays as it was', async () => {
  await site.open('train/#steps=4&seed=5&tokens=bpe&width=33&vocabularySize=300');
  const value = (name: string) => site.page.inputValue(`[name=${name}]`);
  expect(await value('steps')).toBe('220');
  expect(await value('seed')).toBe('5');
  expect(await value('width')).toBe('64');
  expect(await site.page.isVisible('[name=vocabularySize]')).toBe(true);
  expect(await value('vocabularySize')).toBe('300');
  await site.page.selectOption('[name=tokens]', 'characters');
  expect(await site.page.isVisible('[name=vocabularySize]')).toBe(false);
});

test('merges, sliders and attention of a run with BPE, and its numbers are those of Node', {
  timeout: 240_000, // alone it takes a tenth of that
}, async () => {
  const settings = `steps=${STEPS}&width=32&layers=2&learningRate=0.02`;
  await site.open(`train/#${settings}&tokens=bpe&vocabularySize=${VOCABULARY}`);
  await site.page.setInputFiles('#file', {
    name: 'park.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from(TEXT),
  });
  await site.page.fill('#prompt', LOOKED);
  await site.page.click('#go');
  await site.status(`Done after ${STEPS} steps.`);

  const merges: { left: string; right: string; count: number }[] = [];
  trainBpe(splitText(TEXT, 0.1).train, {
    vocabularySize: VOCABULARY,
    onMerge: (merge) => merges.push(merge),
  });
  const shown = merges.toReversed().map(({ left, right, count }, i) => {
    const [a, b] = [left, right].map((part) => part.replaceAll(' ', '␣').replaceAll('\n', '⏎'));
    return [String(merges.length - i), `${a} + ${b}`, `${a}${b}`, count.toLocaleString('en')];
  });
  await expect.poll(() => site.page.locator('#merge-rows tr').count()).toBe(merges.length);
  const rows = await site.page
    .locator('#merge-rows tr')
    .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
  expect(rows).toEqual(shown);
  expect(await site.page.textContent('#loss .unit')).toContain('nats per token');
  expect(await site.number('#bits')).toBeGreaterThan(0);

  device = await Device.open({ adapter: 'swiftshader', announce: null });
  const { config, losses, look, vocabulary } = await inNode(device);
  expect(await site.number('#validation-loss')).toBeCloseTo(losses.at(-1)!, 2);

  const T = look.logits.length / vocabulary.length;
  const last = look.logits.subarray((T - 1) * vocabulary.length);
  const [likeliest] = nextTokens(last, { temperature: 0.8 });
  const first = site.page.locator('#bars li').first();
  expect(await first.locator('.token').textContent()).toBe(vocabulary[likeliest!.id]);
  expect(Number.parseFloat((await first.locator('span').last().textContent())!)).toBeCloseTo(
    100 * likeliest!.probability,
    1,
  );
  await choose('#top-k', '2');
  expect(await site.page.textContent('#next-hint')).toMatch(/^2 of 280 tokens can be drawn/);
  expect(await site.page.locator('#bars .cut').count()).toBe(10);
  await choose('#temperature', '0');
  expect(await site.page.textContent('#next-hint')).toMatch(/^1 of 280 tokens can be drawn/);
  await choose('#temperature', '1');
  await choose('#top-k', '40');
  await choose('#top-p', '0.3');
  const kept = nextTokens(last, { topP: 0.3 }).filter(({ drawn }) => drawn > 0).length;
  expect(await site.page.textContent('#next-hint')).toContain(`${kept} of 280 tokens`);
  await site.page.click('#write');
  await site.status('Written.');
  expect(await site.page.locator('#samples h3').first().textContent()).toBe(
    `After ${STEPS} steps, temperature 1, top-p 0.3`,
  );

  // The row of the last position of the first layer's first head, by the keyboard and by the lists.
  await site.page.selectOption('#layer', '1');
  await site.page.selectOption('#head', '1');
  const own = [...look.attention.subarray((T - 1) * T, T * T)];
  const most = own.indexOf(Math.max(...own));
  expect(await site.page.textContent('#attention-value')).toContain(
    `(${T}) looks at “${vocabulary[look.ids[most]!]}” (${most + 1}) ${own[most]!.toFixed(2)}`,
  );
  await site.page.focus('#position');
  await site.page.keyboard.press('ArrowLeft');
  expect(await site.page.textContent('#attention-value')).toContain(`(${T - 1}) looks at`);
  expect(await site.page.textContent('#position-value')).toContain(`(${T - 1})`);
  await site.page.hover('#map', { position: { x: 65, y: 65 } });
  expect(await site.page.textContent('#attention-value')).toContain('(1) looks at');
  expect(config.layers).toBe(2);

  for (const attack of INJECTIONS) {
    await site.page.fill('#prompt', attack);
    await site.page.dispatchEvent('#prompt', 'change');
  }
  await site.page.waitForTimeout(500);
  expect(await site.page.locator('main img, main script, main iframe, main svg').count()).toBe(0);
  expect(await site.page.title()).toBe('Train a language model · shadegrad');
});

/** The page's run, here. */
async function inNode(device: Device) {
  const preset = await import('../../demos/train/settings.ts');
  const { model, data, evaluations } = await trainLanguageModel(device, {
    text: { name: 'park.txt', content: TEXT },
    settings: {
      ...preset.presetFor(true),
      ...{ steps: STEPS, width: 32, layers: 2, learningRate: 0.02, minLearningRate: 0.002 },
      ...{ vocabularySize: VOCABULARY, evaluateEvery: 1, samples: 0 },
    },
  });
  const ids = [...data.tokenizer.encode(LOOKED)];
  const look = { ids, ...(await lookInto(device, model, ids)) };
  const shownToken = (id: number) =>
    data.tokenizer.decode([id]).replaceAll(' ', '␣').replaceAll('\n', '⏎');
  const vocabulary = Array.from({ length: data.tokenizer.vocabularySize }, (_, id) =>
    shownToken(id),
  );
  const { config } = model;
  model.dispose();
  return { config, losses: evaluations.map(({ loss }) => loss), look, vocabulary };
}

async function choose(slider: string, value: string): Promise<void> {
  await site.page.fill(slider, value);
}
