// Runs: where they live when no --out says so (runs/train-1, runs/train-2, …), and what every command that makes one can be told.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';
import { commandLine } from './command_line.ts';

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

export interface RunFlags {
  readonly out?: string;
  readonly resume?: boolean;
  readonly config?: string;
  readonly set?: string[];
  readonly adapter: string;
  readonly json?: boolean;
}

/** Adds the options of a command that fills a run's folder. */
export function addRunOptions(command: Command): Command {
  return command
    .option('--out <folder>', `run folder (default: the next free runs/${command.name()}-N)`)
    .option('--resume', 'continue a run, with its settings: what it has done is kept')
    .option('--config <file>', 'settings from a JSON or YAML file')
    .option('--set <key=value>', 'one setting; may be repeated', (value, list: string[] = []) => [
      ...list,
      value,
    ])
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print JSON only, one object a line; the last line is the result');
}

/** The command that continues a run. */
export function resumeCommand(name: string, out: string, adapter: string): string {
  const same = adapter === 'auto' ? [] : ['--adapter', adapter];
  return commandLine([name, '--resume', '--out', out, ...same]);
}
