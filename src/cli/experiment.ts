// The command of an experiment: its folder, settings, progress and result, the same for all of them.

import { join } from 'node:path';
import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { openFolder } from '#folder';
import { type Experiment, readExperimentSettings, runExperiment } from '../io/experiment.ts';
import { Device } from '../ops/device.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import { formatDuration, type TrainingProgress, trainingProgress } from './progress.ts';
import {
  addRunOptions,
  newestRunFolder,
  nextRunFolder,
  type RunFlags,
  resumeCommand,
} from './runs.ts';
import { loadSettings, presetNamed } from './settings.ts';

interface ExperimentCommand<Settings extends object, Result extends object> {
  /** The command, and the kind of its runs' folders. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly description: string;
  /** What is done and what it shows, for --help. */
  readonly about: string;
  /** Command lines, and what each does. */
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** `small`, the defaults, is for a software adapter and `gpu` for a real one; what differs from the defaults. */
  readonly presets: { readonly small: Partial<Settings>; readonly gpu: Partial<Settings> };
  readonly experiment: Experiment<Settings, Result>;
  /** The result in lines for a terminal. */
  lines(result: Result, settings: Settings): readonly string[];
}

interface Flags extends RunFlags {
  readonly preset?: string;
}

export function addExperiment<Settings extends object, Result extends object>(
  program: Command,
  command: ExperimentCommand<Settings, Result>,
): void {
  const { name, experiment } = command;
  addRunOptions(
    program
      .command(name)
      .description(command.description)
      .helpGroup('Experiments, each a run folder with its figure:')
      .option('--preset <name>', 'small or gpu (default: by the adapter)'),
  )
    .addHelpText('after', help(command.about, command.examples, experiment.defaults))
    .action((flags: Flags) => run(command, flags));
}

function help(
  about: string,
  examples: readonly (readonly [string, string])[],
  defaults: object,
): string {
  const width = Math.max(...examples.map(([command]) => command.length)) + 3;
  const settings = Object.entries(defaults).map(([name, value]) => {
    return `  ${name}=${JSON.stringify(value)}`;
  });
  return `
${about}
The folder gets a file per cell, results.json, and report.html with the figure.

Settings, as --set takes them:
${settings.join('\n')}

Examples:
${examples.map(([command, what]) => `  ${command.padEnd(width)}${what}`).join('\n')}`;
}

async function run<Settings extends object, Result extends object>(
  { name, experiment, presets, lines }: ExperimentCommand<Settings, Result>,
  { preset, out, resume = false, config, set = [], adapter, json = false }: Flags,
): Promise<void> {
  const path = out ?? (await (resume ? newestRunFolder : nextRunFolder)(name));
  const folder = await openFolder(path);
  const named = preset
    ? presetNamed(presets, preset)
    : resume && (await readExperimentSettings(folder));
  const device = await Device.open({ adapter, announce: null });
  let progress: TrainingProgress | null = null;
  const note = (line: string) => (progress ? progress.note(line) : console.error(line));
  const onStop = () => note('stopping; what was computed so far is kept');
  try {
    const settings = await loadSettings(experiment.defaults, {
      preset: named || presets[device.adapter.software ? 'small' : 'gpu'],
      set,
      checks: experiment.checks,
      ...(config && { file: config }),
    });
    const total = experiment.count(settings);
    if (!json) console.error(`adapter  ${device.adapter.name}\nrun      ${path}\n`);
    const bar = trainingProgress({ total, json });
    progress = bar;
    const outcome = await interruptible(onStop, (signal) =>
      runExperiment(device, experiment, {
        settings,
        folder,
        resume,
        signal,
        plotLibrary: { script: plotScript, style: plotStyle },
        onProgress: ({ done, name, line, kept }) => {
          if (line && !kept) bar.note(`${name}: ${line}`);
          bar.update(done);
        },
      }),
    ).finally(() => bar.finish());
    const { result, seconds } = outcome;
    if (json) console.log(JSON.stringify({ ...outcome, out: path }));
    else if (result) {
      for (const line of lines(result, settings)) console.log(line);
      console.log(`${formatDuration(seconds)}; report: ${join(path, 'report.html')}`);
    } else {
      const again = resumeCommand(name, path, adapter);
      console.log(`stopped; continue with: ${again}`);
    }
    if (!result) process.exitCode = INTERRUPTED;
  } finally {
    device.destroy();
  }
}
