// shadegrad rl as users run it: what it prints, what its folder holds, how it goes on, what it refuses.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { shadegrad, start } from './command.ts';

const newRun = async () => join(await temporaryFolder(), 'run');
const SMALL = [
  '--set',
  'hidden=[8]',
  '--set',
  'rolloutSteps=16',
  '--set',
  'epochs=2',
  '--eval-episodes',
  '3',
];

test('--json: a line per iteration, the result last; runs compare; a folder in use is left alone', async () => {
  const out = await newRun();
  const command = ['rl', '--env', 'CartPole-v1', '--steps', '256', '--seed', '2', ...SMALL];
  const { code, stdout } = await shadegrad([...command, '--out', out, '--json']);
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.slice(0, -1).map(({ step }) => step)).toEqual([128, 256]);
  const result = lines.at(-1);
  expect(result).toMatchObject({
    steps: 256,
    algorithm: 'ppo',
    environment: 'CartPole-v1',
    stopped: false,
    out,
  });
  expect(result.returns).toHaveLength(3);
  expect(result.evalReturn).toBeCloseTo(
    (result.returns[0] + result.returns[1] + result.returns[2]) / 3,
    9,
  );
  for (const name of ['evalStd', 'stepsPerSecond', 'seconds'])
    expect(result[name]).toBeGreaterThanOrEqual(0);
  for (const file of ['config.json', 'metrics.jsonl', 'report.html', 'checkpoints'])
    expect(existsSync(join(out, file))).toBe(true);

  const page = join(out, 'compare.html');
  const compared = await shadegrad(['rl', 'compare', out, '--out', page, '--json']);
  expect(JSON.parse(compared.stdout)).toMatchObject({
    environment: 'CartPole-v1',
    groups: [{ label: 'ppo', seeds: [2] }],
  });
  expect(existsSync(page)).toBe(true);

  const again = await shadegrad([...command, '--out', out]);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('holds a run already; continue it with --resume');
});

test('Ctrl-C keeps a checkpoint, and the command that it prints goes on to the end', async () => {
  const out = await newRun();
  const { child, finished, printed } = start(['rl', '--steps', '4000', ...SMALL, '--out', out]);
  await printed(/entropy/);
  child.kill('SIGINT');
  const { stdout, code } = await finished;
  expect(code).toBe(130);
  expect(stdout).toMatch(/stopped after step [\d,]+; continue with: .*rl --resume --out/);
  const rest = await shadegrad(['rl', '--resume', '--out', out, '--json']);
  expect(JSON.parse(rest.stdout.trim().split('\n').at(-1)!)).toMatchObject({
    steps: 4096,
    stopped: false,
  });
});

test.each([
  [['--env', 'CartPol-v1'], 'unknown environment "CartPol-v1" (did you mean "CartPole-v1"?)'],
  [['--algo', 'pop'], 'unknown algorithm "pop"'],
  [
    ['--preset', 'zooo'],
    'ppo has no preset "zooo" (did you mean "zoo"?); there are fast, cleanrl, zoo',
  ],
  [['--set', 'gamma=2'], '--set gamma=2: gamma is 2; expected a number from 0 to 1'],
  [['--set', 'minibatches=7'], 'which it does not divide'],
  [['--algo', 'sac'], 'a squashed policy needs continuous actions'],
])('%j is refused with one line, and leaves nothing behind', async (flags, message) => {
  const out = await newRun();
  const { code, stderr } = await shadegrad(['rl', ...flags, '--out', out]);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(existsSync(join(out, 'metrics.jsonl'))).toBe(false);
});
