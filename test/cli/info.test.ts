// shadegrad info, and what the command says about itself.

import { expect, test } from 'vitest';
import { shadegrad } from './command.ts';

test('info shows the adapter, its features and limits', async () => {
  const { code, stdout, stderr } = await shadegrad(['info']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const name of ['adapter', 'driver', 'kind', 'shader-f16', 'subgroups', 'maxBufferSize'])
    expect(stdout).toMatch(new RegExp(`^${name} +\\S`, 'm'));
});

test('info --json prints the same as one object', async () => {
  const { code, stdout, stderr } = await shadegrad(['info', '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { adapter, features, limits, missing } = JSON.parse(stdout);
  expect(adapter).toMatchObject({ name: expect.any(String), software: expect.any(Boolean) });
  expect(features).toBeInstanceOf(Array);
  expect(missing).toBeInstanceOf(Array);
  expect(limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
  expect(stdout.trimEnd()).not.toContain('\n');
});

test('info of an adapter that is not there fails with what there is', async () => {
  const { code, stdout, stderr } = await shadegrad(['info', '--adapter', 'voodoo']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^DeviceError: adapter 'voodoo': /);
});

test('--help lists the commands, train --help its options, --help-settings each setting with its default', async () => {
  const [program, train, help] = await Promise.all(
    [['--help'], ['train', '--help'], ['train', '--help-settings']].map((args) => shadegrad(args)),
  );
  for (const command of ['train', 'info', 'demos'])
    expect(program!.stdout).toMatch(new RegExp(`^ +${command}`, 'm'));
  const options = 'data preset steps seed out resume config set adapter json help-settings'.split(
    ' ',
  );
  for (const option of options) expect(train!.stdout).toMatch(new RegExp(`^ +--${option}\\b`, 'm'));
  expect(train!.stdout).toContain('shadegrad train --resume');
  expect(help!.stdout).toMatch(/^learningRate +0\.001 +\S/m);
  expect([program, train, help].map((each) => each!.code)).toEqual([0, 0, 0]);
});
