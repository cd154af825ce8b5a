// shadegrad train, as a user runs it.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entropyRate } from '../../src/text/grammar.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { shadegrad, start } from './command.ts';
import { jsonLines, metricsOf, settings } from './tiny_run.ts';

/** A run of 20 steps, with checkpoints after 18 and 20. */
let finished: string;
let printed: { stdout: string; stderr: string };

beforeAll(async () => {
  finished = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  printed = await shadegrad(['train', '--json', '--out', finished, ...settings()]);
});

afterAll(() => rmSync(finished, { recursive: true }));

describe('a run', () => {
  test('--json prints one object a line, and last the result', async () => {
    const lines = jsonLines(printed.stdout);
    const { bestValLoss, steps, tokensPerSecond, adapter, ...rest } = lines.at(-1);
    expect(steps).toBe(20);
    expect(tokensPerSecond).toBeGreaterThan(0);
    expect(adapter).toMatch(/./);
    expect(bestValLoss).toBe(
      Math.min(...rest.evaluations.map((each: { loss: number }) => each.loss)),
    );
    expect(rest).toMatchObject({ stopped: false, parameters: 3808, data: 'built-in stories' });
    const progress = lines.slice(0, -1);
    expect(progress.at(-1)).toMatchObject({
      step: 20,
      total: 20,
      validationLoss: expect.any(Number),
    });
    expect(progress.every(({ loss }) => Number.isFinite(loss))).toBe(true);
    expect(printed.stderr).toBe('');
  });

  test('leaves settings, metrics, samples, checkpoints and a report with the floor under its loss', async () => {
    expect(readdirSync(finished).sort()).toEqual([
      'checkpoints',
      'config.json',
      'metrics.jsonl',
      'report.html',
      'samples.txt',
    ]);
    const { bestValLoss, samples } = jsonLines(printed.stdout).at(-1);
    const floor = entropyRate().natsPerCharacter;
    expect(bestValLoss).toBeGreaterThan(floor);
    const report = await readFile(join(finished, 'report.html'), 'utf8');
    expect(report).toContain('entropy of the source');
    expect(report).toContain(floor.toFixed(4));
    expect(await readFile(join(finished, 'samples.txt'), 'utf8')).toContain(samples[0]);
  });

  test('in a terminal shows what it trains on, its samples, and where the report is', async () => {
    const cwd = await temporaryFolder();
    const { code, stdout, stderr } = await shadegrad(['train', ...settings({ steps: 10 })], {
      cwd,
    });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^text {5}built-in stories: 3,\d{3} characters\n/m);
    expect(stderr).toContain('model    3,808 parameters\n');
    expect(stderr).toContain('run      runs/train-1\n');
    expect(stderr).toMatch(/step 10: validation loss \d\.\d{4}, \d\.\d{4} bits per byte\n/);
    expect(stdout).toMatch(/^\n--- sample 1\n/);
    expect(stdout).toMatch(
      /best validation loss \d\.\d{4} nats per character \(the source's entropy is 0\.\d{4}\)\n/,
    );
    expect(stdout).toMatch(/\nreport: runs\/train-1\/report\.html\n$/);
  });

  test("a text of the user's, with a preset and with settings from a file", async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'waves.txt'), 'to and fro, up and down\n'.repeat(60));
    await writeFile(
      join(cwd, 'small.yaml'),
      'layers: 1\nwidth: 16\nheads: 2\ncontext: 8\nbatch: 2\n',
    );
    const args = [
      '--preset',
      'shakespeare-char-cpu',
      '--config',
      'small.yaml',
      '--set',
      'samples=0',
    ];
    const { code, stdout, stderr } = await shadegrad(
      ['train', '--data', 'waves.txt', '--json', '--steps', '4', '--seed', '3', ...args],
      { cwd },
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { data, settings, entropyFloor } = jsonLines(stdout).at(-1);
    expect({ data, entropyFloor }).toEqual({ data: 'waves.txt', entropyFloor: null });
    expect(settings).toMatchObject({ steps: 4, seed: 3, width: 16, norm: 'layerNorm' });
  });

  test('control characters that a model has learned do not reach the terminal', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'escapes.txt'), '\u001b[2J\u0007\n'.repeat(300));
    const { code, stdout } = await shadegrad(
      ['train', '--data', 'escapes.txt', ...settings({ steps: 2 })],
      {
        cwd,
      },
    );
    expect(code).toBe(0);
    expect(stdout).toContain('--- sample 1');
    expect([...stdout].filter((character) => character < ' ' && character !== '\n')).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  test('saves, exits with 130, and prints a command that continues as it stands', async () => {
    const cwd = await temporaryFolder();
    const out = "Ann's run";
    const { child, finished, printed } = start(
      ['train', '--out', out, ...settings({ steps: 150, checkpointEvery: 1000 })],
      { cwd },
    );
    await printed(/^ *\d+% /m);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await finished;
    expect(code).toBe(130);
    expect(stderr).toContain('stopping, with a checkpoint');
    const [, steps, command] = /^stopped after step (\d+); continue with: (.*)\n$/.exec(stdout)!;
    expect(Number(steps)).toBeGreaterThan(0);

    const resumed = await start([command!], { cwd, shell: true }).finished;
    expect(resumed.stderr).toContain(`run      ${out}, resumed after step ${steps}\n`);
    expect(resumed.code).toBe(0);
    const metrics = await metricsOf(join(cwd, out));
    expect(metrics.map(({ step }) => step)).toEqual(Array.from({ length: 150 }, (_, i) => i + 1));
  });

  test('with --json still ends with the result', async () => {
    const cwd = await temporaryFolder();
    const { child, finished, printed } = start(['train', '--json', ...settings({ steps: 5000 })], {
      cwd,
    });
    await printed(/"step"/);
    child.kill('SIGINT');
    const { code, stdout } = await finished;
    expect(code).toBe(130);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ stopped: true, out: 'runs/train-1' });
  });

  test('a second one ends at once, with 130', async () => {
    const cwd = await temporaryFolder();
    const slow = settings({ width: 128, layers: 4, context: 64, batch: 16, steps: 5000 });
    const { child, finished, printed } = start(['train', ...slow], { cwd });
    await printed(/run {6}runs\/train-1\n/);
    child.kill('SIGINT');
    await printed(/stopping/);
    child.kill('SIGINT');
    expect(await finished).toMatchObject({ code: 130, stdout: '' });
  });
});
