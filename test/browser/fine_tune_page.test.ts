// demos/fine-tune/ as visitors get it: a model and examples given as files, tuned, and the adapter opened in Node.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULTS, settingsOf } from '../../demos/fine-tune/settings.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import { MODEL_TYPES } from '../../src/llm/hugging_face_config.ts';
import {
  applyAdapter,
  generateText,
  openModel,
  saveHuggingFace,
  storyOpenings,
  trainLanguageModel,
  whereQuestions,
} from '../../src/llm/index.ts';
import { checkPeftTargets } from '../../src/llm/peft.ts';
import { huggingFaceNames } from '../../src/llm/peft_names.ts';
import { matchingTargets } from '../../src/llm/trainable.ts';
import { Transformer } from '../../src/llm/transformer.ts';
import type { TransformerConfig } from '../../src/llm/transformer_config.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Device } from '../../src/ops/device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { demo } from './demo.ts';
import { INJECTIONS } from './injections.ts';

const site = demo();
const run = promisify(execFile);
const QUESTIONS = whereQuestions(2, 60);
const EXAMPLES = QUESTIONS.map((each) => JSON.stringify(each));
const CHATS = QUESTIONS.map(({ prompt, completion }) =>
  JSON.stringify({
    messages: [
      { role: 'user', content: prompt },
      { role: 'assistant', content: completion },
    ],
  }),
);

let device: Device;
beforeAll(async () => {
  device = await Device.open({ adapter: 'swiftshader', announce: null });
});
afterAll(() => device.destroy());

test("a visitor's folder and examples: what the model is, a loss that falls, the adapter in Node", {
  timeout: 240_000, // alone it takes a tenth of that
}, async () => {
  const model = await tinyLlama();
  await site.open('fine-tune/');
  await site.page.setInputFiles('#folder', model);
  await site.status('Ready.');
  const told = await site.page.textContent('#model');
  expect(told).toContain('a llama with 1 layers of width 16, 2 heads, a vocabulary of 300');
  expect(told).toContain('in f32, 0.0 MB');
  expect(await site.page.inputValue('[name=learningRate]')).toBe('0.001');
  await giveExamples('questions.jsonl', EXAMPLES.join('\n'));
  for (const [name, value] of Object.entries({ steps: 12, learningRate: 0.03, rank: 4, batch: 4 }))
    await site.page.fill(`[name=${name}]`, String(value));
  await site.page.evaluate(`
    globalThis.shownLosses = [];
    const figure = document.querySelector('#validation-loss');
    new MutationObserver(() => {
      if (figure.textContent !== '–') shownLosses.push(Number(figure.textContent));
    }).observe(figure, { childList: true });
  `);
  await site.page.click('#go');
  await site.status('Done after 12 steps.');

  const [before, ...later] = await site.page.evaluate<number[]>('shownLosses');
  expect(later.at(-1)).toBeLessThan(before! - 0.5);
  expect(await site.page.textContent('#counts')).toContain('on 54 examples; 6 are held out');
  expect(await site.page.locator('#answers li').count()).toBe(4);
  expect(await site.page.locator('#answers dt').allTextContents()).toEqual(
    Array.from({ length: 4 }, () => ['expected', 'before', 'after']).flat(),
  );
  await site.page.fill('#prompt', 'Today Ann went to the beach. Where? ');
  await site.page.click('#ask');
  await site.status('Answered.');
  const [base, after] = await site.page.locator('#compared dd').allTextContents();
  expect(after).not.toBe(base);

  const adapter = await downloaded('#download');
  const opened = await openModel(device, await openFolder(model));
  await applyAdapter(device, opened, await openFolder(adapter));
  const [written] = await generateText(device, opened, ['Today Ann went to the beach. Where? '], {
    ...{ maxNewTokens: 12, temperature: 0.7, seed: 1337 },
    ends: [...opened.tokenizer.encode('\n')],
  });
  expect(written!.text.trimEnd() || '(nothing)').toBe(after);
  opened.model.dispose();
});

test('a run on messages, with weights of 8 bits, that was stopped goes on in a fresh visit, with the model chosen again', {
  timeout: 240_000, // alone it takes a tenth of that
}, async () => {
  await open();
  await giveExamples('chats.jsonl', CHATS.join('\n'));
  for (const [name, value] of Object.entries({ steps: 6, rank: 2, batch: 2 }))
    await site.page.fill(`[name=${name}]`, String(value));
  await site.page.selectOption('[name=weights]', '8bit');
  await site.page.click('#one-step');
  await site.status('Paused.');
  await site.page.click('#stop');
  await site.status(/^Stopped after \d+ steps\.$/);

  await site.open('fine-tune/');
  await site.page.click('[aria-label="Continue run-1"]');
  await site.status(/^(Ended by an error\.|Compiling.*)$/);
  await expect
    .poll(() => site.page.textContent('#error'), { timeout: 60_000 })
    .toContain('This run tunes tiny-llama');
  await site.page.setInputFiles('#folder', await tinyLlama());
  await site.status('Ready.');
  await site.page.click('[aria-label="Continue run-1"]');
  await site.status('Done after 6 steps.');
  expect(await site.page.textContent('#counts')).toContain('It goes on after step');
  expect(await site.page.inputValue('[name=rank]')).toBe('2');
  expect(await site.page.inputValue('[name=weights]')).toBe('8bit');
  // The list is written anew once the run is over.
  await site.page.waitForSelector('[aria-label="Continue run-1"]', { state: 'detached' });
});

test('a model and examples that are dropped together are both taken', async () => {
  const model = await tinyLlama();
  const names = ['config.json', 'model.safetensors', 'tokenizer.json'];
  const read = names.map(async (name) => [name, await readFile(join(model, name))] as const);
  await site.open('fine-tune/');
  await giveModel({
    ...Object.fromEntries(await Promise.all(read)),
    'mine.jsonl': Buffer.from(EXAMPLES.join('\n')),
  });
  await expect.poll(() => site.page.textContent('#model')).toContain('a llama');
  const shown = '[...document.querySelector("#data").files].map(({ name }) => name)';
  expect(await site.page.evaluate(shown)).toEqual(['mine.jsonl']);
});

test.each(MODEL_TYPES)("all choices of layers have names in PEFT's format for a %s", (type) => {
  const packed = type === 'gpt2';
  const config: TransformerConfig = {
    ...{ vocabularySize: 11, context: 9, layers: 1, heads: 2, keyValueHeads: packed ? 2 : 1 },
    ...{ width: 8, hidden: 12, positions: packed ? 'learned' : 'rope', bias: packed },
    ...{ norm: packed ? 'layerNorm' : 'rmsNorm', activation: packed ? 'geluTanh' : 'swiglu' },
    ...{ tiedEmbeddings: true, dropout: 0 },
  };
  const model = new Transformer(new Initialiser(device, 1), config);
  const counts = (['queries', 'attention', 'all'] as const).map((targets) => {
    const found = matchingTargets(model, settingsOf({ ...DEFAULTS, targets }, type).targets);
    checkPeftTargets(found, huggingFaceNames(type, config));
    return found.length;
  });
  expect(counts).toEqual(packed ? [1, 2, 4] : [2, 4, 7]);
  model.dispose();
});

test('what cannot be used is named: wrong, truncated and unsupported models, broken examples', async () => {
  const config = { model_type: 'bert', vocab_size: 10 };
  await site.open('fine-tune/');
  await giveModel({ 'config.json': JSON.stringify(config) });
  expect(await error()).toBe(
    'config.json: model_type is "bert"; known are llama, qwen2, qwen3, gpt2',
  );
  await giveModel({ 'pytorch_model.bin': 'x' });
  expect(await error()).toContain('no file config.json');

  const model = await tinyLlama();
  const [json, weights, tokenizer] = await Promise.all(
    ['config.json', 'model.safetensors', 'tokenizer.json'].map((name) =>
      readFile(join(model, name)),
    ),
  );
  const files = { 'config.json': json!, 'tokenizer.json': tokenizer! };
  await giveModel({ ...files, 'model.safetensors': weights!.subarray(0, 5000) });
  expect(await error()).toContain('truncated?');
  await giveModel({ 'config.json': json!, 'model.safetensors': weights! });
  expect(await error()).toContain('has no tokenizer.json');
  const sharper = JSON.stringify({ ...JSON.parse(String(json)), hidden_act: 'gelu' });
  await giveModel({ ...files, 'config.json': sharper, 'model.safetensors': weights! });
  expect(await error()).toBe('config.json: hidden_act is "gelu"; supported: "silu"');

  await giveModel({ ...files, 'model.safetensors': weights! });
  await site.status('Ready.');
  await site.page.click('#go');
  expect(await error()).toContain('Choose examples');
  await giveExamples('chats.jsonl', '{"prompt": "a", "completion": "b"}\n{"prompt": "a"}');
  await site.page.click('#go');
  await expect
    .poll(error, { timeout: 60_000 })
    .toContain('chats.jsonl:2: expected prompt and completion');
});

test('fifty attacks as names, prompts, completions and answers stay text', async () => {
  await site.page.route('**/fine-tune/worker.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: STUB }),
  );
  await site.open('fine-tune/');
  await giveExamples('<img src=x onerror=alert(1)>.jsonl', '{}');
  await site.page.click('#go');
  await site.status('Shown.');
  for (const attack of INJECTIONS) {
    await site.page.fill('#prompt', attack);
    await site.page.click('#ask');
    await site.status('Answered.');
    expect(await site.page.textContent('#model')).toContain(`${attack}: a llama`);
    expect(await site.page.locator('#compared li').first().textContent()).toBe(
      `${attack}before${attack}after${attack}`,
    );
    expect(await site.page.locator(MADE).count(), attack).toBe(0);
  }
  const shown = await site.page.locator('#answers li').allTextContents();
  expect(shown).toEqual(INJECTIONS.map((x) => `${x}expected${x}before${x}after${x}`));
  expect(await site.page.title()).toBe('Fine-tune a language model · shadegrad');
});

/** What markup would make. */
const MADE =
  'main :is(script, img, svg, math, iframe, object, embed, video, audio, style, base, body, template)';

/** A worker whose models and examples hold what they should not. */
const STUB = `
const texts = ${JSON.stringify(INJECTIONS)};
const config = { layers: 1, width: 1, heads: 1, vocabularySize: 1, context: 1 };
const summary = { type: 'llama', config, parameters: 1, bytes: 4, dtypes: ['f32'] };
postMessage({ type: 'adapter', adapter: { name: 'stub', software: true, notice: null } });
onmessage = ({ data: { type, prompt } }) => {
  if (type === 'start') {
    const answers = texts.map((text) => ({ prompt: text, expected: text, text }));
    postMessage({ type: 'answers', when: 'before', answers });
    postMessage({ type: 'answers', when: 'after', answers });
    postMessage({ type: 'ended', status: 'Shown.' });
  } else if (type === 'answer') {
    postMessage({ type: 'model', name: prompt, summary });
    postMessage({ type: 'compared', prompt, before: prompt, after: prompt });
    postMessage({ type: 'ended', status: 'Answered.' });
  }
};`;

let made: Promise<string> | null = null;
afterAll(async () => made && rm(await made, { recursive: true }));

/** A model that has learned a little, as a Hugging Face folder. */
function tinyLlama(): Promise<string> {
  made ??= makeLlama();
  return made;
}

async function makeLlama(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tiny-llama-'));
  const { model, data } = await trainLanguageModel(device, {
    text: { name: 'openings', content: `${storyOpenings(1, 300).join('\n')}\n` },
    settings: {
      ...{ vocabularySize: 300, layers: 1, width: 16, heads: 2, hidden: 24, context: 48 },
      ...{ activation: 'swiglu', batch: 4, steps: 20, samples: 0, evaluationTokens: 96 },
      ...{ learningRate: 0.02, evaluateEvery: 100 },
    },
  });
  await saveHuggingFace(await openFolder(path), {
    model,
    tokenizerJson: JSON.stringify(data.tokenizer),
  });
  model.dispose();
  return path;
}

/** The page with that model chosen. */
async function open(): Promise<void> {
  await site.open('fine-tune/');
  await site.page.setInputFiles('#folder', await tinyLlama());
  await expect.poll(() => site.page.textContent('#model')).toContain('a llama');
  await site.status('Ready.');
}

/** Dropped on the page, as files. */
async function giveModel(files: Readonly<Record<string, string | Buffer>>): Promise<void> {
  await site.page.evaluate(() => {
    document.querySelector('#error')!.textContent = '';
  });
  const list = Object.entries(files).map(([name, content]) => ({
    name,
    bytes: [...Buffer.from(content)],
  }));
  await site.page.evaluate((list) => {
    const transfer = new DataTransfer();
    for (const { name, bytes } of list) transfer.items.add(new File([new Uint8Array(bytes)], name));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }));
  }, list);
}

async function error(): Promise<string> {
  await expect.poll(() => site.page.textContent('#error'), { timeout: 30_000 }).not.toBe('');
  return (await site.page.textContent('#error'))!;
}

async function giveExamples(name: string, text: string): Promise<void> {
  await site.page.setInputFiles('#data', {
    name,
    mimeType: 'application/jsonl',
    buffer: Buffer.from(text),
  });
}

async function downloaded(button: string): Promise<string> {
  const [download] = await Promise.all([
    site.page.waitForEvent('download'),
    site.page.click(button),
  ]);
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'x.tar'), await readFile(await download.path()));
  await mkdir(join(folder, 'out'));
  await run('tar', ['-xf', join(folder, 'x.tar'), '-C', join(folder, 'out')]);
  return join(folder, 'out');
}
