// What the commands share that tune a model on a file of data: their options, what they are of, and training with its
// progress, checkpoints and result.

import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { CheckpointError, ConfigError, DataError } from '../errors.ts';
import type { Checks } from '../io/config.ts';
import type { FinetuneBase } from '../llm/finetune_base.ts';
import { readFinetuneDescription } from '../llm/finetune_description.ts';
import { openFinetuneRun } from '../llm/finetune_run.ts';
import type { FinetuneSettings } from '../llm/finetune_settings.ts';
import type { TrainProgress } from '../llm/run_steps.ts';
import type { TuneOptions, TuneResult, TuneStart } from '../llm/tuner.ts';
import type { Device } from '../ops/device.ts';
import { decodeText } from '../text/corpus.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import { type TrainingProgress, trainingProgress } from './progress.ts';
import {
  addRunOptions,
  newestRunFolder,
  nextRunFolder,
  type RunFlags,
  resumeCommand,
} from './runs.ts';
import { loadSettings } from './settings.ts';

export interface TuningFlags extends RunFlags {
  readonly model?: string;
  readonly data?: string;
}

/** @param data what the file holds */
export function addTuningOptions(command: Command, data: string): Command {
  return addRunOptions(
    command
      .option('--model <folder>', 'a run of shadegrad train, or a Hugging Face folder')
      .option('--data <file>', data)
      .option('--method <name>', 'lora, full, lastK, bitfit, adapter (default: lora)')
      .option(
        '--template <name>',
        'how messages become text: lines, dialogue, document, chatml, llama3',
      )
      .option('--steps <n>', 'training steps (default: by the epochs)')
      .option('--seed <n>', 'seed of new parameters and of the order of examples')
      .option('--weights <kind>', 'of the frozen model under lora and adapter: stored, or 8bit'),
  );
}

/** What a run is of, and where it goes. */
export interface TuningPlan<Settings> {
  readonly out: string;
  readonly model: string;
  readonly data: string;
  readonly settings: Settings;
}

/**
 * What the flags say; of a run that is resumed the rest is as it was.
 * @param own flags that are settings of the same names
 */
export async function tuningPlan<Settings extends FinetuneSettings>(
  name: string,
  flags: TuningFlags,
  own: readonly (keyof Settings & string)[],
  { defaults, checks }: { readonly defaults: Settings; readonly checks: Checks<Settings> },
): Promise<TuningPlan<Settings>> {
  const { resume = false, config } = flags;
  const out = flags.out ?? (await (resume ? newestRunFolder : nextRunFolder)(name));
  const saved = resume ? await readFinetuneDescription(await openFolder(out)) : null;
  if (resume && !saved) {
    throw new CheckpointError(
      `${out} holds no fine-tuning that could continue; start without --resume`,
    );
  }
  const model = flags.model ?? saved?.base;
  const data = flags.data ?? saved?.dataFile;
  if (model === undefined || data === undefined)
    throw new ConfigError(`${name} needs --model and --data, or --resume to continue a run`);
  const given = own.flatMap((key) => {
    const value = (flags as unknown as Record<string, string | undefined>)[key];
    return value === undefined ? [] : [`${key}=${value}`];
  });
  const settings = await loadSettings(defaults, {
    preset: saved?.settings ?? {},
    set: [...(flags.set ?? []), ...given],
    checks,
    ...(config && { file: config }),
  });
  return { out, model, data, settings };
}

export async function readDataFile(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new DataError(`cannot read the data file ${file}: ${reason}`, { cause });
  });
  return decodeText(bytes, file);
}

/** A line for each setting. */
export function tuningSettingsHelp<Settings extends object>(
  defaults: Settings,
  help: Readonly<Record<keyof Settings, string>>,
): string {
  return Object.entries(defaults)
    .map(([name, value]) => {
      const about = help[name as keyof Settings];
      return `  ${name.padEnd(16)}${JSON.stringify(value).padEnd(20)}${about}`;
    })
    .join('\n');
}

export interface TuningCommand<Settings extends FinetuneSettings> {
  readonly name: string;
  readonly device: Device;
  readonly base: FinetuneBase;
  readonly plan: TuningPlan<Settings>;
  /** The data file's. */
  readonly text: string;
  train(options: TuneOptions): Promise<TuneResult<Settings>>;
  /** For a person, before the first step. */
  printStart(start: TuneStart): void;
  /** What an evaluation says to a person. */
  told(evaluation: NonNullable<TrainProgress['evaluation']>): string;
  /** Prints the result, once what was learned is written. */
  finish(result: TuneResult<Settings>): Promise<void>;
}

export async function runTuning<Settings extends FinetuneSettings>(
  { name, device, base, plan, text, ...command }: TuningCommand<Settings>,
  flags: TuningFlags,
): Promise<void> {
  const { out, settings } = plan;
  const { json = false, resume = false } = flags;
  let progress: TrainingProgress | null = null;
  const note = (line: string) => (progress ? progress.note(line) : console.error(line));
  const run = await openFinetuneRun(await openFolder(out), base, {
    ...{ device, settings, text, resume },
    base: resolve(plan.model),
    data: basename(plan.data),
    dataFile: resolve(plan.data),
    onNote: note,
  });
  const onStop = () => note('stopping, with a checkpoint (Ctrl-C again: at once, without one)');
  await interruptible(onStop, async (signal) => {
    const result = await command
      .train({
        run,
        signal,
        onStart: (start) => {
          if (!json) command.printStart(start);
          progress = trainingProgress({ total: start.steps, start: start.first, json });
          if (start.evaluation && !json) progress.note(`before: ${command.told(start.evaluation)}`);
        },
        onProgress: ({ step, losses, tokensPerSecond, evaluation }) => {
          const validationLoss = evaluation && { validationLoss: evaluation.loss };
          progress?.update(step, { loss: losses.at(-1)!, tokensPerSecond, ...validationLoss });
          if (evaluation && !json) progress?.note(`step ${step}: ${command.told(evaluation)}`);
        },
      })
      .finally(() => progress?.finish());
    await run.finish(result);
    await command.finish(result);
    if (!result.stopped) return;
    process.exitCode = INTERRUPTED;
    const again = resumeCommand(name, out, flags.adapter);
    if (!json) console.log(`stopped after step ${result.step}; continue with: ${again}`);
  });
}
