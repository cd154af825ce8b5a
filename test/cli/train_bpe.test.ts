// A run whose tokens are BPE, as a user makes and uses it: trained, resumed, continued, fine-tuned.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateCorpus } from '../../src/text/grammar.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { shadegrad } from './command.ts';
import { jsonLines, settings } from './tiny_run.ts';

const SETTINGS = settings({ vocabularySize: 280, steps: 10, evaluationTokens: 0 });

let folder: string;
let text: string;
let run: string;
let printed: { stdout: string; stderr: string };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  text = join(folder, 'stories.txt');
  writeFileSync(text, generateCorpus({ seed: 1, characters: 4000 }));
  run = join(folder, 'run');
  printed = await shadegrad(['train', '--data', text, '--out', run, ...SETTINGS]);
});
afterAll(() => rmSync(folder, { recursive: true }));

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

test('tells nats per token, and bits per byte of the held-out text, wherever it tells a loss', () => {
  expect(printed.stderr).toMatch(/^text {5}stories\.txt: [12],\d{3} tokens\n/m);
  expect(printed.stderr).toMatch(/^tokens {3}280 different ones, of \d\.\d\d characters\n/m);
  expect(printed.stderr).toMatch(/step 10: validation loss \d\.\d{4}, \d\.\d{4} bits per byte\n/);
  const [, nats, bits] =
    /best validation loss (\S+) nats per token\nperplexity \S+, (\S+) bits per byte\n/.exec(
      printed.stdout,
    )!;
  const metrics = jsonLines(readFileSync(join(run, 'metrics.jsonl'), 'utf8'));
  const { validationLoss, bitsPerByte } = metrics.at(-1);
  expect(validationLoss.toFixed(4)).toBe(nats);
  expect(bitsPerByte.toFixed(4)).toBe(bits);
  const report = readFileSync(join(run, 'report.html'), 'utf8');
  for (const shown of [`>${nats}<`, 'nats per token', 'bits per byte', `>${bits}<`])
    expect(report).toContain(shown);
});

test('is resumed as it was, with the same result', async () => {
  const again = await shadegrad(['train', '--resume', '--out', run, '--json']);
  expect(again.stderr).toBe('');
  const { bitsPerByte, evaluations } = jsonLines(again.stdout).at(-1);
  expect(evaluations.map(({ step }: { step: number }) => step)).toEqual([10]);
  expect(printed.stdout).toContain(`${bitsPerByte.toFixed(4)} bits per byte`);
});

test('is continued with any text, by tokens', async () => {
  const args = ['--prompt', 'Zoë 今天', '--max-new-tokens', '3', '--json', '--greedy'];
  const { stdout, stderr } = await shadegrad(['generate', '--model', run, ...args]);
  expect(stderr).toBe('');
  const [{ ids, newIds }] = jsonLines(stdout);
  expect(ids.length - newIds.length).toBeGreaterThan(8); // bytes, for the most part
});

test('is fine-tuned', async () => {
  const pairs = ['Mia', 'Ben', 'Tom', 'Ann'].map((name) => ({ prompt: name, completion: ' ran.' }));
  const data = join(folder, 'pairs.jsonl');
  writeFileSync(data, pairs.map((pair) => JSON.stringify(pair)).join('\n'));
  const out = join(folder, 'tuned');
  const args = ['--data', data, '--out', out, '--json', '--steps', '2', '--set', 'batch=2'];
  const { code, stderr } = await shadegrad(['finetune', '--model', run, ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(json(join(out, 'config.json')).tokenizer).toEqual(
    json(join(run, 'config.json')).tokenizer,
  );
});

test("another run's tokenizer is kept: it is resumed without the run that it came from", async () => {
  const cwd = await temporaryFolder();
  const source = join(cwd, 'source');
  mkdirSync(source);
  cpSync(join(run, 'config.json'), join(source, 'config.json'));
  const args = ['--data', text, '--out', 'second', '--tokenizer', 'source'];
  await shadegrad(['train', ...args, ...settings({ steps: 3, samples: 0 })], { cwd });
  rmSync(source, { recursive: true });
  const resumed = await shadegrad(['train', '--resume', '--out', 'second'], { cwd });
  expect(resumed.code).toBe(0);
  expect(resumed.stdout).toContain('nats per token');
  const [first, second] = [json(join(run, 'config.json')), json(join(cwd, 'second/config.json'))];
  expect(second.tokenizer).toEqual(first.tokenizer);
});

test.each([
  [
    ['--tokenizer', 'nowhere.json'],
    'cannot read the tokenizer nowhere.json: there is no such file',
  ],
  [['--tokenizer', 'package.json'], 'package.json: '],
  [
    ['--set', 'vocabularySize=100'],
    'vocabularySize is 100; expected a whole number of at least 257',
  ],
])('%o is refused', async (args, message) => {
  const { code, stdout, stderr } = await shadegrad(['train', ...args]);
  expect(stderr).toContain(message);
  expect(stderr.trimEnd()).not.toContain('\n');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
});
