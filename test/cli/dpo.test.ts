// shadegrad dpo, as a user runs it.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shadegrad, start } from './command.ts';
import { jsonLines, metricsOf, settings } from './tiny_run.ts';

/** A trained model, with a context of 16, and preferences for it. */
let folder: string;
let model: string;
let data: string;

const NAMES = ['Mia ', 'Ben ', 'Tom ', 'Ann '];
const PAIRS = NAMES.flatMap((prompt) => [
  { prompt, chosen: 'ran up.', rejected: 'sat.' },
  { prompt, a: 'sat.', b: 'said hi.', label: 'B' },
]);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  [model, data] = [join(folder, 'model'), join(folder, 'pairs.jsonl')];
  await shadegrad(['train', '--json', '--out', model, ...settings({ samples: 0 })]);
  const tie = { prompt: 'Mia ', a: 'ran.', b: 'sat.', label: 'tie' };
  writeFileSync(data, [...PAIRS, tie].map((pair) => JSON.stringify(pair)).join('\n'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const dpo = (out: string, ...args: string[]) => [
  ...['dpo', '--model', model, '--data', data, '--out', out, '--json', '--method', 'full'],
  ...['--set', 'batch=4', '--set', 'validation=0.25', '--set', 'learningRate=0.01', ...args],
];

test('tells loss, accuracy and margin of held-out pairs, and is resumed bit for bit', async () => {
  const shared = [
    '--steps',
    '12',
    '--beta',
    '0.5',
    '--set',
    'checkpointEvery=2',
    '--set',
    'logEvery=1',
  ];
  const [straight, stopped] = [join(folder, 'straight'), join(folder, 'stopped')];
  const { code, stdout, stderr } = await shadegrad(dpo(straight, ...shared));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const result = jsonLines(stdout).at(-1);
  expect(result).toMatchObject({ steps: 12, stopped: false, skipped: 1, out: straight });
  expect(result.evaluations[0].loss).toBeCloseTo(Math.LN2, 5);
  expect(result.valLoss).toBeLessThan(0.6);
  expect(result.metrics['rewards/accuracy']).toBe(1);

  const running = start(dpo(stopped, ...shared));
  await running.printed(/"step":4,/);
  running.child.kill('SIGINT');
  expect((await running.finished).code).toBe(130);
  const resumed = await shadegrad(['dpo', '--resume', '--out', stopped, '--json']);
  expect(resumed.stderr).toBe('');
  expect(await metricsOf(stopped)).toEqual(await metricsOf(straight));
  expect(await modelIn(stopped)).toEqual(await modelIn(straight));
});

test('what cannot be learned from is refused, with what and where', async () => {
  const bad = join(folder, 'bad.jsonl');
  writeFileSync(bad, '{"prompt":"Mia ","chosen":"ran.","rejected":"ran."}\n');
  const args = ['dpo', '--model', model, '--out', join(folder, 'none')];
  expect((await shadegrad([...args, '--data', bad])).stderr).toContain(
    'bad.jsonl: nothing to learn from; 1 line skipped: equal answers 1 (line 1)',
  );
  const negative = await shadegrad([...args, '--data', data, '--beta', '-1']);
  expect(negative.stderr).toMatch(/beta is -1; expected a number above 0/);
  expect((await shadegrad(['dpo', '--data', data])).stderr).toContain(
    'dpo needs --model and --data, or --resume to continue a run',
  );
});

/** The bytes of the model that a run has come to. */
async function modelIn(out: string): Promise<Buffer> {
  const checkpoints = join(out, 'checkpoints');
  const file = readdirSync(checkpoints, { recursive: true, encoding: 'utf8' }).find((name) =>
    name.endsWith('.safetensors'),
  );
  return readFile(join(checkpoints, file!));
}
