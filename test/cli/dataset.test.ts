// shadegrad dataset: what it writes is what finetune takes, and its checks.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shadegrad } from './command.ts';
import { jsonLines, settings } from './tiny_run.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shadegrad-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('H9 a data set is written, checked, trained on, and its model scored', async () => {
  const [file, text, model, tuned] = ['d.jsonl', 'd.txt', 'base', 'tuned'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  const make = ['dataset', 'refusals', '--count', '40'];
  expect((await shadegrad([...make, '--out', file])).code).toBe(0);
  const { stdout } = await shadegrad([...make]);
  expect(readFileSync(file, 'utf8')).toBe(stdout);
  expect(jsonLines(stdout)).toHaveLength(40);
  const checked = await shadegrad(['dataset', 'refusals', '--check', file]);
  expect(checked).toEqual({ code: 0, stderr: '', stdout: '40 conversations, 0 faults\n' });

  await shadegrad([...make, '--text', '--template', 'lines', '--out', text]);
  const sizes = settings({ context: 128, steps: 2, evaluationTokens: 128, samples: 0 });
  const trained = await shadegrad(['train', '--json', '--data', text, '--out', model, ...sizes]);
  expect(trained.stderr).toBe('');
  const tune = ['--model', model, '--data', file, '--steps', '2', '--out', tuned, '--json'];
  expect((await shadegrad(['finetune', ...tune])).stderr).toBe('');
  const args = ['--count', '3', '--seed', '1', '--score', tuned, '--json'];
  const scored = await shadegrad(['dataset', 'refusals', ...args]);
  const [result] = jsonLines(scored.stdout);
  expect(result).toMatchObject({ replies: 3, template: 'lines' });
  expect(result.scored.filter(({ fault }: { fault: unknown }) => fault === null)).toHaveLength(
    result.right,
  );
});

test('a file with a wrong reply is told, with its line', async () => {
  const file = join(folder, 'mine.jsonl');
  const line = (reply: string) => {
    const question = { role: 'user', content: 'Write a stack program for x + 1.' };
    return JSON.stringify({ messages: [question, { role: 'assistant', content: reply }] });
  };
  writeFileSync(file, `${line('x 1 +')}\n${line('x + 1')}\n`);
  const { code, stdout } = await shadegrad(['dataset', 'all', '--check', file]);
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: 'mine.jsonl:2: the stack is empty at +\n2 conversations, 1 faults\n',
  });
});

test.each([
  [['poems'], 'no goal "poems"; there are chat, refusals, reasoning, code, tools, all'],
  [['chat', '--count', 'many'], '--count is "many", expected a whole number from 1 on'],
  [['chat', '--check', 'nowhere.jsonl'], 'cannot read nowhere.jsonl: ENOENT'],
  [['chat', '--text', '--template', 'lime'], 'no chat template "lime"'],
])('%j is refused', async (args, message) => {
  const { code, stdout, stderr } = await shadegrad(['dataset', ...args]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(message);
});
