// shadegrad rl: trains an agent in an environment.

import { join } from 'node:path';
import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { openFolder } from '#folder';
import { Device } from '../ops/device.ts';
import { ALGORITHMS, algorithmNamed, presetSettings } from '../rl/algorithms.ts';
import { ENVIRONMENTS, environmentEntry } from '../rl/registry.ts';
import { readAgentRun } from '../rl/run.ts';
import {
  type AgentResult,
  type AgentSettings,
  agentSettings,
  RUN_DEFAULTS,
  trainAgent,
} from '../rl/train_agent.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import { formatDuration, formatRate, type TrainingProgress, trainingProgress } from './progress.ts';
import { addRlCompare } from './rl_compare.ts';
import { EXACT_DEFAULTS, EXACT_ROWS, isExact, solveExactly } from './rl_exact.ts';
import { addRlPlay } from './rl_play.ts';
import {
  addRunOptions,
  newestRunFolder,
  nextRunFolder,
  type RunFlags,
  resumeCommand,
} from './runs.ts';
import { loadSettings } from './settings.ts';

interface RlFlags extends RunFlags {
  readonly algo?: string;
  readonly env?: string;
  readonly preset?: string;
  readonly steps?: string;
  readonly seed?: string;
  readonly evalEpisodes?: string;
}

const rows = (table: Readonly<Record<string, { readonly about: string }>>) => {
  const width = Math.max(...Object.keys(table).map((name) => name.length)) + 2;
  return Object.entries(table).map(([name, { about }]) => `  ${name.padEnd(width)}${about}`);
};

const HELP = `
Algorithms:
${rows({ ...ALGORITHMS, ...EXACT_ROWS }).join('\n')}

Environments:
${rows(ENVIRONMENTS).join('\n')}

Examples:
  shadegrad rl --algo ppo --env CartPole-v1                    100,000 steps, then 100 episodes of evaluation
  shadegrad rl --algo ppo --env CartPole-v1 --preset cleanrl   CleanRL's settings, 500,000 steps
  shadegrad rl --env CartPole-v1 --set learningRate=0.0003     any setting; --help-settings lists them
  shadegrad rl --algo value-iteration --env FrozenLake-v1      the best values and policy, computed
  shadegrad rl --resume                                        continues the newest run in runs/
  shadegrad rl play runs/rl-1                                  shows an episode
  shadegrad rl compare runs/rl-1 runs/rl-2                     learning curves in one page`;

export function addRl(program: Command): void {
  const rl = addRunOptions(
    program
      .command('rl')
      .enablePositionalOptions() // so that `rl play` has options of its own
      .description('train an agent in an environment by reinforcement learning')
      .option('--algo <name>', 'the algorithm (default: ppo)')
      .option('--env <id>', 'the environment (default: CartPole-v1)')
      .option('--preset <name>', 'settings of that name: for PPO fast (default), cleanrl, zoo')
      .option('--steps <n>', 'environment steps, all copies together')
      .option('--seed <n>', 'seed of parameters, environments and actions')
      .option('--eval-episodes <n>', 'episodes of evaluation after training'),
  )
    .option('--help-settings', "list the algorithm's settings with their defaults")
    .addHelpText('after', HELP)
    .action((flags: RlFlags & { helpSettings?: boolean }) => {
      if (flags.helpSettings) return printSettings(flags.algo ?? 'ppo');
      return isExact(flags.algo) ? solveExactly(flags.algo, flags) : train(flags);
    });
  addRlPlay(rl);
  addRlCompare(rl);
}

async function train(flags: RlFlags): Promise<void> {
  const out = flags.out ?? (await (flags.resume ? newestRunFolder : nextRunFolder)('rl'));
  const folder = await openFolder(out);
  const saved = flags.resume ? await readAgentRun(folder) : null;
  const algorithm = flags.algo ?? saved?.algorithm ?? 'ppo';
  const environment = flags.env ?? saved?.environment ?? 'CartPole-v1';
  environmentEntry(environment);
  const settings = await settingsFrom(flags, algorithm, environment, saved?.settings);
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  const print = (line: string) => console.error(line);
  let progress: TrainingProgress | null = null;
  const note = (line: string) => (progress ? progress.note(line) : print(line));
  const onStop = () => note('stopping, with a checkpoint (Ctrl-C again: at once, without one)');
  try {
    const result = await interruptible(onStop, (signal) =>
      trainAgent(device, {
        algorithm,
        environment,
        settings,
        folder,
        resume: flags.resume === true,
        plotLibrary: { script: plotScript, style: plotStyle },
        signal,
        onNote: note,
        onStart: ({ learner, step, steps }) => {
          const { notice, name } = device.adapter;
          if (!flags.json) {
            if (notice) print(`${notice}\n`);
            print(`environment  ${environment}: ${environmentEntry(environment).about}`);
            print(`algorithm    ${algorithmNamed(algorithm).about}`);
            print(`model        ${parameterCount(learner.model.parameters())} parameters`);
            print(`adapter      ${name}`);
            print(
              `run          ${out}${step > 0 ? `, resumed after step ${step.toLocaleString('en')}` : ''}\n`,
            );
          }
          progress = trainingProgress({ total: steps, start: step, json: flags.json });
        },
        onProgress({ step, steps, return: mean, metrics, stepsPerSecond }) {
          const { entropy, kl = metrics.approxKl } = metrics;
          progress?.update(step, {
            ...(mean !== null && { return: mean }),
            ...(entropy !== undefined && { entropy }),
            ...(kl !== undefined && { kl }),
            stepsPerSecond,
          });
          if (!flags.json && step === steps && settings.evaluationEpisodes > 0)
            note(`evaluating ${settings.evaluationEpisodes} episodes`);
        },
      }),
    ).finally(() => progress?.finish());
    if (flags.json) console.log(JSON.stringify(summary(result, out)));
    else printResult(result, flags, out);
    if (result.stopped) process.exitCode = INTERRUPTED;
  } finally {
    device.destroy();
  }
}

/** The preset's, for the environment or for any; then the flags'. */
async function settingsFrom(
  flags: RlFlags,
  algorithm: string,
  environment: string,
  saved: AgentSettings | undefined,
): Promise<AgentSettings> {
  const { checks } = algorithmNamed(algorithm);
  const preset =
    flags.preset || !saved ? presetSettings(algorithm, environment, flags.preset) : saved;
  const set = [...(flags.set ?? [])];
  if (flags.steps !== undefined) set.push(`steps=${flags.steps}`);
  if (flags.seed !== undefined) set.push(`seed=${flags.seed}`);
  if (flags.evalEpisodes !== undefined) set.push(`evaluationEpisodes=${flags.evalEpisodes}`);
  const file = flags.config && { file: flags.config };
  return loadSettings(agentSettings(algorithm), { preset, set, checks, ...file });
}

const parameterCount = (parameters: readonly { readonly size: number }[]) =>
  parameters.reduce((sum, { size }) => sum + size, 0).toLocaleString('en');

function summary(
  { evaluation, steps, stepsPerSecond, adapter, ...rest }: AgentResult,
  out: string,
) {
  return {
    evalReturn: evaluation?.mean ?? null,
    evalStd: evaluation?.std ?? null,
    steps,
    stepsPerSecond,
    adapter,
    ...rest,
    returns: evaluation?.returns ?? [],
    out,
  };
}

function printResult(result: AgentResult, { adapter }: RlFlags, out: string): void {
  const { stopped, steps, seconds, stepsPerSecond, evaluation } = result;
  if (stopped) {
    const command = resumeCommand('rl', out, adapter);
    console.log(`stopped after step ${steps.toLocaleString('en')}; continue with: ${command}`);
    return;
  }
  if (evaluation) {
    const { mean, std, returns } = evaluation;
    const { solved, anchors } = environmentEntry(result.environment);
    const bar = solved === undefined ? '' : `; solved is ${solved}`;
    console.log(
      `\nreturn ${mean.toFixed(2)} ± ${std.toFixed(2)} over ${returns.length} episodes (random ${anchors.random}${bar})`,
    );
  }
  console.log(
    `${steps.toLocaleString('en')} steps in ${formatDuration(seconds)}, ${formatRate(stepsPerSecond)} steps/s`,
  );
  console.log(`report: ${join(out, 'report.html')}`);
}

function printSettings(algorithm: string): void {
  const settings = isExact(algorithm)
    ? EXACT_DEFAULTS
    : { ...RUN_DEFAULTS, ...algorithmNamed(algorithm).defaults };
  for (const [name, value] of Object.entries(settings))
    console.log(`${name.padEnd(24)}${JSON.stringify(value)}`);
}
