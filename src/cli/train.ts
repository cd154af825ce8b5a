// shadegrad train: pre-trains a character-level language model on a text.

import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { openFolder } from '#folder';
import { ConfigError, DataError } from '../errors.ts';
import { nearest } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import { PRESETS, type PresetName, TRAIN_CHECKS, TRAIN_DEFAULTS } from '../llm/settings.ts';
import { type TrainResult, trainLanguageModel } from '../llm/train.ts';
import { Device } from '../ops/device.ts';
import { decodeText } from '../text/corpus.ts';
import { trainingProgress } from './progress.ts';
import { newestRunFolder, nextRunFolder } from './runs.ts';
import { loadSettings } from './settings.ts';

interface TrainFlags {
  readonly data?: string;
  readonly preset?: string;
  readonly steps?: string;
  readonly seed?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly config?: string;
  readonly set: string[];
  readonly adapter: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  shadegrad train                                   the built-in stories, at a size that suits the adapter
  shadegrad train --data book.txt --steps 2000      any text file in UTF-8
  shadegrad train --preset shakespeare-char-cpu --data tinyshakespeare.txt
  shadegrad train --resume                          continues the newest run in runs/
  shadegrad train --set width=128 --set layers=4    any setting; --help-settings lists them`;

export function addTrain(program: Command): void {
  program
    .command('train')
    .description('pre-train a decoder-only language model on a text, one token per character')
    .option('--data <file>', 'text file to learn (default: stories that shadegrad generates)')
    .option('--preset <name>', `${Object.keys(PRESETS).join(', ')} (default: by the adapter)`)
    .option('--steps <n>', 'training steps')
    .option('--seed <n>', 'seed of parameters, batches and samples')
    .option('--out <folder>', 'run folder (default: the next free runs/train-N)')
    .option('--resume', 'continue from the newest checkpoint of the run')
    .option('--config <file>', 'settings from a JSON or YAML file')
    .option(
      '--set <key=value>',
      'one setting; may be repeated',
      (value, list: string[]) => [...list, value],
      [],
    )
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print JSON only, one object a line; the last line is the result')
    .option('--help-settings', 'list the settings with their defaults')
    .addHelpText('after', EXAMPLES)
    .action((flags: TrainFlags & { helpSettings?: boolean }) =>
      flags.helpSettings ? printSettings() : train(flags),
    );
}

async function train(flags: TrainFlags): Promise<void> {
  const notes = (line: string) => console.error(line);
  const device = await Device.open({ adapter: flags.adapter, announce: notes });
  const out = flags.out ?? (await (flags.resume ? newestRunFolder() : nextRunFolder('train')));
  const folder = await openFolder(out);
  const saved = flags.resume ? await savedRun(folder) : null;
  const preset = flags.preset
    ? presetNamed(flags.preset)
    : (saved?.settings ?? PRESETS[device.adapter.software ? 'stories-cpu' : 'stories-gpu']);
  const set = [...flags.set];
  if (flags.steps !== undefined) set.push(`steps=${flags.steps}`);
  if (flags.seed !== undefined) set.push(`seed=${flags.seed}`);
  const settings = await loadSettings(TRAIN_DEFAULTS, {
    preset,
    set,
    checks: TRAIN_CHECKS,
    ...(flags.config && { file: flags.config }),
  });
  const file = flags.data ?? saved?.file;
  const text = file ? await readText(file) : null;
  if (file)
    await folder.write('data.json', new TextEncoder().encode(`${JSON.stringify({ file })}\n`));

  const interrupt = new AbortController();
  const stop = () => {
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort();
    notes('\nstopping after this step, with a checkpoint (again: at once, without one)');
  };
  process.on('SIGINT', stop);
  const progress = trainingProgress({ total: settings.steps, json: flags.json === true });
  if (!flags.json)
    notes(`${text?.name ?? 'built-in stories'} on ${device.adapter.name}, run in ${out}`);
  try {
    const result = await trainLanguageModel(device, {
      text,
      settings,
      folder,
      resume: flags.resume === true,
      plotLibrary: { script: plotScript, style: plotStyle },
      signal: interrupt.signal,
      onNote: (line) => progress.note(line),
      onProgress: ({ step, losses, tokensPerSecond, evaluation }) => {
        progress.update(step, { loss: losses.at(-1)!, tokensPerSecond });
        if (evaluation)
          progress.note(`step ${evaluation.step}: validation loss ${evaluation.loss.toFixed(4)}`);
      },
    });
    progress.finish();
    if (flags.json) console.log(JSON.stringify(summary(result, out)));
    else printResult(result, out);
    if (result.stopped) process.exitCode = 130;
  } finally {
    process.off('SIGINT', stop);
    device.destroy();
  }
}

function summary(
  { bestValLoss, steps, tokensPerSecond, adapter, ...rest }: TrainResult,
  out: string,
) {
  const { seconds, parameters, stopped, evaluations, samples, settings, data } = rest;
  return {
    bestValLoss,
    steps,
    tokensPerSecond,
    adapter,
    seconds,
    parameters,
    stopped,
    evaluations,
    samples,
    settings,
    data: data.name,
    entropyFloor: data.entropyFloor,
    out,
  };
}

function printResult(
  { stopped, steps, samples, bestValLoss, seconds, tokensPerSecond, data }: TrainResult,
  out: string,
): void {
  if (stopped) {
    console.log(
      `\nstopped after step ${steps}; continue with: shadegrad train --resume --out ${out}`,
    );
    return;
  }
  for (const [i, sample] of samples.entries())
    console.log(`\n--- sample ${i + 1}\n${sample.trim()}`);
  const floor =
    data.entropyFloor === null ? '' : ` (the source's entropy is ${data.entropyFloor.toFixed(4)})`;
  console.log(`\nbest validation loss ${bestValLoss?.toFixed(4)} nats per character${floor}`);
  console.log(`${steps} steps in ${seconds.toFixed(0)} s, ${Math.round(tokensPerSecond)} tokens/s`);
  console.log(`report: ${join(out, 'report.html')}`);
}

function presetNamed(name: string): object {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as PresetName];
  const names = Object.keys(PRESETS);
  const guess = nearest(name, names);
  throw new ConfigError(
    `unknown preset "${name}"${guess ? ` (did you mean "${guess}"?)` : ''}; there are ${names.join(', ')}`,
  );
}

async function readText(file: string): Promise<{ name: string; content: string }> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new DataError(`cannot read the data file ${file}: ${reason}`, { cause });
  });
  return { name: basename(file), content: decodeText(bytes, file) };
}

/** The settings and the data file of the run in a folder. */
async function savedRun(folder: Folder): Promise<{ settings: object; file?: string } | null> {
  if (!(await folder.exists('config.json'))) return null;
  const read = async (name: string) =>
    JSON.parse(new TextDecoder().decode(await folder.read(name)));
  const { settings } = await read('config.json');
  const { file } = (await folder.exists('data.json')) ? await read('data.json') : {};
  return { settings, file };
}

function printSettings(): void {
  for (const [key, value] of Object.entries(TRAIN_DEFAULTS))
    console.log(`${key.padEnd(20)}${value}`);
}
