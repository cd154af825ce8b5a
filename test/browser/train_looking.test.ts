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
    const [a, b] = [left, right].map((part) => part.replaceAll(' ', '·').replaceAll('\n', '¶'));
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
});

test('what a link holds of the sliders and the lists is restored, and Copy link keeps it', async () => {
  await site.page.route('**/train/worker.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: STUB }),
  );
  const link = { temperature: '0.5', topK: '3', topP: '0.9', layer: '1', head: '2' };
  await site.open(`train/#${new URLSearchParams(link)}`);
  expect(await site.page.textContent('#temperature-value')).toBe('0.50');
  expect(await site.page.textContent('#top-k-value')).toBe('3');
  await site.page.click('#go');
  await site.status('Shown.');
  expect(await site.page.inputValue('#layer')).toBe('1');
  expect(await site.page.inputValue('#head')).toBe('2');
  await site.page.selectOption('#head', '1');
  await site.page.fill('#top-p', '0.8');
  await site.page.fill('[name=seed]', '7');
  const kept = () =>
    Object.fromEntries(new URLSearchParams(new URL(site.page.url()).hash.slice(1)));
  await site.page.click('#link');
  expect(kept()).toMatchObject({ ...link, topP: '0.8', head: '1', seed: '7' });
  await site.page.click('#reset');
  expect(await site.page.textContent('#temperature-value')).toBe('0.80');
  expect(kept()).toEqual({});
});

test('fifty attacks as tokens, merges, samples and names of texts stay text', async () => {
  await site.page.route('**/train/worker.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: STUB }),
  );
  await site.open('train/');
  await site.page.click('#go');
  await site.status('Shown.');
  await expect.poll(() => site.page.locator('#merge-rows tr').count()).toBe(INJECTIONS.length);
  const merged = await site.page.locator('#merge-rows td:nth-child(3)').allTextContents();
  const visible = (text: string) => text.replaceAll(' ', '·').replaceAll('\t', '»');
  expect(merged.toReversed().map(visible)).toEqual(INJECTIONS.map(visible));
  const samples = site.page.locator('#samples pre');
  expect(await samples.allTextContents()).toEqual(
    INJECTIONS.toReversed().map((text) => text + text),
  );
  expect(await site.page.textContent('#facts')).toContain(INJECTIONS.join(' '));
  for (const [i, attack] of INJECTIONS.entries()) {
    await site.page.fill('#position', String(i + 1));
    expect(await site.page.locator('#tokens .chosen').textContent()).toBe(attack);
    expect(await site.page.textContent('#attention-value')).toContain(`“${attack}”`);
    expect(await site.page.locator('#bars .token').first().textContent()).toBe(attack);
    await site.page.fill('#prompt', attack);
    await site.page.dispatchEvent('#prompt', 'change');
    await expect.poll(() => site.page.textContent('#next-problem')).toBe(attack);
    expect(await site.page.locator(MADE).count(), attack).toBe(0);
  }
  expect(await site.page.title()).toBe('Train a language model · shadegrad');
});

/** What markup would make. */
const MADE =
  'main :is(script, img, svg, math, iframe, object, embed, video, audio, style, base, body, template)';

/** A worker whose text holds what it should not. After each token the model expects the same one. */
const STUB = `
const texts = ${JSON.stringify(INJECTIONS)};
const T = texts.length;
const loss = { step: 1, loss: 1, mean: 1, validationLoss: null };
const logits = new Float32Array(T * T);
const attention = new Float32Array(4 * T * T);
for (let i = 0; i < T; i++) {
  logits[i * T + i] = 9;
  for (let at = 0; at < 4; at++) attention[(at * T + i) * T + i] = 1;
}
postMessage({ type: 'adapter', adapter: { name: 'stub', software: true, notice: null } });
onmessage = ({ data }) => {
  if (data.type === 'look') postMessage({ type: 'unlooked', reason: data.text });
  if (data.type !== 'start') return;
  const merges = texts.map((text, rank) => ({ rank, left: text, right: '', count: 1 }));
  postMessage({ type: 'merges', merges });
  postMessage({ type: 'facts', facts: {
    source: texts.join(' '), parameters: 1, vocabulary: texts, unit: 'token', charactersPerToken: 1,
    trained: 1, heldOut: 1, entropyFloor: null, beginning: texts[0], layers: 2, heads: 2,
    settings: { ...data.settings, steps: 5 }, first: 1, before: [loss],
  } });
  postMessage({ type: 'looked', looked: { step: 1, ids: texts.map((_, i) => i), logits, attention } });
  const sampling = { temperature: 1, topK: null, topP: 1 };
  for (const text of texts) postMessage({ type: 'sample', step: 1, prompt: text, text, sampling });
  postMessage({ type: 'ended', status: 'Shown.' });
};`;

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
    data.tokenizer.decode([id]).replaceAll(' ', '·').replaceAll('\n', '¶');
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
