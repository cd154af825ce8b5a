// shadegrad finetune: supervised fine-tuning of a trained model on prompts and completions, or conversations.

import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { CheckpointError, ConfigError, DataError } from '../errors.ts';
import { completeExamples } from '../llm/completions.ts';
import { finetune } from '../llm/finetune.ts';
import { type FinetuneBase, openFinetuneBase } from '../llm/finetune_base.ts';
import { readFinetuneDescription } from '../llm/finetune_description.ts';
import { openFinetuneRun } from '../llm/finetune_run.ts';
import {
  FINETUNE_CHECKS,
  FINETUNE_DEFAULTS,
  FINETUNE_HELP,
  type FinetuneSettings,
} from '../llm/finetune_settings.ts';
import { type Example, holdOut, readExamples } from '../llm/supervised.ts';
import { Device } from '../ops/device.ts';
import { decodeText } from '../text/corpus.ts';
import { commandLine } from './command_line.ts';
import { printResult, printStart, summary } from './finetune_output.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import { type TrainingProgress, trainingProgress } from './progress.ts';
import { newestRunFolder, nextRunFolder } from './runs.ts';
import { loadSettings } from './settings.ts';
import { maskLines } from './show_mask.ts';

/** Held-out examples whose completions are shown at the end. */
const SHOWN = 3;

interface FinetuneFlags {
  readonly model?: string;
  readonly data?: string;
  readonly method?: string;
  readonly template?: string;
  readonly steps?: string;
  readonly seed?: string;
  readonly weights?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly config?: string;
  readonly set?: string[];
  readonly showMask?: string | true;
  readonly adapter: string;
  readonly json?: boolean;
}

const HELP = `
The data has one JSON object a line: {"prompt": "…", "completion": "…"}, or {"messages": [{"role": "user", "content": "…"},
{"role": "assistant", "content": "…"}]}. Prompts and completions are taken as they stand; messages go through --template.
Only what the model is to write counts in the loss, with the mark that ends it: --show-mask shows which tokens do.
A run that was stopped, or killed after its first checkpoint, continues with --resume, bit for bit.

Examples:
  shadegrad finetune --model runs/train-1 --data pairs.jsonl                      LoRA on queries and values
  shadegrad finetune --model runs/train-1 --data pairs.jsonl --method full --set learningRate=3e-4
  shadegrad finetune --model runs/train-1 --data chats.jsonl --template dialogue --show-mask 2
  shadegrad finetune --model runs/train-1 --data pairs.jsonl --set targets='["attention.*","mlp.up"]' --set rank=4
  shadegrad finetune --model SmolLM-135M --data pairs.jsonl --weights 8bit        a quarter of the memory of f32
  shadegrad finetune --resume                                                     the newest run in runs/`;

export function addFinetune(program: Command): void {
  program
    .command('finetune')
    .description('fine-tune a trained model on prompts with completions, or conversations')
    .option('--model <folder>', 'a run of shadegrad train, or a Hugging Face folder')
    .option('--data <file>', 'examples, one JSON object a line')
    .option('--method <name>', 'lora, full, lastK, bitfit, adapter (default: lora)')
    .option(
      '--template <name>',
      'how messages become text: lines, dialogue, document, chatml, llama3',
    )
    .option('--steps <n>', 'training steps (default: 3 epochs)')
    .option('--seed <n>', 'seed of new parameters and of the order of examples')
    .option('--weights <kind>', 'of the frozen model under lora and adapter: stored, or 8bit')
    .option('--out <folder>', 'run folder (default: the next free runs/finetune-N)')
    .option(
      '--resume',
      'continue a run from its newest checkpoint, with its model, data and settings',
    )
    .option('--config <file>', 'settings from a JSON or YAML file')
    .option('--set <key=value>', 'one setting; may be repeated', (value, list: string[] = []) => [
      ...list,
      value,
    ])
    .option('--show-mask [n]', 'show which tokens of the first n examples count (3), and stop')
    .option('--adapter <name>', "auto, hardware, software, or a part of an adapter's name", 'auto')
    .option('--json', 'print JSON only, one object a line; the last line is the result')
    .addHelpText('after', `\nSettings of --set:\n${settingsHelp()}\n${HELP}`)
    .action(run);
}

/** What a run is of, and where it goes. */
interface Plan {
  readonly out: string;
  readonly model: string;
  readonly data: string;
  readonly settings: FinetuneSettings;
}

/** What the flags say; of a run that is resumed the rest is as it was. */
async function planOf(flags: FinetuneFlags): Promise<Plan> {
  const { resume = false } = flags;
  const out = flags.out ?? (await (resume ? newestRunFolder : nextRunFolder)('finetune'));
  const saved = resume ? await readFinetuneDescription(await openFolder(out)) : null;
  if (resume && !saved) {
    throw new CheckpointError(
      `${out} holds no fine-tuning that could continue; start without --resume`,
    );
  }
  const model = flags.model ?? saved?.base;
  const data = flags.data ?? saved?.dataFile;
  if (model === undefined || data === undefined)
    throw new ConfigError('finetune needs --model and --data, or --resume to continue a run');
  return { out, model, data, settings: await settingsFrom(flags, saved?.settings) };
}

async function run(flags: FinetuneFlags): Promise<void> {
  const plan = await planOf(flags);
  const { settings, model, data } = plan;
  const text = await readText(data);
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  try {
    const base = await openFinetuneBase(device, await openFolder(model), settings);
    const { tokenizer } = base;
    const { template } = settings;
    const { context } = base.model.config;
    const examples = readExamples(text, basename(data), { tokenizer, template, context });
    if (flags.showMask) {
      const shown = examples.slice(0, shownExamples(flags.showMask));
      for (const line of maskLines(shown, tokenizer, flags)) console.log(line);
      return;
    }
    await train(device, base, { examples, text }, plan, flags);
  } finally {
    device.destroy();
  }
}

function shownExamples(flag: string | true): number {
  const count = flag === true ? 3 : Number(flag);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new ConfigError(`--show-mask ${flag}: expected a whole number from 1 on`);
}

async function train(
  device: Device,
  base: FinetuneBase,
  { examples, text }: { readonly examples: readonly Example[]; readonly text: string },
  { out, model, data: dataFile, settings }: Plan,
  flags: FinetuneFlags,
): Promise<void> {
  const { json = false, resume = false } = flags;
  let progress: TrainingProgress | null = null;
  const note = (line: string) => (progress ? progress.note(line) : console.error(line));
  const run = await openFinetuneRun(await openFolder(out), base, {
    device,
    settings,
    base: resolve(model),
    data: basename(dataFile),
    dataFile: resolve(dataFile),
    text,
    resume,
    onNote: note,
  });
  const data = holdOut(examples, settings.validation);
  const onStop = () => note('stopping, with a checkpoint (Ctrl-C again: at once, without one)');
  await interruptible(onStop, async (signal) => {
    const result = await finetune(device, base.model, data, {
      settings,
      run,
      signal,
      onStart: (start) => {
        if (!json) printStart(start, { ...data, settings, device, out });
        progress = trainingProgress({ total: start.steps, start: start.first, json });
        if (start.evaluation && !json)
          progress.note(`before: validation loss ${start.evaluation.loss.toFixed(4)}`);
      },
      onProgress: ({ step, losses, tokensPerSecond, evaluation }) => {
        const validationLoss = evaluation && { validationLoss: evaluation.loss };
        progress?.update(step, { loss: losses.at(-1)!, tokensPerSecond, ...validationLoss });
        if (evaluation && !json)
          progress?.note(`step ${step}: validation loss ${evaluation.loss.toFixed(4)}`);
      },
    }).finally(() => progress?.finish());
    const { tokenizer } = base;
    const adapter = result.adapterName;
    const shown = result.stopped ? [] : data.heldOut.slice(0, SHOWN);
    const samples = await completeExamples(device, base.model, tokenizer, shown, { adapter });
    await run.finish(result);
    if (json) console.log(JSON.stringify(summary(result, { samples, device, out })));
    else printResult(result, base, { samples, out });
    if (!result.stopped) return;
    process.exitCode = INTERRUPTED;
    const same = flags.adapter === 'auto' ? [] : ['--adapter', flags.adapter];
    const again = commandLine(['finetune', '--resume', '--out', out, ...same]);
    if (!json) console.log(`stopped after step ${result.step}; continue with: ${again}`);
  });
}

function settingsFrom(
  flags: FinetuneFlags,
  saved: Partial<FinetuneSettings> = {},
): Promise<FinetuneSettings> {
  const { method, template, steps, seed, weights, config } = flags;
  const given = Object.entries({ method, template, steps, seed, weights }).filter(
    ([, value]) => value !== undefined,
  );
  const set = [...(flags.set ?? []), ...given.map(([name, value]) => `${name}=${value}`)];
  return loadSettings(FINETUNE_DEFAULTS, {
    preset: saved,
    set,
    checks: FINETUNE_CHECKS,
    ...(config && { file: config }),
  });
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new DataError(`cannot read the data file ${file}: ${reason}`, { cause });
  });
  return decodeText(bytes, file);
}

function settingsHelp(): string {
  return Object.entries(FINETUNE_DEFAULTS)
    .map(([name, value]) => {
      const help = FINETUNE_HELP[name as keyof FinetuneSettings];
      return `  ${name.padEnd(16)}${JSON.stringify(value).padEnd(20)}${help}`;
    })
    .join('\n');
}
