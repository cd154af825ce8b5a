// A fault at every single system call of a save: open, write, fsync, close, rename, mkdir, rm, readdir, stat, read.

import { cp, type FileHandle } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { CheckpointError } from '../../src/errors.ts';
import { loadCheckpoint, saveCheckpoint } from '../../src/io/checkpoint.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import { MetricsLog, readMetrics } from '../../src/io/metrics.ts';
import { growingContent } from './growing_content.ts';
import { temporaryFolder } from './temporary_folder.ts';

// `at` is the call that fails; with `dead`, all later ones fail too, as on a disk that is gone.
const plan = vi.hoisted(() => ({
  calls: [] as string[],
  at: Number.POSITIVE_INFINITY,
  dead: false,
  code: 'EIO',
  bytesPerWrite: Number.POSITIVE_INFINITY,
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const step = (name: string) => {
    const call = plan.calls.push(name) - 1;
    if (call === plan.at || (plan.dead && call > plan.at)) {
      throw Object.assign(new Error(`${plan.code}: ${name}`), { code: plan.code });
    }
  };
  const guarded =
    <A extends unknown[], R>(name: string, method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      step(name);
      return method(...args);
    };
  const guardedHandle = (file: FileHandle) => ({
    stat: guarded('fstat', () => file.stat()),
    read: guarded('read', (...args: Parameters<typeof file.read>) => file.read(...args)),
    sync: guarded('fsync', () => file.sync()),
    truncate: guarded('ftruncate', (size: number) => file.truncate(size)),
    async write(bytes: Uint8Array, offset: number, length: number) {
      const short = Math.min(length, plan.bytesPerWrite);
      try {
        step('write');
      } catch (error) {
        await file.write(bytes, offset, Math.floor(length / 2)); // a full disk takes a part
        throw error;
      }
      return file.write(bytes, offset, short);
    },
    async close() {
      await file.close(); // the descriptor is gone even where close reports an error
      step('close');
    },
  });
  return {
    ...real,
    open: async (...args: Parameters<typeof real.open>) => {
      step('open');
      return guardedHandle(await real.open(...args));
    },
    mkdir: guarded('mkdir', real.mkdir),
    readdir: guarded('readdir', real.readdir),
    rename: guarded('rename', real.rename),
    rm: guarded('rm', real.rm),
    stat: guarded('stat', real.stat),
  };
});

/** Runs `fn` with a fault at its call `at`; tells what it threw and which calls it made. */
async function withFault(at: number, dead: boolean, code: string, fn: () => Promise<unknown>) {
  Object.assign(plan, { calls: [], at, dead, code });
  const error: unknown = await fn().then(
    () => null,
    (error: unknown) => error,
  );
  const calls = plan.calls;
  Object.assign(plan, { calls: [], at: Number.POSITIVE_INFINITY });
  return { error, calls };
}

test.each([
  ['EIO', false],
  ['ENOSPC', true],
])(
  'a save with %s at any system call (and all later ones: %s) leaves a whole checkpoint',
  async (code, dead) => {
    const before = await temporaryFolder();
    for (const step of [1, 2]) await saveCheckpoint(await openFolder(before), growingContent(step));
    let failures = 0;
    for (let at = 0; ; at++) {
      const path = await temporaryFolder();
      await cp(before, path, { recursive: true });
      const folder = await openFolder(path);
      const { error, calls } = await withFault(at, dead, code, () =>
        saveCheckpoint(folder, growingContent(3)),
      );
      if (calls.length <= at) {
        expect(error).toBeNull();
        for (const name of ['write', 'fsync', 'rename', 'close', 'mkdir', 'rm'])
          expect(calls).toContain(name);
        break;
      }
      const warnings: string[] = [];
      const loaded = await loadCheckpoint(folder, {
        onWarning: (warning) => warnings.push(warning),
      });
      expect(warnings, `${calls[at]} at ${at}`).toEqual([]);
      expect(loaded).toMatchObject(growingContent(loaded?.step === 3 ? 3 : 2));
      if (error) {
        failures++;
        expect(error).toBeInstanceOf(CheckpointError);
        expect((error as Error).message).toMatch(new RegExp(`step 3 .*${code}`));
      } else {
        expect(loaded?.step).toBe(3);
      }
      for (const name of await folder.list('checkpoints')) {
        const files = await folder.list(`checkpoints/${name}`);
        if (!name.endsWith('.tmp')) expect(files, `${name}, ${calls[at]} at ${at}`).toHaveLength(4);
      }
      await saveCheckpoint(folder, growingContent(4));
      expect((await loadCheckpoint(folder))?.step).toBe(4);
      expect((await folder.list('checkpoints')).filter((name) => name.endsWith('.tmp'))).toEqual(
        [],
      );
    }
    expect(failures).toBeGreaterThan(40);
  },
);

test('every file is synced before its rename, and the folder after it', async () => {
  const folder = await openFolder(await temporaryFolder());
  await saveCheckpoint(folder, growingContent(1));
  const { calls } = await withFault(Number.POSITIVE_INFINITY, false, '', () =>
    saveCheckpoint(folder, growingContent(2)),
  );
  const changes = calls.filter((name) => ['write', 'fsync', 'rename'].includes(name)).join(' ');
  const file = 'write fsync rename fsync';
  // The folder step-000002.tmp is new: its name is synced first. The last rename is that folder's own.
  expect(changes).toBe(`fsync ${file} ${file} ${file} ${file} rename fsync`);
});

test('a file that is replaced holds the old bytes or the new ones, whatever system call fails', async () => {
  for (let at = 0; ; at++) {
    const folder = await openFolder(await temporaryFolder());
    const [before, after] = [new Uint8Array(100).fill(1), new Uint8Array(200).fill(2)];
    await folder.write('a/file', before);
    const { error, calls } = await withFault(at, false, 'EIO', () => folder.write('a/file', after));
    if (calls.length <= at) break;
    const held = await folder.read('a/file');
    expect(held, `${calls[at]} at ${at}`).toEqual(held.length === 100 ? before : after);
    expect(error).toMatchObject({ code: 'EIO' });
    expect(await folder.list('a')).toEqual(['file']);
  }
});

test('writes that the system takes only in part are continued', async () => {
  plan.bytesPerWrite = 1000;
  const folder = await openFolder(await temporaryFolder());
  await saveCheckpoint(folder, growingContent(2));
  plan.bytesPerWrite = Number.POSITIVE_INFINITY;
  expect(await loadCheckpoint(folder)).toMatchObject(growingContent(2));
});

test('metrics with a fault at any system call: each record once, in order, after the next flush', async () => {
  for (let at = 0; ; at++) {
    const folder = await openFolder(await temporaryFolder());
    const log = new MetricsLog(folder);
    await log.append({ step: 1 });
    await log.flush();
    await log.append({ step: 2 });
    const { error, calls } = await withFault(at, false, 'ENOSPC', () => log.flush());
    if (calls.length <= at) break;
    await log.append({ step: 3 });
    await log.flush();
    const steps = (await readMetrics(folder)).map(({ step }) => step);
    expect(steps, `${calls[at]} at ${at}`).toEqual([1, 2, 3]);
    if (['open', 'write', 'fsync'].includes(calls[at]!)) expect(error).not.toBeNull();
  }
});
