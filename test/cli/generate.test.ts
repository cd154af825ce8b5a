// shadegrad generate on a run that was just trained.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shadegrad } from './command.ts';
import { jsonLines, settings } from './tiny_run.ts';

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shadegrad-'));
  model = join(folder, 'run');
  const { code, stderr } = await shadegrad([
    'train',
    '--json',
    '--out',
    model,
    ...settings({ samples: 0 }),
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}, 200_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const generate = (...args: string[]) =>
  shadegrad(['generate', '--model', model, '--prompt', 'Once', '--max-new-tokens', '10', ...args]);

describe('shadegrad generate', () => {
  test('prints the prompt and its continuation, the same each time', async () => {
    const [first, again] = [await generate('--seed', '4'), await generate('--seed', '4')];
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^Once/);
    expect([...first.stdout]).toHaveLength('Once'.length + 10 + 1);
    expect(again.stdout).toBe(first.stdout);
  });

  test('--json prints one object per sample, with the ids', async () => {
    const { code, stdout, stderr } = await generate('--json', '--samples', '2', '--top-k', '5');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = jsonLines(stdout);
    expect(lines).toHaveLength(2);
    for (const { ids, newIds, text, finishReason } of lines) {
      expect(ids).toHaveLength(14);
      expect(newIds).toEqual(ids.slice(4));
      expect([...text]).toHaveLength(10);
      expect(finishReason).toBe('length');
    }
    expect(lines[0].newIds).not.toEqual(lines[1].newIds);
  });

  test('greedy is beam search with one beam; more beams find a likelier text, or the same', async () => {
    const [greedy] = jsonLines((await generate('--json', '--greedy')).stdout);
    const [one] = jsonLines((await generate('--json', '--beams', '1')).stdout);
    expect(one.newIds).toEqual(greedy.newIds);
    const several = jsonLines((await generate('--json', '--beams', '3')).stdout);
    expect(several).toHaveLength(3);
    // The same text may be rounded otherwise: three rows take other kernels than one.
    const { newIds, logProb } = several.at(-1);
    if (newIds.join() !== one.newIds.join()) expect(logProb).toBeGreaterThan(one.logProb);
    else expect(Math.abs(logProb - one.logProb)).toBeLessThan(1e-6 * -one.logProb);
  });

  test('--weights 8bit draws from nearly the same distribution', async () => {
    const logProbs = async (...more: string[]) =>
      jsonLines((await generate('--json', '--greedy', '--max-new-tokens', '1', ...more)).stdout)[0]
        .logProbs;
    const [stored, rounded] = [await logProbs(), await logProbs('--weights', '8bit')];
    expect(rounded).not.toEqual(stored);
    expect(rounded[0]).toBeCloseTo(stored[0], 1);
  });

  test.each([
    [['--max-new-tokens', '14'], "exceeds the model's context of 16 (at most 13 fit)"],
    [['--top-p', '0'], 'topP is 0, expected a share in (0, 1]'],
    [['--temperature', 'warm'], '--temperature is "warm", expected a number'],
    [['--prompt', '\u{1F600}'], 'is not among the'],
    [['--model', 'nowhere'], 'nowhere holds no model'],
    [['--weights', '4bit'], '--weights is 4bit, expected stored or 8bit'],
    [['--samples', '0'], '--samples is 0, expected a whole number from 1 on'],
  ])('%j is refused in one line', async (args, message) => {
    const { code, stdout, stderr } = await generate(...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(
      stderr
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('no GPU')),
    ).toHaveLength(1);
  });

  test('help is complete, with examples', async () => {
    const { stdout } = await shadegrad(['generate', '--help']);
    for (const word of [
      '--model',
      '--prompt',
      '--greedy',
      '--max-new-tokens',
      '--json',
      'Examples:',
    ])
      expect(stdout).toContain(word);
  });
});
