// metrics.jsonl: one JSON object a line, in the order of the run's steps.

import { DataError } from '../errors.ts';
import type { Folder } from './folder.ts';
import { decodeUtf8, formatJson, parseJson } from './json.ts';

export type MetricValue = number | string | boolean | null;
export type MetricRecord = Record<string, MetricValue>;

const FILE = 'metrics.jsonl';
const NEWLINE = 0x0a;
const DEFAULT_BUFFERED_LINES = 32; // each flush syncs the disk, which costs milliseconds

/** The writer of a run's metrics. `await flush()` before each checkpoint and at the end. */
export class MetricsLog {
  private lines: string[] = [];
  private repaired = false;

  constructor(
    private readonly folder: Folder,
    private readonly options: { bufferedLines?: number } = {},
  ) {}

  /**
   * Adds a record. NaN and infinities, which JSON lacks, are written as null: a loss that diverged belongs in the log,
   * and is no reason to stop a run.
   */
  async append(record: MetricRecord): Promise<void> {
    const finite = Object.entries(record).map(([key, value]) => [key, finiteOrNull(value)]);
    this.lines.push(`${formatJson(Object.fromEntries(finite), 'metrics')}\n`);
    const { bufferedLines = DEFAULT_BUFFERED_LINES } = this.options;
    if (this.lines.length >= bufferedLines) await this.flush();
  }

  /** Writes what is buffered. After a failure, e.g. a full disk, it stays buffered for the next flush. */
  async flush(): Promise<void> {
    if (this.lines.length === 0) return;
    const lines = this.lines;
    this.lines = []; // what is appended during the write waits for the next one
    try {
      if (!this.repaired) await dropCutLine(this.folder);
      this.repaired = true;
      await this.folder.append(FILE, lines.join(''));
    } catch (error) {
      this.lines = [...lines, ...this.lines];
      throw error;
    }
  }
}

/**
 * The records of a run; none where it has no metrics. A last line without its end, as a kill leaves it, is left out.
 * @throws DataError, with the line's number, for any other line that is not a record
 */
export async function readMetrics(folder: Folder): Promise<MetricRecord[]> {
  const { text } = await readWholeLines(folder);
  return [...linesOf(text)].map(({ record }) => record);
}

/**
 * Drops everything from the first record of a step after `step`, so that a run resumed from its checkpoint of `step`
 * continues the log as if it had not been stopped.
 */
export async function truncateMetrics(folder: Folder, step: number): Promise<void> {
  const { text, cut } = await readWholeLines(folder);
  let end = text.length;
  for (const { record, start } of linesOf(text)) {
    if (typeof record.step !== 'number' || record.step <= step) continue;
    end = start;
    break;
  }
  if (cut || end < text.length)
    await folder.write(FILE, new TextEncoder().encode(text.slice(0, end)));
}

async function dropCutLine(folder: Folder): Promise<void> {
  const { text, cut } = await readWholeLines(folder);
  if (cut) await folder.write(FILE, new TextEncoder().encode(text));
}

/** The text up to its last newline; `cut` where there was more. The cut is by bytes: it may split a character. */
async function readWholeLines(folder: Folder): Promise<{ text: string; cut: boolean }> {
  if (!(await folder.exists(FILE))) return { text: '', cut: false };
  const bytes = await folder.read(FILE);
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  return { text: decodeUtf8(bytes.subarray(0, end), FILE), cut: end < bytes.length };
}

function* linesOf(text: string): Generator<{ record: MetricRecord; start: number }> {
  let start = 0;
  for (let number = 1; start < text.length; number++) {
    const end = text.indexOf('\n', start);
    yield { record: parseRecord(text.slice(start, end), `${FILE} line ${number}`), start };
    start = end + 1;
  }
}

function parseRecord(line: string, what: string): MetricRecord {
  const parsed = parseJson(line, { what, maxDepth: 1 });
  if (!(parsed instanceof Map)) throw new DataError(`${what}: not a record {…}`);
  const entries = [...parsed].map(([key, value]): [string, MetricValue] => {
    if (typeof value === 'object' && value !== null) {
      throw new DataError(`${what}: ${key} is not a single value`);
    }
    return [key, value];
  });
  return Object.fromEntries(entries);
}

function finiteOrNull(value: MetricValue): MetricValue {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}

/** The records that have the metric, against their step. */
export function columnOf(
  metrics: readonly MetricRecord[],
  key: string,
): { readonly x: number[]; readonly y: number[] } {
  const having = metrics.filter((record) => typeof record[key] === 'number');
  return {
    x: having.map((record) => record.step as number),
    y: having.map((record) => record[key] as number),
  };
}
