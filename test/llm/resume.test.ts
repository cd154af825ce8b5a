// The promise that a resumed run is the straight one: losses, evaluations, samples and parameters, bit for bit.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFolder } from '../../src/io/folder_node.ts';
import { readMetrics } from '../../src/io/metrics.ts';
import { readSavedRun } from '../../src/llm/run.ts';
import { Device } from '../../src/ops/device.ts';
import { temporaryFolder } from '../io/temporary_folder.ts';
import { beforeWrites, TINY, type Trace, trainTraced, trainUntil } from './tiny.ts';

let device: Device;
let straight: Trace;

beforeAll(async () => {
  device = await Device.open({ announce: null });
  straight = (await trainTraced(device)).trace;
});
afterAll(() => device.destroy());

describe('the same seed', () => {
  test('gives the same run, bit for bit, whether or not it is saved', async () => {
    const folder = await openFolder(await temporaryFolder());
    expect((await trainTraced(device, { folder })).trace).toEqual(straight);
    expect(straight.losses).toHaveLength(TINY.steps!);
  });

  test('gives the same run without dropout', async () => {
    const settings = { dropout: 0 };
    const first = await trainTraced(device, { settings });
    expect((await trainTraced(device, { settings })).trace).toEqual(first.trace);
    expect(first.trace.losses).not.toEqual(straight.losses);
  });

  test('another seed gives another run', async () => {
    const { trace } = await trainTraced(device, { settings: { seed: 7 } });
    expect(trace.losses.filter((loss, i) => loss === straight.losses[i])).toEqual([]);
  });
});

describe('stopped and resumed', () => {
  // 7 and 28 are checkpoints, 22 an evaluation, the others neither.
  test.each([[[0]], [[1]], [[7]], [[13]], [[5, 6, 22, 28]]])('after %o', async (stops) => {
    const folder = await openFolder(await temporaryFolder());
    const losses: number[] = [];
    for (const [i, step] of stops.entries()) {
      const { trace, result } = await trainUntil(device, step, { folder, resume: i > 0 });
      expect(result).toMatchObject({ stopped: true, steps: step, samples: [] });
      losses.push(...trace.losses);
    }
    let resumedAfter = -1;
    const onStart = (_: unknown, step: number) => (resumedAfter = step);
    const { trace } = await trainTraced(device, { folder, resume: true, onStart });
    expect(resumedAfter).toBe(stops.at(-1));
    expect({ ...trace, losses: [...losses, ...trace.losses] }).toEqual(straight);

    const metrics = await readMetrics(folder);
    expect(metrics.map(({ step }) => step)).toEqual(straight.losses.map((_, i) => i + 1));
    expect(metrics.map(({ loss }) => loss)).toEqual(straight.losses);
    const evaluated = metrics.filter(({ validationLoss }) => validationLoss !== undefined);
    expect(evaluated.map(({ step, validationLoss }) => ({ step, loss: validationLoss }))).toEqual(
      straight.evaluations,
    );
  });

  test('a resumed run takes the kernels that it began with, whatever was measured meanwhile', async () => {
    const folder = await openFolder(await temporaryFolder());
    const first = await Device.open({ announce: null, tuning: 'shipped' });
    first.gpu.choices.pin({ matmul: { '*': 'rows' } });
    await trainUntil(first, 13, { folder });
    first.destroy();

    const second = await Device.open({ announce: null, tuning: 'shipped' });
    const measured = Object.keys(first.gpu.choices.used.matmul!).map((c) => [c, 'broadcast']);
    second.gpu.choices.setMeasured({ matmul: Object.fromEntries(measured) });
    await trainTraced(second, { folder, resume: true });
    second.destroy();
    for (const shapeClass of Object.keys(first.gpu.choices.used.matmul!)) {
      expect(second.gpu.choices.used.matmul![shapeClass]).toBe('rows');
    }
    const config = JSON.parse(new TextDecoder().decode(await folder.read('config.json')));
    expect(config.kernels).toMatchObject({
      ...first.gpu.choices.rules,
      used: second.gpu.choices.used,
    });
  });

  test('a run that is done, resumed, trains no more and ends the same', async () => {
    const folder = await openFolder(await temporaryFolder());
    await trainTraced(device, { folder });
    const { trace } = await trainTraced(device, { folder, resume: true });
    expect(trace).toEqual({ ...straight, losses: [] });
  });

  test('slow steps have checkpoints by the clock, and the losses are the same', async () => {
    const folder = await openFolder(await temporaryFolder());
    let time = 0;
    const saves: string[] = [];
    const { trace } = await trainTraced(device, {
      folder: beforeWrites(folder, (path) => path.endsWith('manifest.json') && saves.push(path)),
      settings: { checkpointEvery: 1000, checkpointSeconds: 10, evaluateEvery: 1000 },
      clock: () => (time += 1000),
    });
    expect(trace.losses).toEqual(straight.losses);
    expect(saves.length).toBeGreaterThan(3);
    const again = await trainTraced(device, {
      folder,
      resume: true,
      settings: { evaluateEvery: 1000 },
    });
    expect(again.result.steps).toBe(TINY.steps);
  });

  test("a text that lies in the run's own folder is told with its name", async () => {
    const folder = await openFolder(await temporaryFolder());
    const content = 'abc def\n'.repeat(60);
    await trainTraced(device, { folder, text: { name: 'my book', content, file: 'text.txt' } });
    const saved = await readSavedRun(folder);
    expect(saved!.texts).toEqual([{ name: 'my book', file: 'text.txt' }]);
    expect(saved!.settings).toMatchObject({ steps: TINY.steps, width: TINY.width });
  });

  test('a full disk while saving: the error says so, and the checkpoint before it resumes', async () => {
    const folder = await openFolder(await temporaryFolder());
    const full = beforeWrites(folder, (path) => {
      if (!path.includes('step-000014')) return;
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    });
    const before = device.memory().bytesInUse;
    await expect(trainTraced(device, { folder: full })).rejects.toMatchObject({
      name: 'CheckpointError',
      message:
        'saving the checkpoint of step 14 failed: ENOSPC: no space left on device, write; ' +
        'the checkpoints saved before it are unchanged',
    });
    expect(device.memory().bytesInUse).toBe(before); // the model that nobody got is freed
    const { trace } = await trainTraced(device, { folder, resume: true });
    expect(trace).toEqual({ ...straight, losses: straight.losses.slice(11) });
  });

  test('a run that was killed before its first checkpoint can be started again in its folder', async () => {
    const folder = await openFolder(await temporaryFolder());
    await folder.append('metrics.jsonl', '{"step":1,"loss":9}\n{"step":2,"lo');
    await folder.write('checkpoints/step-000007.tmp/model.safetensors', new Uint8Array(3));
    expect((await trainTraced(device, { folder })).trace).toEqual(straight);
    expect((await readMetrics(folder)).map(({ loss }) => loss)).toEqual(straight.losses);
  });
});
