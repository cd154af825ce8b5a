// shadegrad bench: how fast the kernels are on this adapter, next to what it can do at most, and whether they are right.

import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { type Baseline, comparisonColumn, readBaseline } from '../../bench/compare.ts';
import type { Item } from '../../bench/item.ts';
import { allItems, families } from '../../bench/items/index.ts';
import { benchReport } from '../../bench/report.ts';
import type { BenchResult } from '../../bench/run.ts';
import { selectItems } from '../../bench/select.ts';
import type { UserKernel } from '../../bench/side.ts';
import { type BenchAdapter, runSuite, type SuiteResult, userKernel } from '../../bench/suite.ts';
import { type Column, columnsFor, describeAdapter, headOf, lineOf } from '../../bench/table.ts';
import { benchmarkClock } from '../../bench/wall_clock.ts';
import manifest from '../../package.json' with { type: 'json' };
import { ConfigError } from '../errors.ts';
import type { ChoiceTable } from '../gpu/choices.ts';
import { Device } from '../ops/device.ts';

interface BenchFlags {
  readonly shape?: string;
  readonly dtype?: string;
  readonly quick?: boolean;
  readonly rounds: string;
  readonly wall?: boolean;
  readonly pin?: readonly string[];
  readonly kernel?: string;
  readonly like?: string;
  readonly compare?: string;
  readonly report?: string;
  readonly adapter: string;
  readonly toggles?: string;
  readonly json?: boolean;
}

const HELP = `
Families: ${families.join(', ')}.

Each item is called until 20 ms are full, at least ten times over, in turns with the adapter's two ceilings: multiply-adds
in registers (fma) and a copy that is larger than caches (copy). "of peak" is the share of the one that is nearer; caches can lift it over
100 %. The last results are compared with float64, on a sample where all would take too long; a wrong item ends the command
with code 1. "compile" is what the first call takes longer than the second; drivers keep compiled kernels on disk.

A kernel of your own: start from a copy of a file in kernels/ and keep the entry points, bindings, constants and struct
Params that src/ops/<file>.ts launches it with. Every item that launches the file then runs both in turns.
  shadegrad bench --kernel my.wgsl --like matmul --shape 512x512x512

Examples:
  shadegrad bench --quick                            every family at a small shape
  shadegrad bench matmul --pin matmul=tiles          one variant of the family; the last column says what was taken
  shadegrad bench softmax --json > before.json
  shadegrad bench softmax --compare before.json --report softmax.html`;

export function addBench(program: Command): void {
  program
    .command('bench')
    .description('measure the kernels against the adapter, and check their results')
    .argument('[family]', 'one family of kernels; default all')
    .option('--shape <sizes>', 'only items with these sizes, such as 4096x512')
    .option('--dtype <type>', 'only items of this element type')
    .option('--quick', 'only small items')
    .option('--rounds <n>', 'samples per item', '10')
    .option('--wall', 'wall time, through the package benchmark, even where there is GPU time')
    .option('--pin <family=variant...>', 'take these variants of kernels, whatever was tuned')
    .option('--kernel <file>', 'measure and check a WGSL file of your own beside the built-in one')
    .option('--like <name>', 'with --kernel: the file of kernels/ whose place it takes')
    .option('--compare <file>', 'show how much faster than an earlier --json')
    .option('--report <file>', 'write a page with roofline plots')
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--toggles <names>', "Dawn's toggles, with commas between")
    .option('--json', 'print JSON only, one object a line; the last one has all results')
    .addHelpText('after', HELP)
    .action(bench);
}

async function bench(family: string | undefined, flags: BenchFlags): Promise<void> {
  const rounds = readRounds(flags.rounds);
  const kernel = await readUserKernel(flags);
  const selected = selectItems(allItems, { ...flags, family: family ?? familyOf(kernel) });
  const baseline = flags.compare ? readBaseline(flags.compare, await text(flags.compare)) : null;
  const toggles = flags.toggles?.split(',') ?? [];
  const pins = readPins(flags.pin);
  const output = flags.json ? jsonOutput() : tableOutput(toggles, baseline, kernel);
  const result = await runSuite(selected, {
    async open() {
      const device = await Device.open({ adapter: flags.adapter, toggles, announce: null });
      device.gpu.choices.pin(pins);
      return device;
    },
    rounds,
    wall: flags.wall ?? false,
    slow: flags.shape !== undefined,
    wallClock: benchmarkClock,
    ...(kernel && { kernel }),
    ...output,
  });
  output.finish(result);
  if (flags.report) {
    const page = await benchReport(result, versions(), { script: plotScript, style: plotStyle });
    await writeFile(flags.report, page);
  }
  if (result.results.some(({ correct }) => !correct)) process.exitCode = 1;
}

function readRounds(given: string): number {
  const rounds = Number(given);
  if (Number.isInteger(rounds) && rounds > 0) return rounds;
  throw new ConfigError(`bench: --rounds is ${given}, expected a whole number above 0`);
}

/** `matmul=tiles` for all classes of shapes. */
function readPins(given: readonly string[] = []): ChoiceTable {
  const pairs = given.map((text) => {
    const [, family, variant] = /^([\w-]+)=([\w-]+)$/.exec(text) ?? [];
    if (family && variant) return [family, { '*': variant }] as const;
    throw new ConfigError(`bench: --pin "${text}" is malformed; expected family=variant`);
  });
  return Object.fromEntries(pairs);
}

/** The family whose files begin with its name; undefined where the name says nothing, and all items are tried. */
function familyOf(kernel: UserKernel | undefined): string | undefined {
  const name = kernel?.like.replaceAll('_', '-');
  return families.find((family) => name === family || name?.startsWith(`${family}-`));
}

async function readUserKernel({ kernel, like }: BenchFlags): Promise<UserKernel | undefined> {
  if (kernel === undefined && like === undefined) return undefined;
  if (kernel === undefined || like === undefined) {
    throw new ConfigError(
      'bench: --kernel and --like go together: your file, and the file of kernels/ whose place it takes',
    );
  }
  return userKernel(kernel, await text(kernel), like);
}

/** A missing file is told by the system's message, which names it. */
const text = (file: string): Promise<string> => readFile(file, 'utf8');

function versions() {
  const { webgpu } = manifest.dependencies;
  return { shadegrad: manifest.version, node: process.versions.node, webgpu };
}

interface Output {
  readonly onStart: (adapter: BenchAdapter, run: readonly Item[], left: readonly Item[]) => void;
  readonly onItem: (item: Item, index: number) => void;
  readonly onResult: (result: BenchResult) => void;
  readonly finish: (result: SuiteResult) => void;
}

function jsonOutput(): Output {
  const print = (line: object) => console.log(JSON.stringify(line));
  const about = (adapter: BenchAdapter) => ({ adapter, versions: versions() });
  return {
    onStart: (adapter) => print(about(adapter)),
    onItem: () => {},
    onResult: print,
    finish: ({ adapter, results }) => print({ ...about(adapter), results }),
  };
}

function tableOutput(
  toggles: readonly string[],
  baseline: Baseline | null,
  kernel: UserKernel | undefined,
): Output {
  const extra: Column[] = baseline ? [comparisonColumn(baseline)] : [];
  if (kernel) extra.push(SPEEDUP);
  const progress = progressLine();
  let columns: readonly Column[] = [];
  return {
    onStart(adapter, run, left) {
      columns = columnsFor(run, extra);
      progress.begin(run.length);
      console.log(`${describeAdapter(adapter, versions(), toggles)}\n`);
      if (baseline?.adapter && baseline.adapter !== adapter.name) {
        console.log(`compared with results of another adapter: ${baseline.adapter}\n`);
      }
      if (left.length > 0) console.log(`${leftOut(left)}\n`);
      console.log(headOf(columns));
    },
    onItem: progress.show,
    onResult(result) {
      progress.clear();
      console.log(lineOf(columns, result));
    },
    finish: ({ results }) => console.log(`\n${conclusion(results)}`),
  };
}

const SPEEDUP: Column = {
  title: 'faster',
  width: 7,
  text: ({ speedup }) => (speedup === undefined ? '' : `${speedup.toFixed(2)}x`),
};

/** On a terminal, what is running, until its result takes the line's place. */
function progressLine() {
  const { stderr } = process;
  let total = 0;
  return {
    begin(items: number) {
      total = items;
    },
    show(item: Item, index: number) {
      const line = `${index + 1}/${total}  ${item.name}`;
      stderr.write(stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
    },
    clear() {
      if (stderr.isTTY) stderr.write('\r\x1b[K');
    },
  };
}

const REASONS = {
  hardware: 'software adapters take minutes; --shape runs it anyway',
  'shader-f16': 'the adapter has no shader-f16',
};

const leftOut = (items: readonly Item[]) =>
  items.map(({ name, requires }) => `left out: ${name} (${REASONS[requires!]})`).join('\n');

/** The ceilings' range over the items says how steady the machine was. */
function conclusion(results: readonly BenchResult[]): string {
  const range = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return 'not measured';
    return `${Math.min(...known).toFixed(1)} to ${Math.max(...known).toFixed(1)}`;
  };
  const wrong = results.filter(({ correct }) => !correct).length;
  return [
    `ceilings meanwhile: fma ${range(results.map((r) => r.fmaGflops))} GFLOP/s, copy ${range(results.map((r) => r.copyGbps))} GB/s`,
    wrong === 0 ? 'all results agree with float64' : `${wrong} of ${results.length} WRONG`,
  ].join('\n');
}
