// shadegrad scaling, as a user runs it: a tiny grid, stopped and continued.

import { readdirSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { shadegrad, start } from './command.ts';
import { jsonLines } from './tiny_run.ts';

const TINY = {
  symbols: 8,
  characters: 4000,
  heldOutCharacters: 512,
  widths: '[4,8]',
  steps: '[20,40,160]',
  heldOutWidth: 12,
  context: 8,
  batch: 4,
  replicates: 20,
};
const MODELS = 7;

const flags = (changes: object = {}) =>
  Object.entries({ ...TINY, ...changes }).flatMap(([name, value]) => ['--set', `${name}=${value}`]);

/** When each cell was written. */
function written(folder: string): Record<string, number> {
  const cells = join(folder, 'cells');
  return Object.fromEntries(
    readdirSync(cells).map((name) => [name, statSync(join(cells, name)).mtimeMs]),
  );
}

test('G5: a grid that is stopped continues with its next model, and ends with the law and a report', async () => {
  const cwd = await temporaryFolder();
  const { child, finished, printed } = start(['scaling', ...flags()], { cwd });
  await printed(/transformer-width-4-steps-40: 1,280 characters, loss \d/);
  child.kill('SIGINT');
  const stopped = await finished;
  expect(stopped.code).toBe(130);
  const [, command] = /^stopped; continue with: (.*)\n$/.exec(stopped.stdout)!;
  const folder = join(cwd, 'runs/scaling-1');
  const before = written(folder);
  expect(Object.keys(before).length).toBeGreaterThanOrEqual(2);
  expect(Object.keys(before).length).toBeLessThan(MODELS);

  const resumed = await start([command!], { cwd, shell: true }).finished;
  expect(resumed.code).toBe(0);
  expect(resumed.stdout).toMatch(/^E +\d\.\d{4} {2}95 % in .*entropy is \d\.\d{4}/);
  expect(resumed.stdout).toMatch(
    /\nlarger model .*side\n.*; report: runs\/scaling-1\/report\.html\n$/,
  );
  expect(written(folder)).toMatchObject(before);
  expect(readdirSync(folder).sort()).toEqual([
    'cells',
    'config.json',
    'report.html',
    'results.json',
  ]);

  // Once more, with nothing left to train.
  const all = written(folder);
  const again = await shadegrad(['scaling', '--resume', '--json'], { cwd });
  expect(again).toMatchObject({ code: 0, stderr: '' });
  expect(written(folder)).toEqual(all);
  const lines = jsonLines(again.stdout);
  const steps = lines.slice(0, -1).map(({ step }) => step); // a bar that counts training steps
  expect(steps).toEqual([20, 60, 220, 240, 280, 440, 600]);
  const { result, out } = lines.at(-1);
  expect(out).toBe('runs/scaling-1');
  const [{ architecture, cells, analysis }] = result.laws;
  expect(architecture).toBe('transformer');
  expect(cells).toHaveLength(MODELS);
  expect(cells[0]).toMatchObject({ width: 4, steps: 20, tokens: 640 });
  expect(cells.at(-1)).toMatchObject({ width: 12, steps: 160 });
  expect(result.truth).toBeLessThan(Math.log(TINY.symbols));
  expect(analysis.heldOut.loss).toBe(cells.at(-1).loss);
  const kept = JSON.parse(await readFile(join(folder, 'results.json'), 'utf8'));
  expect(kept.result).toEqual(result);
  const report = await readFile(join(folder, 'report.html'), 'utf8');
  expect(report).toContain('entropy of the source');
  expect(report).toContain('variable projection');
});

describe('refused, with one line', () => {
  test.each([
    ['another preset', ['--preset', 'smal'], /did you mean "small"/],
    ['too small a grid', flags({ widths: '[4]' }), /3 models; a law needs 6/],
    [
      'a held-out model of the grid',
      flags({ heldOutWidth: 8 }),
      /heldOutWidth is 8; expected more/,
    ],
    ['widths out of order', flags({ widths: '[8,4]' }), /each larger than the one before/],
    [
      'an unknown architecture',
      flags({ architectures: '["lstm"]' }),
      /expected 'transformer', 'mixer'/,
    ],
    ['nothing to resume', ['--resume', '--out', 'none'], /holds no run to resume/],
  ])('%s', async (_, args, message) => {
    const cwd = await temporaryFolder();
    const { code, stdout, stderr } = await shadegrad(['scaling', ...args], { cwd });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('a folder with another run', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'config.json'), '{"seed": 2}\n');
    const fresh = await shadegrad(['scaling', '--out', '.', ...flags()], { cwd });
    expect(fresh.stderr).toMatch(/holds a run already; continue it with --resume/);
    const resumed = await shadegrad(['scaling', '--out', '.', '--resume', '--set', 'seed=3'], {
      cwd,
    });
    expect(resumed.stderr).toMatch(/holds a run with another .*seed/);
  });
});
