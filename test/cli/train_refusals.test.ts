// What shadegrad train refuses, and how: wrong input, a wrong folder, damaged checkpoints.

import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { shadegrad } from './command.ts';
import { metricsOf, settings } from './tiny_run.ts';

/** A run of 20 steps, with checkpoints after 18 and 20. */
let finished: string;

beforeAll(async () => {
  finished = mkdtempSync(join(tmpdir(), 'shadegrad-'));
  await shadegrad(['train', '--json', '--out', finished, ...settings({ samples: 0 })]);
});

afterAll(() => rmSync(finished, { recursive: true }));

/** A copy of the finished run, to be damaged. */
async function copyOfRun(): Promise<string> {
  const folder = await temporaryFolder();
  cpSync(finished, folder, { recursive: true });
  return folder;
}

describe('a run that cannot go on: the message alone, and exit code 1', () => {
  /** Runs the command, and expects exactly this on stderr. */
  async function expectRefusal(
    args: readonly string[],
    message: string,
    cwd?: string,
  ): Promise<void> {
    const { code, stdout, stderr } = await shadegrad(['train', ...args], { ...(cwd && { cwd }) });
    expect(stderr).toBe(`${message}\n`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    if (cwd) expect(readdirSync(cwd)).not.toContain('runs'); // what fails at once leaves no folder
  }

  /** A folder with one file. */
  async function folderWith(name: string, content: string | Uint8Array): Promise<string> {
    const folder = await temporaryFolder();
    await writeFile(join(folder, name), content);
    return folder;
  }

  test('no data file', () =>
    expectRefusal(
      ['--data', 'nowhere.txt'],
      'DataError: cannot read the data file nowhere.txt: there is no such file',
    ));

  test('a folder as the data file', () =>
    expectRefusal(
      ['--data', 'src'],
      'DataError: cannot read the data file src: EISDIR: illegal operation on a directory, read',
    ));

  test('an empty file', async () =>
    expectRefusal(
      ['--data', 'empty.txt'],
      'DataError: empty.txt: the file is empty; expected text',
      await folderWith('empty.txt', ''),
    ));

  test('a file that is not UTF-8', async () =>
    expectRefusal(
      ['--data', 'latin1.txt'],
      'DataError: latin1.txt: not UTF-8: byte 0xe9 at offset 3 begins no character; convert the file to UTF-8',
      await folderWith('latin1.txt', Buffer.from('caf\u00e9s', 'latin1')),
    ));

  test('a file shorter than one context', async () =>
    expectRefusal(
      ['--data', 'short.txt', '--set', 'context=64'],
      'DataError: corpus: the text has 14 tokens, and one context of 64 needs 65 (its inputs and one more target); ' +
        'use a longer text or a shorter context',
      await folderWith('short.txt', 'Once upon a ti'),
    ));

  test('an unknown preset', () =>
    expectRefusal(
      ['--preset', 'shakespear-char'],
      'ConfigError: unknown preset "shakespear-char" (did you mean "shakespeare-char"?); ' +
        'there are stories-cpu, stories-gpu, shakespeare-char-cpu, shakespeare-bpe-cpu, shakespeare-char',
    ));

  test('an unknown setting', () =>
    expectRefusal(
      ['--set', 'learningrate=1'],
      'ConfigError: --set learningrate=1: unknown setting "learningrate" (did you mean "learningRate"?)',
    ));

  test('an unknown setting in a file', async () =>
    expectRefusal(
      ['--config', 'my.yaml'],
      'ConfigError: my.yaml:2: unknown setting "layrs" (did you mean "layers"?)',
      await folderWith('my.yaml', 'width: 32\nlayrs: 2\n'),
    ));

  test('bad values', async () => {
    await expectRefusal(
      ['--set', 'dropout=1.5'],
      'ConfigError: --set dropout=1.5: dropout is 1.5; expected a number from 0 to 0.9',
    );
    await expectRefusal(
      ['--steps', 'many'],
      'ConfigError: --set steps=many: steps is "many"; expected a number',
    );
    await expectRefusal(
      ['--set', 'width=30', '--set', 'heads=4'],
      'ConfigError: width 30 is no multiple of heads 4',
      await temporaryFolder(),
    );
  });

  test('an adapter that nothing matches', async () => {
    const { code, stderr } = await shadegrad(['train', '--adapter', 'voodoo']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DeviceError: adapter 'voodoo': .*give a part of such a name, .*\n$/);
  });

  test('an unknown option, an unknown command', async () => {
    await expectRefusal(
      ['--stepps', '5'],
      "error: unknown option '--stepps'\n(Did you mean --steps?)\n(shadegrad train --help lists the options)",
    );
    const { code, stderr } = await shadegrad(['trian']);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        "error: unknown command 'trian'\n(Did you mean train?)\n(shadegrad --help lists the commands)\n",
    });
  });

  test('a folder that cannot be written', async () => {
    const cwd = await folderWith('file', '');
    const { code, stderr } = await shadegrad(['train', '--out', 'file/run', ...settings()], {
      cwd,
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ENOTDIR: not a directory, .*\n$/);
  });

  test('--out that holds a run', async () => {
    const run = await copyOfRun();
    const before = await readFile(join(run, 'config.json'), 'utf8');
    await expectRefusal(
      ['--out', run, '--data', 'README.md'],
      `CheckpointError: ${run} holds a run already; continue it with --resume, or choose another --out`,
    );
    expect(await readFile(join(run, 'config.json'), 'utf8')).toBe(before);
    expect(await metricsOf(run)).toEqual(await metricsOf(finished));
  });

  test('--resume where there is nothing', async () => {
    await expectRefusal(
      ['--resume'],
      'ConfigError: there is no run in runs/ to resume; name one with --out',
      await temporaryFolder(),
    );
    const out = await temporaryFolder();
    await expectRefusal(
      ['--resume', '--out', out],
      `CheckpointError: ${out} holds no checkpoint to resume from; start without --resume`,
    );
  });

  test('--resume with other settings or another text', async () => {
    await expectRefusal(
      ['--resume', '--out', finished, '--set', 'width=32', '--steps', '30'],
      'CheckpointError: checkpoints/step-000020 is of another configuration: steps is 20 in the checkpoint, 30 now; ' +
        'width is 16 in the checkpoint, 32 now. Resume with its settings, or start a new run',
    );
    const cwd = await folderWith('other.txt', 'abc '.repeat(100));
    const { code, stderr } = await shadegrad(
      ['train', '--resume', '--out', finished, '--data', 'other.txt'],
      { cwd },
    );
    expect(code).toBe(1);
    expect(stderr).toContain(
      'data is "built-in stories" in the checkpoint, "other.txt" now; dataSha256 is ',
    );
  });

  test('a damaged config.json', async () => {
    const run = await copyOfRun();
    await writeFile(join(run, 'config.json'), '[]');
    await expectRefusal(
      ['--resume', '--out', run],
      `CheckpointError: ${run}/config.json is not a run's: it lacks settings`,
    );
  });

  test('no checkpoint that is whole', async () => {
    const run = await copyOfRun();
    const names = readdirSync(join(run, 'checkpoints'));
    for (const name of names)
      await truncate(join(run, 'checkpoints', name, 'model.safetensors'), 1000);
    const { code, stdout, stderr } = await shadegrad(['train', '--resume', '--out', run]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`CheckpointError: no latest checkpoint in ${run} can be loaded: `);
    for (const name of names)
      expect(stderr).toContain(`checkpoints/${name}: model.safetensors has 1000 bytes, expected `);
  });
});

test('a damaged newest checkpoint is passed over with a warning, and the older one leads to the same end', async () => {
  const run = await copyOfRun();
  const model = join(run, 'checkpoints/step-000020/model.safetensors');
  const bytes = await readFile(model);
  bytes[bytes.length - 50]! ^= 1;
  await writeFile(model, bytes);
  const { code, stderr } = await shadegrad(['train', '--json', '--resume', '--out', run]);
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /^a damaged checkpoint is passed over: checkpoints\/step-000020: model\.safetensors: .*\n$/,
  );
  expect(await metricsOf(run)).toEqual(await metricsOf(finished));
});
