// shadegrad rl with an exact method, and what `rl play` refuses, as a user runs them.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { shadegrad } from './command.ts';

test('A6 --algo value-iteration --json prints V* and the policy', async () => {
  const args = ['--algo', 'value-iteration', '--env', 'FrozenLake-v1', '--set', 'gamma=0.99'];
  const { code, stdout } = await shadegrad(['rl', ...args, '--json']);
  expect(code).toBe(0);
  const { values, policy, evalReturn, gamma } = JSON.parse(stdout);
  expect(gamma).toBe(0.99);
  expect(Math.abs(values[0] - 0.542026)).toBeLessThan(1e-6);
  expect(Math.abs(evalReturn - 0.740165)).toBeLessThan(1e-6);
  expect(policy.length).toBe(16);
});

test('A6 an option of training is refused', async () => {
  const { code, stderr } = await shadegrad(['rl', '--algo', 'value-iteration', '--steps', '9']);
  expect(code).toBe(1);
  expect(stderr).toContain('ConfigError: --steps is for training; value-iteration takes');
});

test('rl play names a folder that holds no run', async () => {
  const missing = join(await temporaryFolder(), 'none');
  const { code, stderr } = await shadegrad(['rl', 'play', missing]);
  expect(code).toBe(1);
  expect(stderr).toContain('none holds no run of an agent; shadegrad rl makes one');
});
