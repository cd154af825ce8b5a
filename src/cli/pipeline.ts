// shadegrad pipeline: from a text to a model that is preferred, in one command.

import { join } from 'node:path';
import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { openFolder } from '#folder';
import { Device } from '../ops/device.ts';
import {
  type DoneStage,
  readPipelineSettings,
  runPipeline,
  STAGES,
} from '../posttrain/pipeline/pipeline.ts';
import {
  PIPELINE_CHECKS,
  PIPELINE_DEFAULTS,
  PIPELINE_PRESETS,
  type PipelineSettings,
} from '../posttrain/pipeline/settings.ts';
import { type Figure, improved } from '../posttrain/pipeline/stage.ts';
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

interface PipelineFlags extends RunFlags {
  readonly preset?: string;
  readonly stages?: string;
  readonly seed?: string;
}

const WIDTH = 13;

const HELP = `
Stages, each in a folder of the run:
${STAGES.map(({ name, about }) => `  ${name.padEnd(WIDTH)}${about}`).join('\n')}

A stage that is done is not done again. A run that was stopped, or killed, continues with --resume, bit for bit.
The folders are runs like any other: shadegrad generate --model runs/pipeline-1/rlhf

Settings, as --set takes them:
${Object.entries(PIPELINE_DEFAULTS)
  .map(([name, value]) => `  ${name}=${JSON.stringify(value)}`)
  .join('\n')}

Examples:
  shadegrad pipeline                              all of it, at a size that suits the adapter
  shadegrad pipeline --preset minute              one minute: everything works, little is learned
  shadegrad pipeline --stages reward              up to the reward model, with what it needs
  shadegrad pipeline --resume                     goes on with the newest run in runs/`;

export function addPipeline(program: Command): void {
  addRunOptions(
    program
      .command('pipeline')
      .description('from a text to a model that is preferred: all stages in one command')
      .option(
        '--preset <name>',
        `${Object.keys(PIPELINE_PRESETS).join(', ')} (default: by the adapter)`,
      )
      .option('--stages <names>', 'only these, and what they need; separated by commas')
      .option('--seed <n>', 'of everything'),
  )
    .addHelpText('after', HELP)
    .action(run);
}

async function run(flags: PipelineFlags): Promise<void> {
  const { resume = false, json = false } = flags;
  const out = flags.out ?? (await (resume ? newestRunFolder : nextRunFolder)('pipeline'));
  const folder = await openFolder(out);
  const saved = resume ? await readPipelineSettings(folder) : null;
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  try {
    const { software, name, notice } = device.adapter;
    const settings = await settingsFrom(flags, saved, software);
    if (!json) printStart({ notice, name, out, software });
    let progress: TrainingProgress | null = null;
    const note = (line: string) => (progress ? progress.note(line) : console.error(line));
    const onStop = () => note('stopping; what is done so far is kept (Ctrl-C again: at once)');
    const stages = flags.stages?.split(',').map((each) => each.trim());
    const result = await interruptible(onStop, (signal) =>
      runPipeline(device, {
        ...{
          settings,
          folder,
          resume,
          signal,
          plotLibrary: { script: plotScript, style: plotStyle },
        },
        ...(stages && { stages }),
        onStage(stage, state, done) {
          if (state === 'is done') {
            progress?.finish();
            progress = null;
            if (json) console.log(JSON.stringify({ stage: stage.name, ...done }));
            else for (const line of stageLines(done!)) console.error(line);
            return;
          }
          if (!json)
            console.error(
              `${stage.name.padEnd(WIDTH)}${stage.about}${state === 'goes on' ? ' (goes on)' : ''}`,
            );
          progress = trainingProgress({ total: STEPS, json });
        },
        onProgress: (_, done) => progress?.update(Math.round(done * STEPS)),
      }),
    ).finally(() => progress?.finish());
    const seconds = result.stages.reduce((sum, stage) => sum + stage.seconds, 0);
    if (json) console.log(JSON.stringify({ ...result, seconds, out }));
    else if (result.stopped) printStopped(out, flags);
    else {
      console.log(`\n${result.stages.length} stages in ${formatDuration(seconds)}`);
      console.log(`report: ${join(out, 'report.html')}`);
    }
    if (result.stopped) process.exitCode = INTERRUPTED;
  } finally {
    device.destroy();
  }
}

/** A stage's bar counts in thousandths. */
const STEPS = 1000;

function printStart(at: {
  notice: string | undefined;
  name: string;
  out: string;
  software: boolean;
}): void {
  if (at.notice) console.error(`${at.notice}\n`);
  console.error(`adapter  ${at.name}`);
  console.error(`run      ${at.out}`);
  if (at.software)
    console.error('A GPU would run --preset gpu: 5 million parameters, ten times the text.');
  console.error('');
}

function stageLines({ figures, seconds }: DoneStage): string[] {
  const lines = figures.map((figure) => `${' '.repeat(WIDTH)}${figureLine(figure)}`);
  return [...lines, `${' '.repeat(WIDTH)}${formatDuration(seconds)}\n`];
}

function figureLine(figure: Figure): string {
  const { name, unit, before, after, margin, bound } = figure;
  const spread = margin ? ` ± ${margin.toFixed(3)}` : '';
  const best = bound ? ` (${bound.value.toFixed(3)} ${bound.what})` : '';
  const mark = improved(figure) ? '' : '  NOT better';
  return `${name}: ${before.toFixed(3)} → ${after.toFixed(3)}${spread} ${unit}${best}${mark}`;
}

function printStopped(out: string, { adapter }: PipelineFlags): void {
  const again = resumeCommand('pipeline', out, adapter);
  console.log(`stopped; continue with: ${again}`);
}

function settingsFrom(
  { preset, seed, config, set = [] }: PipelineFlags,
  saved: Partial<PipelineSettings> | null,
  software: boolean,
): Promise<PipelineSettings> {
  const named = preset
    ? presetNamed(PIPELINE_PRESETS, preset)
    : (saved ?? PIPELINE_PRESETS[software ? 'small' : 'gpu']);
  return loadSettings(PIPELINE_DEFAULTS, {
    ...{ preset: named, checks: PIPELINE_CHECKS, ...(config && { file: config }) },
    set: [...set, ...(seed === undefined ? [] : [`seed=${seed}`])],
  });
}
