// An experiment's folder: what it holds is not computed again, and what does not fit is refused.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openFolder } from '#folder';
import { positiveInteger } from '../../src/io/config.ts';
import { type CellProgress, type Experiment, runExperiment } from '../../src/io/experiment.ts';
import { Initialiser } from '../../src/nn/initialiser.ts';
import { Linear } from '../../src/nn/linear.ts';
import { Device } from '../../src/ops/device.ts';
import { temporaryFolder } from './temporary_folder.ts';

let device: Device;

beforeAll(async () => {
  device = await Device.open({ announce: null });
});
afterAll(() => device.destroy());

interface Squares {
  readonly weight: number;
  readonly squares: readonly number[];
}

/** A weight, drawn once, and its multiples squared; `computed` hears of each. */
function squares(computed: string[] = []): Experiment<{ numbers: number }, Squares> {
  return {
    defaults: { numbers: 3 },
    checks: { numbers: positiveInteger },
    count: ({ numbers }) => numbers + 1,
    async run(device, { numbers }, cells) {
      const base = await cells.weights('base', async () => {
        computed.push('base');
        return { module: new Linear(new Initialiser(device, 7), 1, 1), about: { seed: 7 } };
      });
      const weight = base.tensors.get('weight')!.data[0]!;
      const all: number[] = [];
      for (let i = 1; i <= numbers; i++) {
        const { square } = await cells.cell(
          `square-${i}`,
          async () => {
            computed.push(`${i}`);
            return { square: (i * weight) ** 2 };
          },
          ({ square }) => square.toFixed(4),
        );
        all.push(square);
      }
      return { weight, squares: all };
    },
    report: ({ squares }) => ({
      title: 'Squares',
      subtitle: `of ${squares.length} numbers`,
      summary: [['the last', squares.at(-1)!]],
      plots: [
        { title: 'n²', xLabel: 'n', yLabel: 'n²', series: [{ label: 'n²', x: [1], y: [1] }] },
      ],
      samples: [],
    }),
  };
}

const plotLibrary = { script: 'function uPlot() {}', style: '' };

test('a folder gets every cell, the weights, the result and the page', async () => {
  const path = await temporaryFolder();
  const seen: CellProgress[] = [];
  const outcome = await runExperiment(device, squares(), {
    folder: await openFolder(path),
    plotLibrary,
    onProgress: (progress) => seen.push(progress),
  });
  const { weight, squares: values } = outcome.result!;
  expect(values).toEqual([weight ** 2, (2 * weight) ** 2, (3 * weight) ** 2]);
  expect((await readdir(path)).sort()).toEqual([
    'cells',
    'config.json',
    'report.html',
    'results.json',
    'weights',
  ]);
  expect(JSON.parse(await readFile(join(path, 'results.json'), 'utf8'))).toEqual(outcome);
  const cell = JSON.parse(await readFile(join(path, 'cells/square-2.json'), 'utf8'));
  expect(cell).toMatchObject({ adapter: device.adapter.name, value: { square: values[1] } });
  expect(await readFile(join(path, 'report.html'), 'utf8')).toContain(device.adapter.name);
  expect(seen.map(({ name, done, total, kept }) => [name, done, total, kept])).toEqual([
    ['base', 1, 4, false],
    ['square-1', 2, 4, false],
    ['square-2', 3, 4, false],
    ['square-3', 4, 4, false],
  ]);
  expect(seen[3]!.line).toBe(values[2]!.toFixed(4));
});

test('an experiment that was stopped goes on with its next cell, and gives the same', async () => {
  const whole = await runExperiment(device, squares());
  const folder = await openFolder(await temporaryFolder());
  const stop = new AbortController();
  const before: string[] = [];
  const stopped = await runExperiment(device, squares(before), {
    folder,
    signal: stop.signal,
    onProgress: ({ done }) => done === 2 && stop.abort(),
  });
  expect(stopped.result).toBeNull();
  expect(before).toEqual(['base', '1']);

  const after: string[] = [];
  const resumed = await runExperiment(device, squares(after), { folder, resume: true });
  expect(after).toEqual(['2', '3']);
  expect(resumed.result).toEqual(whole.result);
});

test('a cell counts for as many as it costs', async () => {
  const uneven: Experiment<{ numbers: number }, Squares> = {
    ...squares(),
    count: () => 5,
    async run(_, __, cells) {
      await cells.cell('light', async () => ({}));
      await cells.cell('heavy', async () => ({}), undefined, 4);
      return { weight: 1, squares: [] };
    },
  };
  const done: number[] = [];
  await runExperiment(device, uneven, { onProgress: (progress) => done.push(progress.done) });
  expect(done).toEqual([1, 5]);
});

test('an error is no stop, and before the first cell it leaves the folder free for the next try', async () => {
  const failing = { ...squares(), run: () => Promise.reject(new RangeError('no such number')) };
  await expect(runExperiment(device, failing)).rejects.toThrow('no such number');
  const path = await temporaryFolder();
  const folder = await openFolder(path);
  await expect(runExperiment(device, failing, { folder })).rejects.toThrow('no such number');
  expect(await readdir(path)).toEqual([]);
  await runExperiment(device, squares(), { folder });
});

test('a folder that does not fit is refused, and stays as it is', async () => {
  const path = await temporaryFolder();
  const folder = await openFolder(path);
  const again = (settings = {}, resume = true) =>
    runExperiment(device, squares(), { folder, settings, resume });
  await expect(again()).rejects.toThrow('holds no run to resume; start without --resume');
  await again({}, false);
  await expect(again({}, false)).rejects.toThrow('holds a run already; continue it with --resume');
  await expect(again({ numbers: 4 })).rejects.toThrow('holds a run with another numbers');
  await expect(again({ numbers: 0 })).rejects.toThrow('numbers is 0; expected a whole number');

  const cell = join(path, 'cells/square-2.json');
  for (const damaged of ['[]', '{"adapter":"x"}', '{"value":3}']) {
    await writeFile(cell, damaged);
    await expect(again()).rejects.toThrow(
      'cells/square-2.json is not a cell of this run; remove it',
    );
  }
  await writeFile(cell, '{"value":');
  await expect(again()).rejects.toThrow('cells/square-2.json');
  expect(await readFile(cell, 'utf8')).toBe('{"value":');

  const weights = join(path, 'weights/base.safetensors');
  const { length } = await readFile(weights);
  await writeFile(weights, (await readFile(weights)).subarray(0, length - 1));
  await expect(again()).rejects.toThrow('weights/base.safetensors');
});

test('names of cells are names of files', async () => {
  const named = (name: string): Experiment<object, object> => ({
    ...squares(),
    defaults: {},
    checks: {},
    count: () => 1,
    run: (_, __, cells) => cells.cell(name, async () => ({})),
    report: () => ({ title: '', subtitle: '', summary: [], plots: [], samples: [] }),
  });
  const path = await temporaryFolder();
  await mkdir(path, { recursive: true });
  const folder = await openFolder(path);
  await expect(runExperiment(device, named('../up'), { folder })).rejects.toThrow(
    'cell "../up": expected a-z, 0-9, - and . only',
  );
});
