// The command as users run it: dist/cli.js, which `npm test` has just built, in a process of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../dist/cli.js');

export interface Finished {
  /** Null after a signal. */
  readonly code: number | null;
  readonly stdout: string;
  /** Without the lines that Dawn itself prints when it starts. */
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when the output so far, stdout and stderr together, matches; rejects if the process ends first. */
  printed(pattern: RegExp): Promise<void>;
}

/** Starts `shadegrad ...args`, or with `shell` a command line that it has printed. */
export function start(
  args: readonly string[],
  { cwd = process.cwd(), shell = false }: { cwd?: string; shell?: boolean } = {},
): Running {
  const stdio: 'pipe'[] = ['pipe', 'pipe', 'pipe'];
  const child = shell
    ? spawn(args.join(' '), { cwd, shell, stdio })
    : spawn(process.execPath, [PROGRAM, ...args], { cwd, stdio });
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (chunk) => (stdout += chunk));
  child.stderr!.on('data', (chunk) => (stderr += chunk));
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr: withoutDawn(stderr) }));
  });
  const printed = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (pattern.test(stdout + stderr)) resolve();
      };
      child.stdout!.on('data', look);
      child.stderr!.on('data', look);
      child.on('close', () => reject(new Error(`ended without ${pattern}: ${stdout}${stderr}`)));
      look();
    });
  return { child, finished, printed };
}

export function shadegrad(args: readonly string[], options?: { cwd?: string }): Promise<Finished> {
  return start(args, options).finished;
}

function withoutDawn(text: string): string {
  return text.replace(/^Warning: max\w+ artificially reduced .*\n/gm, '');
}
