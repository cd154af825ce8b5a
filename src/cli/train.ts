// shadegrad train: pre-trains a language model on a text.

import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { openFolder } from '#folder';
import { DataError } from '../errors.ts';
import { tokenUnit } from '../llm/data.ts';
import { textUnits } from '../llm/evaluate.ts';
import { readSavedRun } from '../llm/run.ts';
import { readRun } from '../llm/saved_model.ts';
import { PRESETS, TRAIN_CHECKS, TRAIN_DEFAULTS, type TrainSettings } from '../llm/settings.ts';
import { type TrainResult, type TrainState, trainLanguageModel } from '../llm/train.ts';
import { Device } from '../ops/device.ts';
import { decodeText } from '../text/corpus.ts';
import { readTokenizer } from '../text/read_tokenizer.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import {
  formatDuration,
  formatRate,
  type TrainingProgress,
  trainingProgress,
  withoutControls,
} from './progress.ts';
import {
  addRunOptions,
  newestRunFolder,
  nextRunFolder,
  type RunFlags,
  resumeCommand,
} from './runs.ts';
import { loadSettings, presetNamed } from './settings.ts';
import { SETTINGS_HELP } from './train_help.ts';

interface TrainFlags extends RunFlags {
  readonly data?: string[];
  readonly tokenizer?: string;
  readonly preset?: string;
  readonly steps?: string;
  readonly seed?: string;
}

const EXAMPLES = `
Examples:
  shadegrad train                                   the built-in stories, at a size that suits the adapter
  shadegrad train --data book.txt --steps 2000      any text file in UTF-8
  shadegrad train --preset shakespeare-char-cpu --data tinyshakespeare.txt
  shadegrad train --data book.txt --set vocabularySize=1024   tokens are byte-level BPE, trained on the book
  shadegrad train --data book.txt --tokenizer SmolLM-135M     the tokens of that model
  shadegrad train --data a.txt --data b.txt --set phases=[[2,1,0],[1,0,1]]   a.txt for two thirds, then b.txt
  shadegrad train --resume                          continues the newest run in runs/
  shadegrad train --set width=128 --set layers=4    any setting; --help-settings lists them`;

export function addTrain(program: Command): void {
  addRunOptions(
    program
      .command('train')
      .description(
        'pre-train a decoder-only language model on a text, of characters or of BPE tokens',
      )
      .option(
        '--data <file>',
        'text to learn (default: generated stories); may be repeated',
        several,
      )
      .option('--tokenizer <file>', 'a tokenizer.json, or a folder with one or with a run')
      .option('--preset <name>', `${Object.keys(PRESETS).join(', ')} (default: by the adapter)`)
      .option('--steps <n>', 'training steps')
      .option('--seed <n>', 'seed of parameters, batches and samples'),
  )
    .option('--help-settings', 'list the settings with their defaults')
    .addHelpText('after', EXAMPLES)
    .action((flags: TrainFlags & { helpSettings?: boolean }) =>
      flags.helpSettings ? printSettings() : train(flags),
    );
}

const several = (value: string, before: readonly string[] = []) => [...before, value];

async function train(flags: TrainFlags): Promise<void> {
  const out = flags.out ?? (await (flags.resume ? newestRunFolder : nextRunFolder)('train'));
  const folder = await openFolder(out);
  const saved = flags.resume ? await readSavedRun(folder) : null;
  const preset = flags.preset ? presetNamed(PRESETS, flags.preset) : saved?.settings;
  const given = flags.data?.map((path) => ({ name: basename(path), file: resolve(path), path }));
  // A saved file that no path leads to lies in the run's folder: the demo page keeps a visitor's text there.
  const kept = saved?.texts.map((each) => ({ ...each, path: resolve(out, each.file) }));
  const texts = given ?? kept ?? [];
  const text = texts.length > 0 ? await Promise.all(texts.map(readText)) : null;
  const tokenizer = flags.tokenizer
    ? await tokenizerAt(flags.tokenizer)
    : (saved?.tokenizer ?? null);
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  const ownPreset = PRESETS[device.adapter.software ? 'stories-cpu' : 'stories-gpu'];
  const print = (line: string) => console.error(line);
  let progress: TrainingProgress | null = null;
  const note = (line: string) => (progress ? progress.note(line) : print(line));

  const onStop = () => note('stopping, with a checkpoint (Ctrl-C again: at once, without one)');
  try {
    const settings = await settingsFrom(flags, preset ?? ownPreset);
    const result = await interruptible(onStop, (signal) =>
      trainLanguageModel(device, {
        text,
        tokenizer,
        settings,
        folder,
        resume: flags.resume === true,
        plotLibrary: { script: plotScript, style: plotStyle },
        signal,
        onNote: note,
        // Nothing is announced before all that was asked for has been checked: a mistake gets its message alone.
        onStart: (state, step) => {
          if (!flags.json) printStart(state, step, { device, out, print });
          progress = trainingProgress({ total: settings.steps, start: step, json: flags.json });
        },
        onProgress: ({ step, losses, tokensPerSecond, evaluation }, state) => {
          const validationLoss = evaluation?.loss;
          const status = { loss: losses.at(-1)!, tokensPerSecond };
          progress?.update(step, { ...status, ...(evaluation && { validationLoss }) });
          if (flags.json) return;
          if (evaluation) note(`step ${step}: ${shownEvaluation(evaluation.loss, state)}`);
          if (step === settings.steps && settings.samples > 0) note('drawing samples');
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

function settingsFrom(flags: TrainFlags, preset: object): Promise<TrainSettings> {
  const set = [...(flags.set ?? [])];
  if (flags.steps !== undefined) set.push(`steps=${flags.steps}`);
  if (flags.seed !== undefined) set.push(`seed=${flags.seed}`);
  const file = flags.config && { file: flags.config };
  return loadSettings(TRAIN_DEFAULTS, { preset, set, checks: TRAIN_CHECKS, ...file });
}

function shownEvaluation(loss: number, state: TrainState): string {
  const bits = textUnits(loss, state)?.bitsPerByte?.toFixed(4);
  return `validation loss ${loss.toFixed(4)}${bits ? `, ${bits} bits per byte` : ''}`;
}

function printStart(
  { model, data }: TrainState,
  step: number,
  { device, out, print }: { device: Device; out: string; print: (line: string) => void },
): void {
  const count = (n: number) => n.toLocaleString('en');
  const { adapter } = device;
  if (adapter.notice) print(`${adapter.notice}\n`);
  const tokens = data.train.length + data.validation.length;
  print(`text     ${data.name}: ${count(tokens)} ${tokenUnit(data)}s`);
  if (tokenUnit(data) === 'token') print(`tokens   ${shownTokens(data)}`);
  print(`model    ${count(model.parameterCount)} parameters`);
  print(`adapter  ${adapter.name}`);
  print(`run      ${out}${step > 0 ? `, resumed after step ${count(step)}` : ''}\n`);
}

function shownTokens({ tokenizer, charactersPerToken }: TrainState['data']): string {
  return `${tokenizer.vocabularySize.toLocaleString('en')} different ones, of ${charactersPerToken.toFixed(2)} characters`;
}

function summary(
  { bestValLoss, perplexity, bitsPerByte, steps, tokensPerSecond, adapter, ...rest }: TrainResult,
  out: string,
) {
  const { seconds, parameters, stopped, evaluations, samples, settings, data } = rest;
  return {
    bestValLoss,
    perplexity,
    bitsPerByte,
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

function printResult(result: TrainResult, { adapter }: TrainFlags, out: string): void {
  const { stopped, steps, samples, seconds, tokensPerSecond, data } = result;
  const { bestValLoss, perplexity, bitsPerByte } = result;
  if (stopped) {
    const command = resumeCommand('train', out, adapter);
    console.log(`stopped after step ${steps}; continue with: ${command}`);
    return;
  }
  for (const [i, sample] of samples.entries())
    console.log(`\n--- sample ${i + 1}\n${withoutControls(sample.trim())}`);
  const floor =
    data.entropyFloor === null ? '' : ` (the source's entropy is ${data.entropyFloor.toFixed(4)})`;
  console.log(
    `\nbest validation loss ${bestValLoss?.toFixed(4)} nats per ${tokenUnit(data)}${floor}`,
  );
  const bits = bitsPerByte === null ? '' : `, ${bitsPerByte.toFixed(4)} bits per byte`;
  if (perplexity !== null) console.log(`perplexity ${perplexity.toFixed(3)}${bits}`);
  console.log(
    `${steps} steps in ${formatDuration(seconds)}, ${formatRate(tokensPerSecond)} tokens/s`,
  );
  console.log(`report: ${join(out, 'report.html')}`);
}

async function readText({ path, ...text }: { name: string; file: string; path: string }) {
  return { ...text, content: decodeText(await readBytes(path, 'data file'), path) };
}

/** A Hugging Face folder has its tokenizer in a file, a run in its config.json. */
async function tokenizerAt(path: string): Promise<Tokenizer> {
  const found = await stat(path).catch(() => null);
  const file = found?.isDirectory() ? join(path, 'tokenizer.json') : path;
  if (found?.isDirectory() && !existsSync(file))
    return (await readRun(await openFolder(path))).tokenizer;
  return readTokenizer(decodeText(await readBytes(file, 'tokenizer'), file), file);
}

async function readBytes(file: string, what: string): Promise<Uint8Array> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new DataError(`cannot read the ${what} ${file}: ${reason}`, { cause });
  });
}

function printSettings(): void {
  const row = (name: string, value: string, help: string) =>
    console.log(`${name.padEnd(18)}${value.padEnd(10)}${help}`);
  row('setting', 'default', '');
  for (const [name, value] of Object.entries(TRAIN_DEFAULTS))
    row(name, String(value), SETTINGS_HELP[name as keyof TrainSettings]);
}
