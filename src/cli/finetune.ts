// shadegrad finetune: supervised fine-tuning of a trained model on prompts and completions, or conversations.

import { basename } from 'node:path';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { ConfigError } from '../errors.ts';
import { completeExamples } from '../llm/completions.ts';
import { finetune } from '../llm/finetune.ts';
import { openFinetuneBase } from '../llm/finetune_base.ts';
import { FINETUNE_CHECKS, FINETUNE_DEFAULTS, FINETUNE_HELP } from '../llm/finetune_settings.ts';
import { holdOut, readExamples } from '../llm/supervised.ts';
import { Device } from '../ops/device.ts';
import { printResult, printStart, summary } from './finetune_output.ts';
import { maskLines } from './show_mask.ts';
import {
  addTuningOptions,
  readDataFile,
  runTuning,
  type TuningFlags,
  tuningPlan,
  tuningSettingsHelp,
} from './tuning.ts';

/** Held-out examples whose completions are shown at the end. */
const SHOWN = 3;

interface FinetuneFlags extends TuningFlags {
  readonly showMask?: string | true;
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

const SETTINGS = { defaults: FINETUNE_DEFAULTS, checks: FINETUNE_CHECKS };

export function addFinetune(program: Command): void {
  const command = program
    .command('finetune')
    .description('fine-tune a trained model on prompts with completions, or conversations');
  addTuningOptions(command, 'examples, one JSON object a line')
    .option('--show-mask [n]', 'show which tokens of the first n examples count (3), and stop')
    .addHelpText(
      'after',
      `\nSettings of --set:\n${tuningSettingsHelp(FINETUNE_DEFAULTS, FINETUNE_HELP)}\n${HELP}`,
    )
    .action(run);
}

async function run(flags: FinetuneFlags): Promise<void> {
  const own = ['method', 'template', 'steps', 'seed', 'weights'] as const;
  const plan = await tuningPlan('finetune', flags, own, SETTINGS);
  const { settings, out } = plan;
  const { json = false } = flags;
  const text = await readDataFile(plan.data);
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  try {
    const base = await openFinetuneBase(device, await openFolder(plan.model), settings);
    const { model, tokenizer } = base;
    const { template } = settings;
    const { context } = model.config;
    const examples = readExamples(text, basename(plan.data), { tokenizer, template, context });
    if (flags.showMask) {
      const shown = examples.slice(0, shownExamples(flags.showMask));
      for (const line of maskLines(shown, tokenizer, flags)) console.log(line);
      return;
    }
    const data = holdOut(examples, settings.validation);
    await runTuning(
      {
        ...{ name: 'finetune', device, base, plan, text },
        train: (options) => finetune(device, model, data, { settings, ...options }),
        printStart: (start) => printStart(start, { ...data, settings, device, out }),
        told: ({ loss }) => `validation loss ${loss.toFixed(4)}`,
        async finish(result) {
          const shown = result.stopped ? [] : data.heldOut.slice(0, SHOWN);
          const adapter = result.adapterName;
          const samples = await completeExamples(device, model, tokenizer, shown, { adapter });
          if (json) console.log(JSON.stringify(summary(result, { samples, device, out })));
          else printResult(result, base, { samples, out });
        },
      },
      flags,
    );
  } finally {
    device.destroy();
  }
}

function shownExamples(flag: string | true): number {
  const count = flag === true ? 3 : Number(flag);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new ConfigError(`--show-mask ${flag}: expected a whole number from 1 on`);
}
