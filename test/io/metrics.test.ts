import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { DataError } from '../../src/errors.ts';
import { openFolder } from '../../src/io/folder_node.ts';
import { MetricsLog, readMetrics, truncateMetrics } from '../../src/io/metrics.ts';
import { temporaryFolder } from './temporary_folder.ts';

async function metricsOf(steps: number) {
  const path = await temporaryFolder();
  const folder = await openFolder(path);
  const log = new MetricsLog(folder);
  for (let step = 1; step <= steps; step++) await log.append({ step, loss: 1 / step });
  await log.flush();
  return { folder, file: `${path}/metrics.jsonl` };
}

test('records come back exactly; NaN and infinities as null', async () => {
  const folder = await openFolder(await temporaryFolder());
  expect(await readMetrics(folder)).toEqual([]);
  const log = new MetricsLog(folder);
  const record = { step: 1, loss: 0.1 + 0.2, zero: -0, note: 'ä\n"', done: false, none: null };
  await log.append(record);
  await log.append({ step: 2, loss: Number.NaN, norm: Number.POSITIVE_INFINITY });
  expect(await readMetrics(folder)).toEqual([]); // buffered
  await log.flush();
  expect(await readMetrics(folder)).toEqual([record, { step: 2, loss: null, norm: null }]);
});

test('a full buffer is written by itself, one object a line', async () => {
  const path = await temporaryFolder();
  const log = new MetricsLog(await openFolder(path), { bufferedLines: 2 });
  for (let step = 0; step < 5; step++) await log.append({ step });
  expect(await readFile(`${path}/metrics.jsonl`, 'utf8')).toBe(
    '{"step":0}\n{"step":1}\n{"step":2}\n{"step":3}\n',
  );
});

test('a last line that a kill has cut is left out, wherever it was cut', async () => {
  const { folder, file } = await metricsOf(3);
  const whole = await readFile(file);
  const line = Buffer.from('{"step":4,"note":"ä€😀"}\n');
  for (let bytes = 0; bytes < line.length; bytes++) {
    await writeFile(file, Buffer.concat([whole, line.subarray(0, bytes)]));
    expect((await readMetrics(folder)).length).toBe(3);
  }
  const log = new MetricsLog(folder);
  await log.append({ step: 4 });
  await log.flush();
  expect((await readMetrics(folder)).map(({ step }) => step)).toEqual([1, 2, 3, 4]);
});

test('a resumed run drops what came after its checkpoint, also records without a step', async () => {
  const { folder, file } = await metricsOf(10);
  const log = new MetricsLog(folder);
  await log.append({ event: 'evaluated' });
  await log.flush();
  await appendFile(file, '{"step":11,"lo');
  await truncateMetrics(folder, 20);
  expect((await readMetrics(folder)).at(-1)).toEqual({ event: 'evaluated' });
  await truncateMetrics(folder, 4);
  expect((await readMetrics(folder)).map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  await truncateMetrics(folder, 0);
  expect(await readMetrics(folder)).toEqual([]);
});

test('a damaged line inside the log is an error with its number', async () => {
  const { folder, file } = await metricsOf(3);
  for (const line of ['{"step":', '[1]', '{"step":[1]}', '', '{"step":1,"step":2}']) {
    await writeFile(file, `{"step":1}\n${line}\n{"step":3}\n`);
    await expect(readMetrics(folder), line).rejects.toThrow(DataError);
    await expect(readMetrics(folder), line).rejects.toThrow(/metrics\.jsonl line 2/);
  }
});

test('records that could not be written stay in the buffer', async () => {
  const folder = await openFolder(await temporaryFolder());
  let full = true;
  const append = async (path: string, text: string) => {
    if (full) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    await folder.append(path, text);
  };
  const log = new MetricsLog({ ...folder, append }, { bufferedLines: 2 });
  await log.append({ step: 1 });
  await expect(log.append({ step: 2 })).rejects.toThrow(/ENOSPC/);
  full = false;
  await log.append({ step: 3 });
  expect((await readMetrics(folder)).map(({ step }) => step)).toEqual([1, 2, 3]);
});
