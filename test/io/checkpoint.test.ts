import { mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { CheckpointError, ConfigError } from '../../src/errors.ts';
import { loadCheckpoint, saveCheckpoint } from '../../src/io/checkpoint.ts';
import type { Folder } from '../../src/io/folder.ts';
import { openFolder as openBrowserFolder } from '../../src/io/folder_browser.ts';
import { openFolder as openNodeFolder } from '../../src/io/folder_node.ts';
import type { HostTensor } from '../../src/io/safetensors.ts';
import { installFakeOpfs } from './fake_opfs.ts';
import { temporaryFolder } from './temporary_folder.ts';

const config = { model: { layers: 2, width: 64 }, lr: 1e-3 };

const contentOf = (step: number) => ({
  step,
  tensors: new Map<string, HostTensor>([
    ['w', { dtype: 'f32', shape: [2, 3], data: new Float32Array(6).fill(step) }],
    ['m.w', { dtype: 'f16', shape: [4], data: new Uint16Array(4).fill(step) }],
    ['ids', { dtype: 'i32', shape: [1], data: Int32Array.of(-step) }],
  ]),
  state: { counter: step, position: [step, -0, 0.1 + 0.2], best: null, name: 'ä' },
  config,
});

const load = async (folder: Folder, options: Parameters<typeof loadCheckpoint>[1] = {}) => {
  const warnings: string[] = [];
  const loaded = await loadCheckpoint(folder, { ...options, onWarning: (w) => warnings.push(w) });
  return { loaded, warnings };
};

const expectWhole = (loaded: Awaited<ReturnType<typeof loadCheckpoint>>, step: number) => {
  expect(loaded).toMatchObject(contentOf(step));
};

let path: string;
let folder: Folder;
beforeEach(async () => {
  path = await temporaryFolder();
  folder = await openNodeFolder(path);
});

test('what is saved is loaded, bit for bit', async () => {
  expect(await loadCheckpoint(folder)).toBeNull();
  expect(await saveCheckpoint(folder, contentOf(120))).toBe('checkpoints/step-000120');
  const { loaded, warnings } = await load(folder, { config });
  expectWhole(loaded, 120);
  expect(loaded).toMatchObject({ path: 'checkpoints/step-000120', best: false });
  expect(Object.is((loaded!.state.position as number[])[1], -0)).toBe(true);
  expect(warnings).toEqual([]);
  expect(await folder.list('checkpoints')).toEqual(['step-000120']);
  expect(await folder.list('checkpoints/step-000120')).toEqual([
    'config.json',
    'manifest.json',
    'model.safetensors',
    'state.json',
  ]);
});

test('the last two and the best are kept', async () => {
  for (const step of [10, 20, 30, 40, 50])
    await saveCheckpoint(folder, contentOf(step), { best: step === 20 });
  expect(await folder.list('checkpoints')).toEqual(['step-000020', 'step-000040', 'step-000050']);
  expectWhole((await load(folder, { which: 'best' })).loaded, 20);
  expectWhole((await load(folder)).loaded, 50);
  await saveCheckpoint(folder, contentOf(60), { best: true });
  expect(await folder.list('checkpoints')).toEqual(['step-000050', 'step-000060']);
  await saveCheckpoint(folder, contentOf(70), { keep: 1 });
  expect(await folder.list('checkpoints')).toEqual(['step-000060', 'step-000070']);
});

test('without a best one, asking for it is an error that says so', async () => {
  await saveCheckpoint(folder, contentOf(1));
  await expect(load(folder, { which: 'best' })).rejects.toThrow(
    /no best checkpoint.*none of 1 was saved as the best/,
  );
});

test('a step that is saved again replaces the first only when it is whole', async () => {
  await saveCheckpoint(folder, contentOf(10));
  await saveCheckpoint(folder, { ...contentOf(10), state: { again: true } });
  expect((await load(folder)).loaded?.state).toEqual({ again: true });
  expect(await folder.list('checkpoints')).toEqual(['step-000010.2']);
});

test('a run that went back to an earlier step continues from its own checkpoints', async () => {
  for (const step of [10, 20, 30]) await saveCheckpoint(folder, contentOf(step));
  await saveCheckpoint(folder, contentOf(15));
  expectWhole((await load(folder)).loaded, 15);
  expect(await folder.list('checkpoints')).toEqual(['step-000015', 'step-000030']);
});

test('what a killed save left behind is removed by the next, and other files are not', async () => {
  await folder.write('checkpoints/step-000010.tmp/model.safetensors', new Uint8Array(100));
  await folder.write('checkpoints/mine.tmp/notes.txt', new Uint8Array(1));
  await folder.write('checkpoints/step-10/notes.txt', new Uint8Array(1));
  expect(await loadCheckpoint(folder)).toBeNull();
  await saveCheckpoint(folder, contentOf(20));
  expect(await folder.list('checkpoints')).toEqual(['mine.tmp', 'step-000020', 'step-10']);
});

describe('a damaged checkpoint is passed over for the next older, and its bad file named', () => {
  const files = ['model.safetensors', 'state.json', 'config.json', 'manifest.json'];
  const damages: Record<string, (file: string) => Promise<void>> = {
    missing: (file) => rm(file),
    empty: (file) => writeFile(file, ''),
    'one byte short': async (file) => truncate(file, (await stat(file)).size - 1),
    'one byte longer': async (file) =>
      writeFile(file, Buffer.concat([await readFile(file), Buffer.from('\n')])),
    'overwritten with zeros': async (file) =>
      writeFile(file, new Uint8Array((await stat(file)).size)),
    'a folder': async (file) => {
      await rm(file);
      await mkdir(file);
    },
  };
  const cases = files.flatMap((file) =>
    Object.keys(damages).map((damage) => [file, damage] as const),
  );

  test.each(cases)('%s %s', async (file, damage) => {
    await saveCheckpoint(folder, contentOf(10));
    await saveCheckpoint(folder, contentOf(20));
    await damages[damage]!(`${path}/checkpoints/step-000020/${file}`);
    const { loaded, warnings } = await load(folder);
    if (file === 'manifest.json' && damage === 'one byte longer') {
      expectWhole(loaded, 20); // white space after the manifest changes nothing
      return;
    }
    expectWhole(loaded, 10);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('step-000020');
    if (damage !== 'a folder') expect(warnings[0]).toContain(file);
    // The run goes on: the damaged step is saved again and is then the latest.
    await saveCheckpoint(folder, contentOf(20));
    expectWhole((await load(folder)).loaded, 20);
  });

  test('any changed byte of any file is seen', async () => {
    await saveCheckpoint(folder, contentOf(10));
    await saveCheckpoint(folder, contentOf(20));
    for (const file of files) {
      const name = `checkpoints/step-000020/${file}`;
      const bytes = await folder.read(name);
      for (let at = 0; at < bytes.length; at += 3) {
        const changed = bytes.slice();
        changed[at]! ^= 1 << (at % 8);
        await writeFile(`${path}/${name}`, changed);
        const { loaded, warnings } = await load(folder);
        expect([loaded?.step, warnings.length], `${file} byte ${at}`).toEqual([10, 1]);
      }
      await writeFile(`${path}/${name}`, bytes);
    }
    expectWhole((await load(folder)).loaded, 20);
  });

  test('with no other left, loading is an error that names each', async () => {
    await saveCheckpoint(folder, contentOf(10));
    await saveCheckpoint(folder, contentOf(20));
    await writeFile(`${path}/checkpoints/step-000010/state.json`, '{}');
    await writeFile(`${path}/checkpoints/step-000020/manifest.json`, '');
    const reason = /step-000020: manifest\.json.*step-000010: state\.json has 2 bytes/;
    await expect(load(folder)).rejects.toThrow(CheckpointError);
    await expect(load(folder)).rejects.toThrow(reason);
  });
});

test('a checkpoint of another configuration is refused with each difference and both values', async () => {
  await saveCheckpoint(folder, contentOf(10));
  const other = { lr: 0.01, model: { width: 64, layers: 4, heads: 2 } };
  const refused = load(folder, { config: other });
  await expect(refused).rejects.toThrow(CheckpointError);
  await expect(refused).rejects.toThrow(
    'lr is 0.001 in the checkpoint, 0.01 now; model.heads is absent in the checkpoint, 2 now; model.layers is 2 in the checkpoint, 4 now',
  );
  const reordered = { model: { width: 64, layers: 2 }, lr: 1e-3, unset: undefined };
  expectWhole((await load(folder, { config: reordered })).loaded, 10);
});

describe('what must not be saved is refused, and the older checkpoint stays', () => {
  beforeEach(async () => {
    await saveCheckpoint(folder, contentOf(10));
  });

  const bad: [string, HostTensor][] = [
    ['f32 NaN', { dtype: 'f32', shape: [3], data: Float32Array.of(1, 2, Number.NaN) }],
    [
      'f32 -Infinity',
      { dtype: 'f32', shape: [3], data: Float32Array.of(1, 2, Number.NEGATIVE_INFINITY) },
    ],
    ['f64 NaN', { dtype: 'f64', shape: [3], data: Float64Array.of(1, 2, Number.NaN) }],
    ['f16 Infinity', { dtype: 'f16', shape: [3], data: Uint16Array.of(0, 1, 0x7c00) }],
    ['bf16 NaN', { dtype: 'bf16', shape: [3], data: Uint16Array.of(0, 1, 0xffc0) }],
  ];
  test.each(bad)('a tensor with %s', async (_, tensor) => {
    const save = saveCheckpoint(folder, { ...contentOf(20), tensors: new Map([['v', tensor]]) });
    await expect(save).rejects.toThrow(CheckpointError);
    await expect(save).rejects.toThrow(
      /step 20 failed: tensor v holds NaN or infinity at element 2.*unchanged/,
    );
    expectWhole((await load(folder)).loaded, 10);
  });

  test('but the largest numbers, and the bits of NaN in an integer, are saved', async () => {
    const tensors = new Map<string, HostTensor>([
      ['f32', { dtype: 'f32', shape: [1], data: Float32Array.of(3.4028234663852886e38) }],
      ['f64', { dtype: 'f64', shape: [1], data: Float64Array.of(Number.MAX_VALUE) }],
      ['f16', { dtype: 'f16', shape: [1], data: Uint16Array.of(0x7bff) }],
      ['u32', { dtype: 'u32', shape: [1], data: Uint32Array.of(0x7fc00000) }],
    ]);
    await saveCheckpoint(folder, { ...contentOf(20), tensors });
    expect((await load(folder)).loaded?.tensors).toEqual(tensors);
  });

  test('state with NaN, which JSON would turn into null', async () => {
    const save = saveCheckpoint(folder, {
      ...contentOf(20),
      state: { bestLoss: Number.POSITIVE_INFINITY },
    });
    await expect(save).rejects.toThrow(/state\.bestLoss is Infinity/);
    expectWhole((await load(folder)).loaded, 10);
  });

  test('a step or a number to keep that is none', async () => {
    for (const step of [-1, 1.5, Number.NaN]) {
      await expect(saveCheckpoint(folder, { ...contentOf(1), step })).rejects.toThrow(ConfigError);
    }
    await expect(saveCheckpoint(folder, contentOf(1), { keep: 0 })).rejects.toThrow(ConfigError);
  });
});

test('a warning that nobody asked for goes to the console', async () => {
  await saveCheckpoint(folder, contentOf(10));
  await saveCheckpoint(folder, contentOf(20));
  await rm(`${path}/checkpoints/step-000020/state.json`);
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  expectWhole(await loadCheckpoint(folder), 10);
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
});

type Fault = 'before' | 'half' | 'after' | 'dead';

/** The folder with a fault at its `at`-th call; `dead` fails at every call from there on, as a crash would. */
function failing(
  folder: Folder,
  at: number,
  fault: Fault,
): { folder: Folder; calls: () => number } {
  let calls = 0;
  const error = () =>
    Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  const wrap =
    <A extends unknown[], R>(name: string, method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const call = calls++;
      if (call < at || (call > at && fault !== 'dead')) return method(...args);
      if (fault === 'half' && name === 'write') {
        const [path, bytes] = args as unknown as [string, Uint8Array];
        await folder.write(path, bytes.subarray(0, bytes.length / 2));
      }
      if (fault === 'after') await method(...args);
      throw error();
    };
  const wrapped = Object.entries(folder).map(([name, value]) => [
    name,
    typeof value === 'function' ? wrap(name, value) : value,
  ]);
  return { folder: Object.fromEntries(wrapped) as Folder, calls: () => calls };
}

const kinds: Record<string, () => Promise<Folder>> = {
  'on disk': async () => openNodeFolder(await temporaryFolder()),
  'in a browser': async () => {
    installFakeOpfs();
    return openBrowserFolder('run');
  },
};

describe.each(Object.entries(kinds))('a fault at any call of a save %s', (_, open) => {
  test.each<Fault>(['before', 'half', 'after', 'dead'])('%s', async (fault) => {
    let failures = 0;
    for (let at = 0; ; at++) {
      const good = await open();
      for (const step of [10, 20])
        await saveCheckpoint(good, contentOf(step), { best: step === 10 });
      const bad = failing(good, at, fault);
      const error = await saveCheckpoint(bad.folder, contentOf(30), { best: true }).then(
        () => null,
        (error: unknown) => error,
      );
      if (bad.calls() <= at) break; // the save makes fewer calls: every one has had its fault

      const { loaded } = await load(good);
      expectWhole(loaded, loaded?.step === 30 ? 30 : 20);
      const best = (await load(good, { which: 'best' })).loaded;
      expectWhole(best, loaded?.step === 30 ? 30 : 10);
      if (error) {
        failures++;
        expect(error).toBeInstanceOf(CheckpointError);
        const reason = (error as Error).message;
        expect(reason).toMatch(
          loaded?.step === 30 ? /step 30/ : /step 30 failed: ENOSPC.*before it are unchanged/,
        );
      } else {
        expect(loaded?.step).toBe(30);
      }

      await saveCheckpoint(good, contentOf(40));
      const { loaded: next, warnings } = await load(good);
      expectWhole(next, 40);
      expect(warnings).toEqual([]);
      expect((await good.list('checkpoints')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    }
    expect(failures).toBeGreaterThan(10);
  });
});
