// shadegrad dpo: a model learns from preferences directly, with no reward model.

import { basename } from 'node:path';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { openFinetuneBase } from '../llm/finetune_base.ts';
import { FINETUNE_HELP } from '../llm/finetune_settings.ts';
import type { Measured } from '../llm/run_steps.ts';
import { holdOut } from '../llm/supervised.ts';
import { Device } from '../ops/device.ts';
import { DPO_CHECKS, DPO_DEFAULTS, type DpoResult, dpo } from '../posttrain/dpo.ts';
import { encodePreferences, readPreferences, skippedLines } from '../posttrain/preferences.ts';
import { formatDuration } from './progress.ts';
import {
  addTuningOptions,
  readDataFile,
  runTuning,
  type TuningFlags,
  tuningPlan,
  tuningSettingsHelp,
} from './tuning.ts';

const HELP = `
The data has one JSON object a line: {"prompt": "…", "chosen": "…", "rejected": "…"}, or "a", "b" and "label": "A" or "B";
"messages" up to the answer may stand in the place of "prompt". Lines without a winner, or with equal answers, are skipped.
The policy is held to the model as it was, by beta; with lora, that model is the frozen one beneath. The folder is one that
generate, chat, finetune and judge take. A run that was stopped continues with --resume, bit for bit.

Examples:
  shadegrad dpo --model runs/finetune-1 --data pairs.jsonl                  LoRA on queries and values, beta 0.1
  shadegrad dpo --model runs/finetune-1 --data pairs.jsonl --beta 0.5 --method full
  shadegrad dpo --model SmolLM-135M-Instruct --data pairs.jsonl --template chatml --set targets='["attention.*","mlp.*"]'
  shadegrad dpo --resume                                                    the newest run in runs/`;

const SETTINGS_HELP = {
  ...FINETUNE_HELP,
  beta: 'how strongly the policy is held to the reference',
};

export function addDpo(program: Command): void {
  const command = program
    .command('dpo')
    .description('tune a model to preferences by direct preference optimisation');
  addTuningOptions(command, 'preferences, one JSON object a line')
    .option('--beta <b>', 'how strongly the policy is held to where it began (default: 0.1)')
    .addHelpText(
      'after',
      `\nSettings of --set:\n${tuningSettingsHelp(DPO_DEFAULTS, SETTINGS_HELP)}\n${HELP}`,
    )
    .action(run);
}

async function run(flags: TuningFlags): Promise<void> {
  const own = ['beta', 'method', 'template', 'steps', 'seed', 'weights'] as const;
  const plan = await tuningPlan('dpo', flags, own, { defaults: DPO_DEFAULTS, checks: DPO_CHECKS });
  const { settings, out } = plan;
  const { json = false } = flags;
  const text = await readDataFile(plan.data);
  const { preferences, skipped } = readPreferences(text, basename(plan.data));
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  try {
    const base = await openFinetuneBase(device, await openFolder(plan.model), settings);
    const { model, tokenizer } = base;
    const { context } = model.config;
    const { template } = settings;
    const pairs = encodePreferences(preferences, { tokenizer, template, context });
    const data = holdOut(pairs, settings.validation);
    if (!json && skipped.length > 0) console.error(skippedLines(skipped));
    await runTuning(
      {
        ...{ name: 'dpo', device, base, plan, text },
        train: (options) => dpo(device, model, data, { settings, ...options }),
        told,
        printStart({ trained, parameters, first }) {
          const count = (n: number) => n.toLocaleString('en');
          console.error(
            `pairs    ${count(data.train.length)} to train on, ${count(data.heldOut.length)} held out`,
          );
          console.error(
            `trained  ${count(trained)} of ${count(parameters)} values (${settings.method}), beta ${settings.beta}`,
          );
          console.error(`adapter  ${device.adapter.name}`);
          console.error(
            `run      ${out}${first > 0 ? `, resumed after step ${count(first)}` : ''}\n`,
          );
        },
        async finish(result) {
          if (json) console.log(JSON.stringify(summary(result, skipped.length, device, out)));
          else printResult(result, out);
        },
      },
      flags,
    );
  } finally {
    device.destroy();
  }
}

const told = ({ loss, metrics = {} }: Measured) =>
  `loss ${loss.toFixed(4)}, accuracy ${metrics['rewards/accuracy']!.toFixed(3)}, margin ${metrics['rewards/margin']!.toFixed(3)} on held-out pairs`;

/** What --json prints last. */
function summary({ step, ...result }: DpoResult, skipped: number, device: Device, out: string) {
  const last = result.evaluations.at(-1);
  return {
    valLoss: last?.loss ?? null,
    metrics: last?.metrics ?? null,
    ...result,
    steps: step,
    skipped,
    adapter: device.adapter.name,
    out,
  };
}

function printResult({ evaluations, step, seconds }: DpoResult, out: string): void {
  const last = evaluations.at(-1);
  if (last) console.log(`\n${told(last)}; loss ${evaluations[0]!.loss.toFixed(4)} before`);
  console.log(`${step} steps in ${formatDuration(seconds)}: ${out}`);
}
