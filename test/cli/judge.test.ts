// shadegrad judge, as a user runs it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shadegrad } from './command.ts';
import { jsonLines, settings } from './tiny_run.ts';

let folder: string;
let [model, prompts] = ['', ''];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  [model, prompts] = [join(folder, 'model'), join(folder, 'prompts.jsonl')];
  await shadegrad(['train', '--json', '--out', model, ...settings({ samples: 0 })]);
  const lines = ['Mia ', 'Ben ', 'Tom ', 'Ann '].map((prompt) => JSON.stringify({ prompt }));
  writeFileSync(prompts, lines.join('\n'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const judge = (a: string, b: string, ...args: string[]) =>
  shadegrad(['judge', a, b, '--prompts', prompts, '--max-new-tokens', '8', '--end', '.', ...args]);

test('I7: a model against itself: exactly one half, with samples side by side', async () => {
  const { stdout, stderr } = await judge(model, model, '--json', '--answers', '2');
  expect(stderr).toBe('');
  const result = jsonLines(stdout).at(-1);
  expect(result).toMatchObject({ a: model, b: model, wins: 0, losses: 0, ties: 8 });
  expect(result.winRate).toMatchObject({ rate: 0.5 });
  expect(result.samples).toHaveLength(3);
  const told = await judge(model, model);
  expect(told.stdout).toContain('a wins 50.0 % (15.0 % to 85.0 %): 0 wins, 4 ties, 0 losses');
});

test('a reward model judges as well, in the tokens of its own base', async () => {
  const [pairs, reward] = [join(folder, 'pairs.jsonl'), join(folder, 'reward')];
  const answers = { chosen: 'ran up.', rejected: 'sat.' };
  const lines = ['Mia ', 'Ben ', 'Tom '].map((prompt) => JSON.stringify({ prompt, ...answers }));
  writeFileSync(pairs, lines.join('\n'));
  const set = ['batch=2', 'epochs=2', 'validation=0', 'normaliseWith=8', 'rank=2'];
  const trained = await shadegrad([
    ...['reward', '--model', model, '--data', pairs, '--out', reward, '--json'],
    ...set.flatMap((each) => ['--set', each]),
  ]);
  expect(trained.stderr).toBe('');
  const { stdout, stderr } = await judge(model, model, '--json', '--judge', reward);
  expect(stderr).toBe('');
  const { winRate, means } = jsonLines(stdout).at(-1);
  expect(winRate.rate).toBe(0.5);
  expect(Math.abs(means.a.mean)).toBeGreaterThan(0);
  expect((await judge(model, model, '--judge', 'silver')).stderr).toContain(
    'unknown --judge "silver"; there is gold, or a run of shadegrad reward',
  );
});

test('what does not load is refused, with what and where', async () => {
  const none = await judge(model, join(folder, 'none'));
  expect(none).toMatchObject({ code: 1, stdout: '' });
  expect(none.stderr).toMatch(/none holds no model: expected a run of shadegrad train, or/);
  const unfinished = join(folder, 'unfinished-run');
  mkdirSync(join(unfinished, 'unfinished'), { recursive: true });
  expect((await judge(unfinished, model)).stderr).toContain(
    `${unfinished} is not done; continue it with --resume first`,
  );
  expect((await judge(model, model, '--n', '0')).stderr).toContain(
    '--n is 0; expected a whole number of at least 1',
  );
  expect((await shadegrad(['judge', model, model])).stderr).toContain(
    'judge needs --task stories or --prompts FILE, one of the two',
  );
});
