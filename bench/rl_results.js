// The learning results of the README: each run is a command and some seeds, each seed's result a JSON in bench/results/rl.
//
//   node build.js && node bench/rl_results.js [--seeds 1,2] [--again] [NAME…]        all of them take hours

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const RESULTS = 'bench/results/rl';
const CURVE_POINTS = 200;

const seeds = (count) => Array.from({ length: count }, (_, i) => i + 1);

/** `figure` is what the goal is about: the return of 100 evaluation episodes, or of the last 100 episodes of training. */
export const RUNS = [
  {
    name: 'ppo-cartpole-fast',
    args: 'ppo CartPole-v1 fast',
    seeds: seeds(10),
    figure: 'evalReturn',
    goal: 475,
    inAtLeast: 9,
  },
  {
    name: 'ppo-cartpole-cleanrl',
    args: 'ppo CartPole-v1 cleanrl',
    seeds: seeds(3),
    figure: 'trainingReturn',
    goal: 480,
  },
  {
    name: 'ppo-acrobot',
    args: 'ppo Acrobot-v1 zoo',
    seeds: seeds(3),
    figure: 'evalReturn',
    goal: -90,
  },
  {
    name: 'ppo-mountain-car',
    args: 'ppo MountainCar-v0 fast',
    seeds: seeds(3),
    figure: 'evalReturn',
    goal: -115,
  },
  {
    name: 'ppo-pendulum',
    args: 'ppo Pendulum-v1 zoo',
    seeds: seeds(3),
    figure: 'evalReturn',
    goal: -200,
  },
  {
    name: 'ppo-mountain-car-continuous',
    args: 'ppo MountainCarContinuous-v0 zoo',
    seeds: seeds(3),
    figure: 'evalReturn',
    goal: 88,
  },
  {
    name: 'a2c-cartpole',
    args: 'a2c CartPole-v1 sb3',
    seeds: seeds(3),
    figure: 'evalReturn',
    goal: 475,
  },
  {
    name: 'trpo-cartpole',
    args: 'trpo CartPole-v1 fast',
    seeds: [0, 1, 2],
    figure: 'evalReturn',
    goal: 475,
  },
  {
    name: 'sac-pendulum',
    args: 'sac Pendulum-v1 fast',
    seeds: [0, 1, 2],
    figure: 'evalReturn',
    goal: -250,
  },
  {
    name: 'ppo-breakout',
    args: 'ppo Breakout10x10-v0 fast --set environments=typescript',
    seeds: seeds(3),
    figure: 'evalReturn',
    goal: 10,
  },
  {
    name: 'ppo-hidden-velocity-frames',
    args: 'ppo CartPoleFrames-v1 cleanrl --steps 300000',
    seeds: seeds(5),
    figure: 'evalReturn',
    goal: 350,
  },
  {
    name: 'ppo-hidden-velocity',
    args: 'ppo CartPoleNoVelocity-v1 cleanrl --steps 300000',
    seeds: seeds(5),
    figure: 'evalReturn',
    goal: 200, // to stay under
  },
  {
    name: 'reinforce-frozen-lake',
    args: 'reinforce FrozenLake-v1 fast --eval-episodes 1000',
    seeds: seeds(3),
    figure: 'evalReturn',
    goal: 0.7,
  },
];

/** The command of a run's seed, after `shadegrad`. */
export function commandOf({ args }, seed) {
  const [algorithm, environment, preset, ...rest] = args.split(' ');
  return [
    'rl',
    '--algo',
    algorithm,
    '--env',
    environment,
    '--preset',
    preset,
    ...rest,
    '--seed',
    String(seed),
  ];
}

export const fileOf = ({ name }, seed) => join(RESULTS, `${name}-seed-${seed}.json`);

/** Runs one seed and keeps its result. */
export async function runSeed(run, seed) {
  const command = commandOf(run, seed);
  const folder = mkdtempSync(join(tmpdir(), 'shadegrad-rl-'));
  const { settings, ...figures } = await lastLine([
    ...command,
    '--json',
    '--out',
    join(folder, 'run'),
  ]);
  const curve = curveOf(readFileSync(join(folder, 'run', 'metrics.jsonl'), 'utf8'));
  rmSync(folder, { recursive: true });
  const { out, evaluation, ...kept } = figures;
  const record = {
    name: run.name,
    command: `shadegrad ${command.join(' ')}`,
    seed,
    ...kept,
    settings,
    curve,
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(fileOf(run, seed), `${JSON.stringify(record)}\n`);
  return record;
}

/** [steps, return] of evenly chosen iterations, the last among them. */
function curveOf(metrics) {
  const points = metrics
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((record) => typeof record.return === 'number')
    .map((record) => [record.step, Number(record.return.toFixed(2))]);
  const every = Math.max(1, Math.ceil(points.length / CURVE_POINTS));
  return points.filter((_, i) => (points.length - 1 - i) % every === 0);
}

function lastLine(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['dist/cli.js', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (data) => {
      output = (output + data).slice(-1_000_000);
    });
    child.stderr.on('data', (data) => {
      errors = (errors + data).slice(-10_000);
    });
    child.on('close', (code) =>
      code === 0
        ? resolve(JSON.parse(output.trim().split('\n').at(-1)))
        : reject(new Error(errors)),
    );
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seeds: { type: 'string' }, again: { type: 'boolean' } },
  });
  const unknown = positionals.find((name) => !RUNS.some((run) => run.name === name));
  if (unknown)
    throw new Error(`no run "${unknown}"; there are ${RUNS.map(({ name }) => name).join(', ')}`);
  const wanted = values.seeds?.split(',').map(Number);
  for (const run of RUNS.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  )) {
    for (const seed of wanted ?? run.seeds) {
      if (existsSync(fileOf(run, seed)) && !values.again) continue;
      const result = await runSeed(run, seed);
      const figure = result[run.figure].toFixed(2);
      console.log(
        `${run.name}  seed ${seed}  ${figure} (goal ${run.goal})  ${result.seconds.toFixed(0)} s`,
      );
    }
  }
}
