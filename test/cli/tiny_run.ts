// Settings of a run that takes seconds, as flags, and what it leaves behind.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const TINY = {
  layers: 1,
  heads: 2,
  width: 16,
  context: 16,
  batch: 2,
  evaluateEvery: 10,
  evaluationTokens: 64,
  checkpointEvery: 3,
  logEvery: 2,
  samples: 1,
  sampleCharacters: 8,
  corpusCharacters: 3000,
};

/** `--set` for each setting. */
export function settings(changes: object = {}): string[] {
  const all = { steps: 20, ...TINY, ...changes };
  return Object.entries(all).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
}

export interface Metric {
  readonly step: number;
  readonly loss: number;
  readonly validationLoss?: number;
}

/** metrics.jsonl without what differs from run to run: the speed, and where the rate was noted. */
export async function metricsOf(folder: string): Promise<Metric[]> {
  const text = await readFile(join(folder, 'metrics.jsonl'), 'utf8');
  return jsonLines(text).map(({ step, loss, validationLoss }) => ({ step, loss, validationLoss }));
}

/** One object a line, and nothing else. */
// biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it
export function jsonLines(text: string): any[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
