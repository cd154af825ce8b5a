// shadegrad grpo, as a user runs it: worked examples, a model of them, and learning from answers.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shadegrad, start } from './command.ts';
import { jsonLines, settings } from './tiny_run.ts';

/** A model of sums as text, with a context of 16. */
let folder: string;
let model: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  model = join(folder, 'model');
  const [examples, text] = [join(folder, 'sums.jsonl'), join(folder, 'sums.txt')];
  await shadegrad(['grpo', '--task', 'arithmetic', '--examples', '300', '--out', examples]);
  const sums = jsonLines(readFileSync(examples, 'utf8'));
  expect(sums).toHaveLength(300);
  writeFileSync(text, sums.map(({ prompt, completion }) => `${prompt}${completion}\n`).join(''));
  await shadegrad([
    'train',
    '--json',
    '--data',
    text,
    '--out',
    model,
    ...settings({ steps: 60, samples: 0 }),
  ]);
});
afterAll(() => rmSync(folder, { recursive: true }));

const grpo = (out: string, ...args: string[]) => [
  ...['grpo', '--model', model, '--task', 'arithmetic', '--out', out, '--json', '--steps', '6'],
  ...['--set', 'answers=16', '--set', 'groupSize=4', '--set', 'maxNewTokens=4'],
  ...['--set', 'checkpointEvery=2', '--set', 'evaluateEvery=6', ...args],
];

/** What each rollout came to, without the speed. */
const metricsOf = (out: string) =>
  jsonLines(readFileSync(join(out, 'metrics.jsonl'), 'utf8')).map(
    ({ tokensPerSecond: _, ...metrics }) => metrics,
  );

test('learns from its answers, counts groups without a difference, and is resumed bit for bit', async () => {
  const [straight, stopped] = [join(folder, 'straight'), join(folder, 'stopped')];
  const { code, stdout, stderr } = await shadegrad(grpo(straight));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const result = jsonLines(stdout).at(-1);
  expect(result).toMatchObject({ steps: 6, stopped: false, out: straight });
  expect(result.before.arithmetic.mean).toBeGreaterThanOrEqual(0);
  expect(result.after.arithmetic).toBeDefined();
  expect(metricsOf(straight)).toHaveLength(6);
  for (const { equalGroups, score } of metricsOf(straight)) {
    expect(equalGroups).toBeLessThanOrEqual(4);
    if (equalGroups === 4) expect([0, 1]).toContain(score);
  }

  const running = start(grpo(stopped));
  await running.printed(/"step":3,/);
  running.child.kill('SIGINT');
  expect((await running.finished).code).toBe(130);
  const resumed = await shadegrad(['grpo', '--resume', '--out', stopped, '--json']);
  expect(resumed.stderr).toBe('');
  expect(metricsOf(stopped)).toEqual(metricsOf(straight));
});

test('what cannot be learned from is refused, with the way out', async () => {
  const refused = async (...args: string[]) =>
    (await shadegrad(['grpo', '--model', model, '--out', join(folder, 'none'), ...args])).stderr;
  expect(await refused('--task', 'sums')).toContain('no tasks "sums"; there are arithmetic');
  expect(await refused()).toContain('grpo needs --task, one of arithmetic');
  const task = ['--task', 'arithmetic', '--set'];
  expect(await refused(...task, 'groupSize=1')).toContain('expected a whole number of at least 2');
  expect(await refused(...task, 'beta=-1')).toContain(
    'beta is -1; expected a number of at least 0',
  );
  expect(await refused(...task, 'answers=9', '--set', 'maxNewTokens=4')).toContain(
    '9 answers are no whole groups of 8',
  );
  expect(await refused(...task, 'maxNewTokens=30')).toContain("the model's context of 16");
});

test('on the enumerable model tells J, the best J and KL', async () => {
  const args = ['--set', 'answers=64', '--steps', '3', '--beta', '0.5', '--json'];
  const { stdout } = await shadegrad(['grpo', '--env', 'enumerable', '--preset', 'rloo', ...args]);
  const result = jsonLines(stdout).at(-1);
  expect(result.JStar).toBeCloseTo(0.570466, 6);
  expect(result.J).toBeLessThan(result.JStar);
  expect(result.kl).toBeGreaterThan(0);
});
