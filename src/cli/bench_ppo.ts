// shadegrad bench-ppo: how fast PPO trains on this adapter, and what its parts take.

import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { benchPpo, type PpoBenchResult } from '../../bench/ppo_iteration.ts';
import { ConfigError } from '../errors.ts';
import { Device } from '../ops/device.ts';

interface BenchPpoFlags {
  readonly copies: string;
  readonly steps: string;
  readonly rounds: string;
  readonly pytorch?: boolean;
  readonly processorTime?: boolean;
  readonly adapter: string;
  readonly json?: string;
}

const HELP = `
One iteration of PPO on CartPole-v1: a rollout of --steps steps of so many copies, advantages, 4 epochs of 4 minibatches, by
networks of two layers of 64. Environments as kernels, where nothing is read back inside a rollout, and in TypeScript take
turns, as does, with --pytorch, a loop like CleanRL's in PyTorch on the CPU with all copies in one NumPy program. Steps per
second are of all copies together; with --processor-time, which software adapters have, of a second of one processor, and
PyTorch then runs in one thread. The shares are those of the first column; "kernels gain" is how many times as fast as in
TypeScript environments alone are.

Example:
  shadegrad bench-ppo --copies 64,4096 --rounds 5 --pytorch`;

export function addBenchPpo(program: Command): void {
  program
    .command('bench-ppo')
    .description('measure an iteration of PPO, environments as kernels and in TypeScript')
    .option('--copies <list>', 'copies of the environment', '64,512,4096,16384')
    .option('--steps <n>', 'steps of a rollout', '32')
    .option('--rounds <n>', 'samples of each', '5')
    .option('--pytorch', 'PyTorch too; needs a python3 with torch and numpy')
    .option(
      '--processor-time',
      'of all threads, instead of wall time: where others use the machine',
    )
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json <file>', 'write the numbers to a file')
    .addHelpText('after', HELP)
    .action(run);
}

async function run({ adapter, json, ...flags }: BenchPpoFlags): Promise<void> {
  const sizes = flags.copies.split(',').map((text) => count('--copies', text));
  const [steps, rounds] = [count('--steps', flags.steps), count('--rounds', flags.rounds)];
  const device = await Device.open({ adapter, announce: null });
  console.log(`${device.adapter.name}; ${steps} steps of each copy\n${HEAD}`);
  const results: PpoBenchResult[] = [];
  try {
    for (const copies of sizes) {
      const result = await benchPpo(device, {
        ...{ copies, steps, rounds },
        pytorch: flags.pytorch ?? false,
        processorTime: flags.processorTime ?? false,
      });
      console.log(lineOf(result));
      results.push(result);
      if (json)
        await writeFile(json, `${JSON.stringify({ adapter: device.adapter, results }, null, 2)}\n`);
    }
  } finally {
    device.destroy();
  }
}

const COLUMNS = [
  ['copies', ({ copies }) => copies.toLocaleString('en')],
  ['steps/s', ({ stepsPerSecond }) => whole(stepsPerSecond['iteration, kernels'])],
  ['TypeScript', ({ stepsPerSecond }) => whole(stepsPerSecond['iteration, TypeScript'])],
  ['PyTorch', ({ stepsPerSecond }) => whole(stepsPerSecond['iteration, PyTorch'])],
  ['environments', (result) => share(result, 'environments, kernels')],
  ['policy', (result) => share(result, 'policy')],
  ['update', updateShare],
  ['kernels gain', ({ speedup }) => `${speedup.environments.toFixed(1)} x`],
] as const satisfies readonly (readonly [string, (result: PpoBenchResult) => string])[];

const WIDTH = 14;
const HEAD = COLUMNS.map(([title]) => title.padStart(WIDTH)).join('');

const lineOf = (result: PpoBenchResult) =>
  COLUMNS.map(([, cell]) => cell(result).padStart(WIDTH)).join('');

const whole = (value: number | undefined) =>
  value === undefined ? '-' : Math.round(value).toLocaleString('en');

const percent = (part: number, all: number) => `${((100 * part) / all).toFixed(0)} %`;

function share({ milliseconds }: PpoBenchResult, part: 'environments, kernels' | 'policy'): string {
  return percent(milliseconds[part]!, milliseconds['iteration, kernels']!);
}

/** What is left: advantages, epochs, and what the host does. */
function updateShare({ milliseconds }: PpoBenchResult): string {
  const all = milliseconds['iteration, kernels']!;
  return percent(all - milliseconds['environments, kernels']! - milliseconds.policy!, all);
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new ConfigError(`bench-ppo: ${option} is ${text}, expected whole numbers above 0`);
}
