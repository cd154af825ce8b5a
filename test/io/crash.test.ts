// What no test of one process can show: kill -9 while a checkpoint is written, and a disk that is really full.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Checkpoint, loadCheckpoint } from '../../src/io/checkpoint.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import { growingContent } from './growing_content.ts';
import { temporaryFolder } from './temporary_folder.ts';

let program: string;
beforeAll(async () => {
  const result = await build({
    entryPoints: [new URL('save_until_stopped.ts', import.meta.url).pathname],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
  });
  program = result.outputFiles[0]!.text;
});

const nodeArguments = (folder: string) => [
  '--input-type=module',
  '--eval',
  program,
  '--',
  'save',
  folder,
];

/** Kills, and how many of them must have come within a save. */
const [KILLS, WITHIN_SAVES, MOST_KILLS] = [20, 6, 200];

test('20 times kill -9 while saving: the latest checkpoint is whole, and no older than the last save that returned', async () => {
  const path = await temporaryFolder();
  const folder = await openFolder(path);
  let seed = 20;
  const milliseconds = () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % 250;
  let killedWithinSave = 0;
  for (let kill = 0; kill < KILLS || killedWithinSave < WITHIN_SAVES; kill++) {
    expect(kill).toBeLessThan(MOST_KILLS);
    const child = spawn(process.execPath, nodeArguments(path), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = collect(child);
    await output.first;
    await delay(milliseconds());
    child.kill('SIGKILL');
    await output.closed;
    if (readdirSync(`${path}/checkpoints`).some((name) => name.endsWith('.tmp')))
      killedWithinSave++;

    const lastSaved = Number(output.text().match(/saved (\d+)\n(?!.*saved)/s)?.[1] ?? 0);
    const warnings: string[] = [];
    const loaded = await loadCheckpoint(folder, { onWarning: (warning) => warnings.push(warning) });
    expect(warnings).toEqual([]);
    expect(loaded?.step ?? 0).toBeGreaterThanOrEqual(lastSaved);
    if (loaded) expectContentOfItsStep(loaded);
  }
  expect((await loadCheckpoint(folder))?.step).toBeGreaterThan(KILLS);
});

describe('a full disk: the save fails with an error that says so, and the older checkpoints can be loaded', () => {
  const node = (folder: string) => [process.execPath, ...nodeArguments(folder)];

  const expectOlderSurvive = (output: string, reason: string) => {
    const failed = Number(
      output.match(/failed (\d+) CheckpointError: saving the checkpoint of step/)?.[1],
    );
    expect(output).toContain(reason);
    expect(output).toContain('the checkpoints saved before it are unchanged');
    expect(failed).toBeGreaterThan(3);
    const name = (step: number) => `step-${String(step).padStart(6, '0')}`;
    expect(output).toContain(`loaded ${failed - 1} of ${name(failed - 2)},${name(failed - 1)}\n`);
  };

  const limits = process.platform !== 'win32';
  if (!limits) console.warn('crash: no ulimit on Windows, the limit of file sizes is not tried');
  test.runIf(limits)("at the system's limit of file sizes (EFBIG)", async () => {
    const path = await temporaryFolder();
    const run = spawnSync('sh', ['-c', 'ulimit -f 200; exec "$@"', 'sh', ...node(path)], {
      encoding: 'utf8',
    });
    expectOlderSurvive(run.stdout, 'EFBIG');
  });

  const inOwnMounts = (command: string, ...rest: string[]) =>
    spawnSync('unshare', ['-rm', 'sh', '-c', command, 'sh', ...rest], { encoding: 'utf8' });
  const mounts = inOwnMounts('mount -t tmpfs -o size=1m none /mnt').status === 0;
  if (!mounts)
    console.warn(
      'crash: no small file system can be mounted here, ENOSPC of a real disk is not tried',
    );
  test.runIf(mounts)('on a file system of 1 MB (ENOSPC)', async () => {
    const path = await temporaryFolder();
    const mounted = 'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"';
    const run = inOwnMounts(mounted, path, ...node(path));
    expectOlderSurvive(run.stdout, 'ENOSPC');
  });
});

function expectContentOfItsStep({ step, tensors, state }: Checkpoint): void {
  const written = growingContent(step);
  expect(state).toEqual(written.state);
  expect([...tensors.keys()].sort()).toEqual([...written.tensors.keys()].sort());
  for (const [name, { data }] of written.tensors) {
    expect(Buffer.compare(bytesOf(tensors.get(name)!.data), bytesOf(data)), name).toBe(0);
  }
}

function bytesOf(data: ArrayBufferView): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** The output of a child: its first line, its end, and all of it. */
function collect(child: ChildProcess): {
  first: Promise<void>;
  closed: Promise<void>;
  text: () => string;
} {
  let text = '';
  const first = new Promise<void>((resolve) => {
    child.stdout!.on('data', (chunk) => {
      text += chunk;
      resolve();
    });
  });
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return { first, closed, text: () => text };
}
