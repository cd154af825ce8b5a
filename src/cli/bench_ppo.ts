// shadegrad bench-ppo: how fast PPO trains on this adapter, and what its parts take.

import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { benchEnvironment, type EnvironmentBenchResult } from '../../bench/environments.ts';
import { benchPpo, type PpoBenchResult } from '../../bench/ppo_iteration.ts';
import { ConfigError } from '../errors.ts';
import { Device } from '../ops/device.ts';
import { ENVIRONMENT_KERNELS } from '../rl/env/kernels.ts';

interface BenchPpoFlags {
  readonly copies: string;
  readonly steps: string;
  readonly rounds: string;
  readonly pytorch?: boolean;
  readonly environments?: boolean;
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

With --environments only the steps of environments are timed, of every one that is a kernel; both kinds leave on the device
what a rollout learns from.

Examples:
  shadegrad bench-ppo --copies 64,4096 --rounds 5 --pytorch
  shadegrad bench-ppo --environments --copies 4096 --steps 8`;

export function addBenchPpo(program: Command): void {
  program
    .command('bench-ppo')
    .description('measure an iteration of PPO, environments as kernels and in TypeScript')
    .option('--copies <list>', 'copies of the environment', '64,512,4096,16384')
    .option('--steps <n>', 'steps of a rollout', '32')
    .option('--rounds <n>', 'samples of each', '5')
    .option('--environments', 'every environment that is a kernel, in the place of an iteration')
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
  const { pytorch = false, processorTime = false, environments = false } = flags;
  if (environments && pytorch)
    throw new ConfigError('bench-ppo: --pytorch is for iterations; leave out --environments');
  const device = await Device.open({ adapter, announce: null });
  console.log(`${device.adapter.name}; ${steps} steps of each copy`);
  console.log(environments ? ENVIRONMENTS_HEAD : HEAD);
  const results: (PpoBenchResult | EnvironmentBenchResult)[] = [];
  const report = async (line: string, ...found: (PpoBenchResult | EnvironmentBenchResult)[]) => {
    console.log(line);
    results.push(...found);
    const text = JSON.stringify({ adapter: device.adapter, results }, null, 2);
    if (json) await writeFile(json, `${text}\n`);
  };
  try {
    for (const copies of sizes) {
      const size = { copies, steps, rounds, processorTime };
      if (environments) {
        for (const environment of Object.keys(ENVIRONMENT_KERNELS)) {
          const result = await benchEnvironment(device, { ...size, environment });
          await report(environmentLine(result), result);
        }
      } else {
        const result = await benchPpo(device, { ...size, pytorch });
        await report(lineOf(result), result);
      }
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

const ENVIRONMENTS_HEAD = [
  'environment'.padEnd(22),
  ...['copies', 'kernel', 'TypeScript', 'kernel gains'].map((title) => title.padStart(WIDTH)),
].join('');

const environmentLine = ({
  environment,
  copies,
  stepsPerSecond,
  speedup,
}: EnvironmentBenchResult) =>
  [
    environment.padEnd(22),
    ...[copies.toLocaleString('en'), whole(stepsPerSecond.kernel), whole(stepsPerSecond.typeScript)]
      .concat(`${speedup.toFixed(2)} x`)
      .map((cell) => cell.padStart(WIDTH)),
  ].join('');

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
