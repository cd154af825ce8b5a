// shadegrad label and shadegrad reward, as a user runs them: from a model to preferences to a reward model.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { shadegrad, start } from './command.ts';
import { jsonLines, settings } from './tiny_run.ts';

let model: string;

beforeAll(async () => {
  model = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  const { code, stderr } = await shadegrad([
    ...['train', '--json', '--out', model],
    ...settings({ context: 64, steps: 4, samples: 0 }),
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
afterAll(() => rmSync(model, { recursive: true }));

/** What `label` says to keys that come through a pipe. */
async function typed(keys: string, args: readonly string[]) {
  const { child, finished } = start(['label', '--model', model, ...args]);
  child.stdin!.end(keys);
  return finished;
}

describe('label', () => {
  test('appends what a person chooses, and goes on where they left', async () => {
    const folder = await temporaryFolder();
    const [prompts, out] = [join(folder, 'prompts.jsonl'), join(folder, 'pairs.jsonl')];
    const asked = ['Mia ', 'Ben ', 'Tom ', 'Ann ', 'Max '];
    writeFileSync(prompts, asked.map((prompt) => JSON.stringify({ prompt })).join('\n'));
    const args = ['--prompts', prompts, '--out', out, '--max-new-tokens', '8'];
    const first = await typed('b\nx\ns\nT\nq\n', args);
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/1 of 5\nMia \n\nA .*\n\nB .*\n\n\[a\] A is better/);
    expect(first.stderr).toMatch(/2 chosen/);
    const read = () => jsonLines(readFileSync(out, 'utf8'));
    const before = read();
    expect(before.map(({ prompt, label }) => [prompt, label])).toEqual([
      ['Mia ', 'B'],
      ['Ben ', null],
      ['Tom ', 'tie'],
    ]);
    const second = await typed('a\na\n', [...args, '--json']);
    expect(jsonLines(second.stdout)).toEqual([{ labelled: 2, left: false, out }]);
    expect(read().slice(0, 3)).toEqual(before);
    expect(
      read()
        .slice(3)
        .map(({ prompt, label }) => [prompt, label]),
    ).toEqual([
      ['Ann ', 'A'],
      ['Max ', 'A'],
    ]);
  });

  test('refuses what it cannot do, before anything is drawn', async () => {
    const cases = [
      [[], 'label needs --prompts FILE, or --labeller gold'],
      [['--labeller', 'gold', '--flips', '0.7'], 'flips is 0.7; expected a number from 0 to 0.5'],
      [['--labeller', 'gold', '--count', 'x'], '--count is x, expected a number'],
      [['--labeller', 'silver'], '--labeller is silver, expected person or gold'],
    ] as const;
    for (const [args, message] of cases) {
      const { code, stderr } = await typed('', args);
      expect({ code, message: stderr.includes(message) }, stderr).toEqual({
        code: 1,
        message: true,
      });
    }
  });
});

describe('reward', () => {
  let folder: string;
  let pairs: string;
  let ceiling: number;
  beforeAll(async () => {
    folder = model;
    pairs = join(folder, 'pairs.jsonl');
    const { stdout } = await typed('', [
      ...['--labeller', 'gold', '--count', '80', '--flips', '0.1', '--out', pairs],
      ...['--max-new-tokens', '12', '--json'],
    ]);
    ({ ceiling } = jsonLines(stdout).at(-1));
    expect(readFileSync(pairs, 'utf8').trimEnd().split('\n')).toHaveLength(80);
  });

  test('learns from labels, and says how well', async () => {
    expect(ceiling).toBeGreaterThanOrEqual(0.5); // that of answers worth the same, which such a model writes
    expect(ceiling).toBeLessThanOrEqual(0.9);
    const out = join(folder, 'reward');
    const args = ['--model', model, '--data', pairs, '--out', out, '--set', 'batch=8', '--set'];
    const { code, stdout, stderr } = await shadegrad([
      ...['reward', ...args, 'normaliseWith=16', '--ceiling', String(ceiling), '--json'],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = jsonLines(stdout).at(-1);
    expect(result).toMatchObject({ steps: 9, step: 9, stopped: false, ceiling, out });
    expect(result.evaluation).toMatchObject({ pairs: 8 });
    expect(readdirSync(out)).toEqual(['metrics.jsonl', 'reward.json', 'reward.safetensors']);
    const description = JSON.parse(readFileSync(join(out, 'reward.json'), 'utf8'));
    expect(description).toMatchObject({ base: model, data: 'pairs.jsonl', step: 9 });

    // A policy is paid by it, and told what its answers are worth by the rule too.
    const rlhf = await shadegrad([
      ...['rlhf', '--model', model, '--task', 'stories', '--reward', out, '--end', '\n', '--steps'],
      ...['1', '--json', '--set', 'answers=8', '--set', 'maxNewTokens=12'],
      ...['--out', join(folder, 'rlhf')],
    ]);
    expect({ code: rlhf.code, stderr: rlhf.stderr }).toEqual({ code: 0, stderr: '' });
    const paid = JSON.stringify(jsonLines(rlhf.stdout).at(-1));
    expect(paid).toContain('"learned"');
    expect(paid).toContain('"gold"');
  });

  test('lines that teach nothing are told, and a broken one refused with its number', async () => {
    const good = readFileSync(pairs, 'utf8').split('\n').slice(0, 20);
    const equal = JSON.stringify({ prompt: 'Mia ', chosen: 'x', rejected: 'x' });
    const file = join(folder, 'mine.jsonl');
    writeFileSync(file, [...good, equal].join('\n'));
    const set = ['--set', 'batch=4', '--set', 'normaliseWith=16'];
    const args = ['reward', '--model', model, '--data', file, ...set, '--out'];
    const { code, stderr, stdout } = await shadegrad([...args, join(folder, 'mine')]);
    expect({ code }, stderr).toEqual({ code: 0 });
    expect(stderr).toContain('1 line skipped: equal answers 1 (line 21)');
    expect(stdout).toMatch(/accuracy {5}[\d.]+ %/);
    writeFileSync(file, [...good, '{"prompt": "Mia", "chosen": '].join('\n'));
    const broken = await shadegrad([...args, join(folder, 'broken')]);
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain('mine.jsonl:21: the text ends early');
  });
});
