// shadegrad finetune: supervised fine-tuning of a trained model on prompts and completions, or conversations.

import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { ConfigError, DataError } from '../errors.ts';
import { type Completion, completeExamples } from '../llm/completions.ts';
import { type FinetuneResult, finetune } from '../llm/finetune.ts';
import { type FinetuneBase, openFinetuneBase } from '../llm/finetune_base.ts';
import { openFinetuneRun } from '../llm/finetune_run.ts';
import {
  FINETUNE_CHECKS,
  FINETUNE_DEFAULTS,
  FINETUNE_HELP,
  type FinetuneSettings,
} from '../llm/finetune_settings.ts';
import { countedIn, type Example, holdOut, readExamples } from '../llm/supervised.ts';
import { Device } from '../ops/device.ts';
import { decodeText } from '../text/corpus.ts';
import { INTERRUPTED, interruptible } from './interrupt.ts';
import {
  formatDuration,
  formatRate,
  type TrainingProgress,
  trainingProgress,
  withoutControls,
} from './progress.ts';
import { nextRunFolder } from './runs.ts';
import { loadSettings } from './settings.ts';
import { maskLines } from './show_mask.ts';

/** Held-out examples whose completions are shown at the end. */
const SHOWN = 3;

interface FinetuneFlags {
  readonly model: string;
  readonly data: string;
  readonly method?: string;
  readonly template?: string;
  readonly steps?: string;
  readonly seed?: string;
  readonly out?: string;
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

Examples:
  shadegrad finetune --model runs/train-1 --data pairs.jsonl                      LoRA on queries and values
  shadegrad finetune --model runs/train-1 --data pairs.jsonl --method full --set learningRate=3e-4
  shadegrad finetune --model runs/train-1 --data chats.jsonl --template dialogue --show-mask 2
  shadegrad finetune --model runs/train-1 --data pairs.jsonl --set targets='["attention.*","mlp.up"]' --set rank=4`;

export function addFinetune(program: Command): void {
  program
    .command('finetune')
    .description('fine-tune a trained model on prompts with completions, or conversations')
    .requiredOption('--model <folder>', 'a run of shadegrad train, or a Hugging Face folder')
    .requiredOption('--data <file>', 'examples, one JSON object a line')
    .option('--method <name>', 'lora, full, lastK, bitfit, adapter (default: lora)')
    .option(
      '--template <name>',
      'how messages become text: lines, dialogue, document, chatml, llama3',
    )
    .option('--steps <n>', 'training steps (default: 3 epochs)')
    .option('--seed <n>', 'seed of new parameters and of the order of examples')
    .option('--out <folder>', 'run folder (default: the next free runs/finetune-N)')
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

async function run(flags: FinetuneFlags): Promise<void> {
  const settings = await settingsFrom(flags);
  const text = await readText(flags.data);
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  try {
    const folder = await openFolder(flags.model);
    const base = await openFinetuneBase(device, folder, settings.method);
    const { tokenizer, model } = base;
    const { template } = settings;
    const { context } = model.config;
    const examples = readExamples(text, basename(flags.data), { tokenizer, template, context });
    if (flags.showMask) {
      const shown = examples.slice(0, shownExamples(flags.showMask));
      for (const line of maskLines(shown, tokenizer, flags)) console.log(line);
      return;
    }
    await train(device, base, examples, settings, flags);
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
  examples: readonly Example[],
  settings: FinetuneSettings,
  flags: FinetuneFlags,
): Promise<void> {
  const { json } = flags;
  const out = flags.out ?? (await nextRunFolder('finetune'));
  const run = await openFinetuneRun(await openFolder(out), base, {
    settings,
    base: resolve(flags.model),
    data: basename(flags.data),
  });
  const data = holdOut(examples, settings.validation);
  let progress: TrainingProgress | null = null;
  const onStop = () =>
    progress?.note('stopping; what was learned is saved (Ctrl-C again: at once, without)');
  await interruptible(onStop, async (signal) => {
    const result = await finetune(device, base.model, data, {
      settings,
      signal,
      onStart: ({ steps, trained, parameters, evaluation }) => {
        const count = (n: number) => n.toLocaleString('en');
        progress = trainingProgress({ total: steps, json });
        if (json) return;
        console.error(
          `examples ${count(data.train.length)} to train on, ${count(data.heldOut.length)} held out, ${count(countedIn(examples))} counted tokens`,
        );
        console.error(
          `trained  ${count(trained)} of ${count(parameters)} values (${settings.method})`,
        );
        console.error(`adapter  ${device.adapter.name}`);
        console.error(`run      ${out}\n`);
        if (evaluation) progress.note(`before: validation loss ${evaluation.loss.toFixed(4)}`);
      },
      onProgress: async (report) => {
        await run.log(report);
        const { step, losses, tokensPerSecond, evaluation } = report;
        const validationLoss = evaluation && { validationLoss: evaluation.loss };
        progress?.update(step, { loss: losses.at(-1)!, tokensPerSecond, ...validationLoss });
        if (evaluation && !json)
          progress?.note(`step ${step}: validation loss ${evaluation.loss.toFixed(4)}`);
      },
    }).finally(() => progress?.finish());
    const { model, tokenizer } = base;
    const adapter = result.adapterName;
    const shown = data.heldOut.slice(0, SHOWN);
    const samples = await completeExamples(device, model, tokenizer, shown, { adapter });
    await run.finish(result);
    if (json) console.log(JSON.stringify(summary(result, { samples, device, out })));
    else printResult(result, base, { samples, out });
    if (result.stopped) process.exitCode = INTERRUPTED;
  });
}

function summary(
  { evaluations, step, ...rest }: FinetuneResult,
  { samples, device, out }: { samples: readonly Completion[]; device: Device; out: string },
) {
  const losses = evaluations.map(({ loss }) => loss);
  return {
    bestValLoss: losses.length > 0 ? Math.min(...losses) : null,
    valLoss: losses.at(-1) ?? null,
    ...rest,
    steps: step,
    evaluations,
    samples,
    adapter: device.adapter.name,
    out,
  };
}

function printResult(
  result: FinetuneResult,
  { savesMerged }: FinetuneBase,
  { samples, out }: { samples: readonly Completion[]; out: string },
): void {
  const { evaluations, step, seconds, tokensPerSecond, settings } = result;
  const shown = (text: string) => JSON.stringify(withoutControls(text));
  for (const { prompt, written, expected } of samples)
    console.log(`${shown(prompt)} ${shown(written)}, expected ${shown(expected)}`);
  const last = evaluations.at(-1);
  const before = evaluations[0]?.loss.toFixed(4);
  if (last)
    console.log(
      `\nvalidation loss ${last.loss.toFixed(4)} nats per counted token, ${before} before`,
    );
  console.log(
    `${step} steps in ${formatDuration(seconds)}, ${formatRate(tokensPerSecond)} tokens/s`,
  );
  const kept = {
    lora: `${savesMerged ? 'the model, and ' : ''}the adapter in PEFT's format`,
    adapter: 'the bottlenecks',
  };
  const { method } = settings;
  console.log(`${method in kept ? kept[method as keyof typeof kept] : 'the model'}: ${out}`);
}

function settingsFrom(flags: FinetuneFlags): Promise<FinetuneSettings> {
  const { method, template, steps, seed, config } = flags;
  const given = Object.entries({ method, template, steps, seed }).filter(
    ([, value]) => value !== undefined,
  );
  const set = [...(flags.set ?? []), ...given.map(([name, value]) => `${name}=${value}`)];
  return loadSettings(FINETUNE_DEFAULTS, {
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
