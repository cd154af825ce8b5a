// npm run bench:peers [-- options]: our items and the same work in other libraries, interleaved, on the same adapter.
// The table goes to stdout, progress to stderr, and the results to bench/results/peers-<adapter>.json.

import { fork, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Item } from '../item.ts';
import { items } from '../items/index.ts';
import type { AdapterReport, Report, Task } from './child.ts';
import type { ItemResult } from './contest.ts';
import { OURS } from './shadegrad.ts';
import { table } from './table.ts';

const HELP = `npm run bench:peers -- [options]
  --only <text>     items whose family or name contains it; may be repeated
  --peer <name>     only this peer; may be repeated
  --rounds <n>      interleaved rounds (10; 3 on SwiftShader)
  --limit <s>       a peer with slower calls is not timed in rounds (20; 5 on SwiftShader)
  --table           the table of all that was measured and kept; runs nothing
  --json            JSON on stdout, one object a line`;

/** A child that says nothing for so long is stopped: jax-js compiles a training step for two minutes, on a busy machine for six. */
const SILENCE_MS = 900_000;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    peer: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    limit: { type: 'string' },
    table: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const swiftShader = process.env.SHADEGRAD_ADAPTER?.toLowerCase() === 'swiftshader';
const commit = currentCommit();
const version: string = JSON.parse(readFileSync('package.json', 'utf8')).version;

/** Empty where there is no repository. A '+' tells that files were changed since. */
function currentCommit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { encoding: 'utf8' });
  const { status, stdout } = git('rev-parse', '--short', 'HEAD');
  const changed = git('diff', '--quiet', 'HEAD', '--', 'src', 'kernels').status === 1;
  return status === 0 ? stdout.trim() + (changed ? '+' : '') : '';
}

interface Outcome {
  readonly result: ItemResult;
  readonly adapter: AdapterReport;
}

/** Runs the item in a child; once more without the peer at whose turn it crashed or fell silent. */
async function outcomeOf(item: Item): Promise<Outcome | string> {
  const excluded: Record<string, string> = {};
  for (;;) {
    const task: Task = {
      item: item.name,
      version,
      commit,
      excluded,
      peers: options.peer,
      rounds: Number(options.rounds ?? (swiftShader ? 3 : 10)),
      limitSeconds: Number(options.limit ?? (swiftShader ? 5 : 20)),
    };
    const { outcome, last, end } = await runChild(task);
    if (outcome) return outcome;
    if (last === OURS || last in excluded) return end;
    excluded[last] = end;
    console.error(`  ${last}: ${end}; again without it`);
  }
}

interface Ended {
  readonly outcome: Outcome | null;
  /** Whose turn it was. */
  readonly last: string;
  /** How it ended. */
  readonly end: string;
}

function runChild(task: Task): Promise<Ended> {
  return new Promise((resolve) => {
    // What a child leaves behind when it is stopped goes with this folder.
    const folder = mkdtempSync(join(tmpdir(), 'shadegrad-peers-'));
    const child = fork(join(dirname(fileURLToPath(import.meta.url)), 'child.mjs'), {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, TMPDIR: folder },
    });
    let [last, end] = [OURS, ''];
    let outcome: Outcome | null = null;
    const complaints: string[] = [];
    child.stderr!.on('data', (text) => complaints.push(String(text)));
    const silence = () => {
      end = `nothing heard for ${SILENCE_MS / 1000} s`;
      child.kill('SIGKILL');
    };
    let timer = setTimeout(silence, SILENCE_MS);
    child.on('message', (report: Report) => {
      clearTimeout(timer);
      timer = setTimeout(silence, SILENCE_MS);
      if ('result' in report) outcome = report;
      else if ('failed' in report) [last, end] = [OURS, report.failed];
      else last = report.peer;
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      rmSync(folder, { recursive: true, force: true });
      const lines = complaints.join('').trim().split('\n');
      const complaint = lines.find((line) => /error/i.test(line)) ?? lines.at(-1);
      resolve({ outcome, last, end: end || `crashed (${signal ?? code}): ${complaint}` });
    });
    child.send(task);
  });
}

function chosen(): Item[] {
  const matches = ({ name, family }: Item) =>
    options.only.length === 0 ||
    options.only.some((text) => family === text || name.includes(text));
  const found = items.filter((item) => compared(item) && matches(item));
  if (found.length === 0) {
    const families = new Set(items.map(({ family }) => family));
    console.error(`no item matches; the families are ${[...families].join(', ')}`);
    process.exit(2);
  }
  return found;
}

/** Quick items are too small to compare, all but one; a product of 4096 takes a software adapter minutes. */
function compared({ name, quick }: Item): boolean {
  return (!quick || name === 'gae 128x64') && !name.includes('4096x4096x4096');
}

interface Kept {
  readonly command: string;
  readonly adapter: AdapterReport;
  readonly node: string;
  readonly results: readonly ItemResult[];
}

const FOLDER = 'bench/results';

/** Keeps what other runs measured on the adapter: a run may be of a few items. */
function keep(result: ItemResult, adapter: AdapterReport): void {
  const short = /swiftshader|llvmpipe/.exec(adapter.name.toLowerCase())?.[0];
  const slug = short ?? adapter.name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const path = join(FOLDER, `peers-${slug}.json`);
  const earlier = existsSync(path) ? read(path).results : [];
  const byName = new Map([...earlier, result].map((each) => [each.item, each]));
  const results = items.flatMap(({ name }) => byName.get(name) ?? []);
  const content: Kept = { command: 'npm run bench:peers', adapter, node: process.version, results };
  writeFileSync(path, `${JSON.stringify(content, null, 1)}\n`);
}

function read(path: string): Kept {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function showKept(): void {
  const files = readdirSync(FOLDER).filter((name) => name.startsWith('peers-'));
  for (const { results, adapter } of files.map((name) => read(join(FOLDER, name)))) {
    console.log(table(results, adapter));
  }
}

async function main(): Promise<void> {
  if (options.help) {
    console.log(HELP);
    return;
  }
  if (options.table) return showKept();
  const outcomes: Outcome[] = [];
  for (const item of chosen()) {
    const begin = performance.now();
    const outcome = await outcomeOf(item);
    const seconds = ((performance.now() - begin) / 1000).toFixed(0);
    if (typeof outcome === 'string') {
      console.error(`${item.name}: ${outcome}`);
      process.exitCode = 1;
      continue;
    }
    outcomes.push(outcome);
    keep(outcome.result, outcome.adapter);
    if (options.json) console.log(JSON.stringify(outcome.result));
    console.error(`${item.name} (${seconds} s)`);
  }
  const last = outcomes.at(-1);
  if (!last || options.json) return;
  console.log(
    table(
      outcomes.map(({ result }) => result),
      last.adapter,
    ),
  );
}

await main();
