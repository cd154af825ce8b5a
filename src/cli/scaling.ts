// shadegrad scaling: a scaling law, fitted to models that are trained here, against a source whose entropy is known.

import { join } from 'node:path';
import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { openFolder } from '#folder';
import { runScaling, type ScalingResult } from '../llm/scaling.ts';
import { type ScalingAnalysis, sizeExponent } from '../llm/scaling_analysis.ts';
import type { Interval } from '../llm/scaling_fit.ts';
import { readScalingSettings } from '../llm/scaling_run.ts';
import {
  SCALING_CHECKS,
  SCALING_DEFAULTS,
  SCALING_PRESETS,
  type ScalingSettings,
} from '../llm/scaling_settings.ts';
import { Device } from '../ops/device.ts';
import { commandLine } from './command_line.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import { type TrainingProgress, trainingProgress } from './progress.ts';
import { newestRunFolder, nextRunFolder } from './runs.ts';
import { loadSettings, presetNamed } from './settings.ts';

interface ScalingFlags {
  readonly preset?: string;
  readonly seed?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly config?: string;
  readonly set?: string[];
  readonly adapter: string;
  readonly json?: boolean;
}

const HELP = `
Models of several sizes learn a Markov chain, each for several amounts of text, and L(N, D) = E + A/N^a + B/D^b is fitted
to their losses: E should come out as the chain's entropy, and a larger model's loss within the predicted interval.

Examples:
  shadegrad scaling                                 about ten minutes on two cores, or the gpu preset on a GPU
  shadegrad scaling --resume                        continues the newest one in runs/; no model is trained twice
  shadegrad scaling --set 'widths=[8,16,32]'        any setting: ${Object.keys(SCALING_DEFAULTS).join(', ')}`;

export function addScaling(program: Command): void {
  program
    .command('scaling')
    .description('fit a scaling law to a grid of models, on text whose entropy is known')
    .option(
      '--preset <name>',
      `${Object.keys(SCALING_PRESETS).join(', ')} (default: by the adapter)`,
    )
    .option('--seed <n>', 'seed of the text, the models and the bootstrap')
    .option('--out <folder>', 'run folder (default: the next free runs/scaling-N)')
    .option('--resume', 'continue a run: models that it has trained are kept')
    .option('--config <file>', 'settings from a JSON or YAML file')
    .option('--set <key=value>', 'one setting; may be repeated', (value, list: string[] = []) => [
      ...list,
      value,
    ])
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print JSON only, one object a line; the last line is the result')
    .addHelpText('after', HELP)
    .action(scaling);
}

async function scaling(flags: ScalingFlags): Promise<void> {
  const out = flags.out ?? (await (flags.resume ? newestRunFolder : nextRunFolder)('scaling'));
  const folder = await openFolder(out);
  const saved = flags.resume ? await readScalingSettings(folder) : undefined;
  const named = flags.preset ? presetNamed(SCALING_PRESETS, flags.preset) : saved;
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  const preset = named ?? SCALING_PRESETS[device.adapter.software ? 'small' : 'gpu'];
  let progress: TrainingProgress | null = null;
  const note = (line: string) => (progress ? progress.note(line) : console.error(line));

  const onStop = () => note('stopping; the models trained so far are kept');
  try {
    const settings = await settingsFrom(flags, preset);
    const result = await interruptible(onStop, (signal) =>
      runScaling(device, {
        settings,
        folder,
        resume: flags.resume === true,
        plotLibrary: { script: plotScript, style: plotStyle },
        signal,
        onStart: (start, total) => {
          if (!flags.json) console.error(`adapter  ${device.adapter.name}\nrun      ${out}\n`);
          progress = trainingProgress({ total, start, json: flags.json });
        },
        onProgress: ({ step, loss, tokensPerSecond }) =>
          progress?.update(step, { loss, tokensPerSecond }),
        onCell: (cell) => {
          if (flags.json) return console.log(JSON.stringify(cell));
          const tokens = cell.tokens.toLocaleString('en');
          note(`width ${cell.width}, ${tokens} characters: loss ${cell.loss.toFixed(4)}`);
        },
      }),
    ).finally(() => progress?.finish());
    if (flags.json) console.log(JSON.stringify({ ...result, out }));
    else printResult(result, flags, out);
    if (result.analysis === null) process.exitCode = INTERRUPTED;
  } finally {
    device.destroy();
  }
}

function settingsFrom(flags: ScalingFlags, preset: object): Promise<ScalingSettings> {
  const set = [...(flags.set ?? [])];
  if (flags.seed !== undefined) set.push(`seed=${flags.seed}`);
  const file = flags.config && { file: flags.config };
  return loadSettings(SCALING_DEFAULTS, { preset, set, checks: SCALING_CHECKS, ...file });
}

function printResult(
  { analysis, truth, cells }: ScalingResult,
  { adapter }: ScalingFlags,
  out: string,
): void {
  if (analysis === null) {
    const same = adapter === 'auto' ? [] : ['--adapter', adapter];
    const command = commandLine(['scaling', '--resume', '--out', out, ...same]);
    console.log(`stopped after ${cells.length} models; continue with: ${command}`);
    return;
  }
  for (const line of lawLines(analysis, truth)) console.log(line);
  console.log(`report: ${join(out, 'report.html')}`);
}

function lawLines({ law, intervals, heldOut }: ScalingAnalysis, truth: number): string[] {
  const between = ([low, high]: Interval) => `95 % in ${low.toFixed(4)} to ${high.toFixed(4)}`;
  const off = (100 * (law.E / truth - 1)).toFixed(2);
  const verdict = heldOut.inside ? 'inside' : 'outside';
  return [
    `E            ${law.E.toFixed(4)}  ${between(intervals.E)}; the source's entropy is ${truth.toFixed(4)} (${off} %)`,
    `alpha        ${law.alpha.toFixed(4)}  ${between(intervals.alpha)}`,
    `beta         ${law.beta.toFixed(4)}  ${between(intervals.beta)}`,
    `N* ~ C^      ${sizeExponent(law).toFixed(4)}  ${between(intervals.sizeExponent)}`,
    `larger model ${heldOut.loss.toFixed(4)}  predicted ${heldOut.predicted.toFixed(4)}, ${between(heldOut.interval)}: ${verdict}`,
  ];
}
