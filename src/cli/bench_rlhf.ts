// shadegrad bench-rlhf: how fast RLHF goes on this adapter, and what its parts take.

import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { benchRlhf, type RlhfBenchResult, type RlhfPart } from '../../bench/rlhf_iteration.ts';
import { ConfigError } from '../errors.ts';
import { Device } from '../ops/device.ts';

interface BenchRlhfFlags {
  readonly models: string;
  readonly vocabulary: string;
  readonly answers: string;
  readonly tokens: string;
  readonly rounds: string;
  readonly processorTime?: boolean;
  readonly adapter: string;
  readonly json?: string;
}

const HELP = `
One iteration of PPO on a language model, by an adapter of rank 16: answers drawn in one batch, read by policy, reference and
value head, then 4 epochs of updates. Tokens a second are drawn tokens by the time of the part; "batch gain" is how many times
as many a batch draws as one answer alone. With --processor-time, times are of all threads: where others use the machine.

Example:
  shadegrad bench-rlhf --models 2x64,4x128 --answers 32 --tokens 64 --json rlhf.json`;

export function addBenchRlhf(program: Command): void {
  program
    .command('bench-rlhf')
    .description('measure an iteration of RLHF: drawing, scoring, updates')
    .option('--models <list>', 'layers x width of each model', '2x64,4x128')
    .option('--vocabulary <n>', 'tokens that there are', '384')
    .option('--answers <n>', 'answers of a rollout', '32')
    .option('--tokens <n>', 'tokens of an answer', '64')
    .option('--rounds <n>', 'samples of each', '5')
    .option('--processor-time', 'of all threads, instead of wall time')
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json <file>', 'write the numbers to a file')
    .addHelpText('after', HELP)
    .action(run);
}

async function run({ adapter, json, ...flags }: BenchRlhfFlags): Promise<void> {
  const models = flags.models.split(',').map(sizeOf);
  const shared = {
    vocabularySize: count('--vocabulary', flags.vocabulary),
    answers: count('--answers', flags.answers),
    newTokens: count('--tokens', flags.tokens),
    rounds: count('--rounds', flags.rounds),
    processorTime: flags.processorTime ?? false,
  };
  const device = await Device.open({ adapter, announce: null });
  console.log(`${device.adapter.name}; ${shared.answers} answers of ${shared.newTokens} tokens`);
  console.log(HEAD);
  const results: RlhfBenchResult[] = [];
  try {
    for (const model of models) {
      const result = await benchRlhf(device, { ...model, ...shared });
      console.log(lineOf(result));
      results.push(result);
      if (json)
        await writeFile(json, `${JSON.stringify({ adapter: device.adapter, results }, null, 2)}\n`);
    }
  } finally {
    device.destroy();
  }
}

const part =
  (name: RlhfPart) =>
  ({ milliseconds, tokensPerSecond }: RlhfBenchResult) =>
    `${whole(tokensPerSecond[name])} (${((100 * milliseconds[name]) / milliseconds.iteration).toFixed(0)} %)`;

const COLUMNS = [
  ['model', ({ layers, width }) => `${layers} x ${width}`],
  ['tokens/s', ({ tokensPerSecond }) => whole(tokensPerSecond.iteration)],
  ['drawing', part('draw')],
  ['scoring', part('score')],
  ['updates', part('update')],
  ['batch gain', ({ batchGain }) => `${batchGain.toFixed(1)} x`],
] as const satisfies readonly (readonly [string, (result: RlhfBenchResult) => string])[];

const WIDTH = 16;
const HEAD = COLUMNS.map(([title]) => title.padStart(WIDTH)).join('');

const lineOf = (result: RlhfBenchResult) =>
  COLUMNS.map(([, cell]) => cell(result).padStart(WIDTH)).join('');

const whole = (value: number) => Math.round(value).toLocaleString('en');

function sizeOf(text: string): { layers: number; width: number } {
  const [, layers, width] = /^(\d+)x(\d+)$/.exec(text) ?? [];
  const size = { layers: Number(layers), width: Number(width) };
  if (size.layers > 0 && size.width > 0 && size.width % 16 === 0) return size;
  throw new ConfigError(
    `bench-rlhf: --models holds "${text}", expected layers x width, such as 2x64, with a width of a multiple of 16`,
  );
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new ConfigError(`bench-rlhf: ${option} is ${text}, expected a whole number above 0`);
}
