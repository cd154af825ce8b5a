// Where runs live when no --out says so: runs/train-1, runs/train-2, …

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';

const ROOT = 'runs';

async function numbered(): Promise<{ name: string; number: number }[]> {
  const names = await readdir(ROOT).catch(() => []);
  const matches = names.map((name) => ({
    name,
    number: Number(/^[a-z-]+-(\d+)$/.exec(name)?.[1]),
  }));
  return matches
    .filter(({ number }) => Number.isInteger(number))
    .sort((a, b) => a.number - b.number);
}

/** The next free folder for a run of `kind`. */
export async function nextRunFolder(kind: string): Promise<string> {
  const last = (await numbered()).at(-1)?.number ?? 0;
  return join(ROOT, `${kind}-${last + 1}`);
}

/** The run of `kind` that was begun last. @throws ConfigError when there is none. */
export async function newestRunFolder(kind: string): Promise<string> {
  const newest = (await numbered()).findLast(({ name, number }) => name === `${kind}-${number}`);
  if (!newest) throw new ConfigError('there is no run in runs/ to resume; name one with --out');
  return join(ROOT, newest.name);
}
