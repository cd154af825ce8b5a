// shadegrad reward: a reward model, trained on which of two answers is better.

import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { openFolder } from '#folder';
import { CheckpointError, ConfigError } from '../errors.ts';
import { replyEnd } from '../llm/conversation.ts';
import { type FinetuneBase, openFinetuneBase } from '../llm/finetune_base.ts';
import { Device } from '../ops/device.ts';
import { encodePreferences, readPreferences, skippedLines } from '../posttrain/preferences.ts';
import type { RewardEvaluation } from '../posttrain/reward_evaluation.ts';
import { readRewardDescription } from '../posttrain/reward_file.ts';
import { openRewardRun } from '../posttrain/reward_run.ts';
import {
  REWARD_CHECKS,
  REWARD_DEFAULTS,
  REWARD_HELP,
  REWARD_PRESETS,
  type RewardSettings,
  templateOf,
} from '../posttrain/reward_settings.ts';
import {
  createRewardModel,
  drawReference,
  type RewardData,
  type RewardResult,
  type RewardStart,
  trainRewardModel,
} from '../posttrain/reward_training.ts';
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
import { readDataFile, tuningSettingsHelp } from './tuning.ts';

interface RewardFlags extends RunFlags {
  readonly model?: string;
  readonly data?: string;
  readonly method?: string;
  readonly template?: string;
  readonly ties?: string;
  readonly seed?: string;
  readonly preset?: string;
  readonly ceiling?: string;
}

const HELP = `
The data has one JSON object a line: {"prompt": "…", "chosen": "…", "rejected": "…"}, or {"prompt": "…", "a": "…", "b": "…",
"label": "B"} with the label "A", "B" or "tie"; messages, a conversation up to the answer, may stand in the place of the
prompt. shadegrad label makes such lines. Lines without a winner or with equal answers are counted and passed over.
The model reads a prompt with an answer, and a head at its last token says what it is worth: P(A better) = σ(r_A - r_B).
What was learned goes into reward.safetensors and reward.json, which shadegrad rlhf --reward takes.
A run that was stopped, or killed after its first checkpoint, continues with --resume, bit for bit.

Examples:
  shadegrad reward --model runs/train-1 --data pairs.jsonl                    a LoRA and a head, one epoch
  shadegrad reward --model runs/train-1 --data pairs.jsonl --ties half --set batch=16 --set margin=0.2
  shadegrad reward --model SmolLM-135M --data pairs.jsonl --template chatml --preset trl
  shadegrad reward --resume                                                   the newest run in runs/`;

export function addReward(program: Command): void {
  addRunOptions(
    program
      .command('reward')
      .description('train a reward model on preferences: which of two answers is better')
      .option('--model <folder>', 'a run of shadegrad train or finetune, or a Hugging Face folder')
      .option('--data <file>', 'preferences, one JSON object a line')
      .option('--method <name>', 'lora, or full: all of the model (default: lora)')
      .option('--template <name>', 'how messages become text, and what ends an answer')
      .option('--ties <how>', 'drop, or half: as likely one as the other (default: drop)')
      .option('--seed <n>', 'seed of new parameters and of the order of preferences')
      .option('--preset <name>', `settings of that name: ${Object.keys(REWARD_PRESETS).join(', ')}`)
      .option(
        '--ceiling <share>',
        'of the labels, the most that any judge can agree with, if known',
      ),
  )
    .addHelpText(
      'after',
      `\nSettings of --set:\n${tuningSettingsHelp(REWARD_DEFAULTS, REWARD_HELP)}\n${HELP}`,
    )
    .action(run);
}

/** What a run is of, and where it goes. */
interface Plan {
  readonly out: string;
  readonly model: string;
  readonly data: string;
  readonly settings: RewardSettings;
  /** Of the labels; null where it is not known. */
  readonly ceiling: number | null;
}

/** What the flags say; of a run that is resumed the rest is as it was. */
async function planOf(flags: RewardFlags): Promise<Plan> {
  const { resume = false } = flags;
  const out = flags.out ?? (await (resume ? newestRunFolder : nextRunFolder)('reward'));
  const saved = resume ? await readRewardDescription(await openFolder(out)) : null;
  if (resume && !saved)
    throw new CheckpointError(`${out} holds no reward model in training; start without --resume`);
  const model = flags.model ?? saved?.base;
  const data = flags.data ?? saved?.dataFile;
  if (model === undefined || data === undefined)
    throw new ConfigError('reward needs --model and --data, or --resume to continue a run');
  const ceiling = flags.ceiling === undefined ? null : Number(flags.ceiling);
  if (ceiling !== null && !(ceiling >= 0.5 && ceiling <= 1))
    throw new ConfigError(`--ceiling ${flags.ceiling}: expected a share from 0.5 to 1`);
  return { out, model, data, settings: await settingsFrom(flags, saved?.settings), ceiling };
}

function settingsFrom(
  { preset, method, template, ties, seed, config, set = [] }: RewardFlags,
  saved: Partial<RewardSettings> = {},
): Promise<RewardSettings> {
  const named = preset === undefined ? {} : presetNamed(REWARD_PRESETS, preset);
  const given = Object.entries({ method, template, ties, seed })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  return loadSettings(REWARD_DEFAULTS, {
    preset: { ...saved, ...named },
    set: [...set, ...given],
    checks: REWARD_CHECKS,
    ...(config && { file: config }),
  });
}

async function run(flags: RewardFlags): Promise<void> {
  const plan = await planOf(flags);
  const { settings, model, data, out } = plan;
  const { resume = false, json = false } = flags;
  const text = await readDataFile(data);
  const { preferences, skipped } = readPreferences(text, basename(data), settings);
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  let progress: TrainingProgress | null = null;
  const note = (line: string) => {
    if (progress) progress.note(line);
    else if (!json) console.error(line);
  };
  if (skipped.length > 0) note(skippedLines(skipped));
  const onStop = () => note('stopping, with a checkpoint (Ctrl-C again: at once, without one)');
  try {
    const base = await openFinetuneBase(device, await openFolder(model), {
      method: settings.method,
      weights: 'stored',
    });
    await interruptible(onStop, async (signal) => {
      const kept = await openRewardRun(await openFolder(out), base.model, {
        ...{ device, settings, text, resume, onNote: note },
        ...{ base: resolve(model), data: basename(data), dataFile: resolve(data) },
      });
      const tokens = encodePreferences(preferences, {
        tokenizer: base.tokenizer,
        template: templateOf(settings, base.tokenizer),
        context: base.model.config.context - 1, // the last token is read too
      });
      const split = await dataOf(device, base, tokens, settings, signal);
      const rewardModel = createRewardModel(device, base.model, settings);
      const result = await trainRewardModel(device, rewardModel, split, {
        settings,
        run: kept,
        signal,
        onStart: (start) => {
          if (!json) printStart(start, { ...split, device, out });
          progress = trainingProgress({ total: start.steps, start: start.first, json });
        },
        onProgress: ({ step, losses, evaluation }) => {
          const validationLoss = evaluation && { validationLoss: evaluation.loss };
          progress?.update(step, { loss: losses.at(-1)!, ...validationLoss });
          if (evaluation && !json)
            progress?.note(`step ${step}: validation loss ${evaluation.loss.toFixed(4)}`);
        },
      }).finally(() => progress?.finish());
      await kept.finish(rewardModel, result);
      if (json) console.log(JSON.stringify(summary(result, plan, skipped.length)));
      else printResult(result, plan, flags);
      if (result.stopped) process.exitCode = INTERRUPTED;
    });
  } finally {
    device.destroy();
  }
}

/** What is learned, what is held out, and answers of the base, drawn for the prompts of the former. */
async function dataOf(
  device: Device,
  { model, tokenizer }: FinetuneBase,
  all: ReturnType<typeof encodePreferences>,
  { validation, normaliseWith, seed, ...settings }: RewardSettings,
  signal: AbortSignal,
): Promise<RewardData> {
  const held = Math.ceil(all.length * validation);
  const [train, heldOut] = [all.slice(0, all.length - held), all.slice(all.length - held)];
  if (train.length === 0)
    throw new ConfigError(
      `validation of ${validation} takes all ${all.length} preferences; lower it, or give more`,
    );
  const { ends } = replyEnd(tokenizer, templateOf(settings, tokenizer));
  const longest = train.reduce(
    (n, { chosen, rejected }) => Math.max(n, chosen.length, rejected.length),
    0,
  );
  const prompts = train.map(({ promptIds }) => promptIds);
  const room = model.config.context - prompts.reduce((n, ids) => Math.max(n, ids.length), 0);
  const reference = await drawReference(device, { model, adapter: null }, prompts, {
    ...{ count: normaliseWith, maxNewTokens: Math.min(room, longest), ends, seed, signal },
  });
  return { train, heldOut, reference };
}

function printStart(
  { steps, first, trained }: RewardStart,
  { train, heldOut, device, out }: RewardData & { device: Device; out: string },
): void {
  const count = (n: number) => n.toLocaleString('en');
  console.error(`pairs    ${count(train.length)} to train on, ${count(heldOut.length)} held out`);
  console.error(`trained  ${count(trained)} values, ${count(steps)} steps`);
  console.error(`adapter  ${device.adapter.name}`);
  console.error(`run      ${out}${first > 0 ? `, resumed after step ${count(first)}` : ''}\n`);
}

/** What --json prints last. */
function summary({ settings, ...result }: RewardResult, { out, ceiling }: Plan, skipped: number) {
  return { ...result, ...(ceiling !== null && { ceiling }), skipped, settings, out };
}

function printResult(
  { evaluation, stopped, step, seconds }: RewardResult,
  { out, ceiling }: Plan,
  flags: RewardFlags,
): void {
  if (stopped) {
    const again = resumeCommand('reward', out, flags.adapter);
    console.log(`stopped after step ${step}; continue with: ${again}`);
    return;
  }
  if (evaluation) for (const line of evaluationLines(evaluation, ceiling)) console.log(line);
  console.log(`${step} steps in ${formatDuration(seconds)}; the reward model: ${out}`);
}

export function evaluationLines(
  { pairs, accuracy, loss, meanMargin, calibrationError, calibration }: RewardEvaluation,
  ceiling: number | null,
): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const most = ceiling === null ? '' : ` (no judge agrees with more than ${percent(ceiling)})`;
  return [
    `held out     ${pairs} pairs`,
    `accuracy     ${percent(accuracy)}${most}`,
    `loss         ${loss.toFixed(4)} nats; chance is ${Math.LN2.toFixed(4)}`,
    `margin       ${meanMargin.toFixed(3)} on average`,
    `calibration  off by ${percent(calibrationError)} on average: predicted, observed, pairs`,
    ...calibration.map(
      ({ predicted, observed, pairs }) =>
        `  ${percent(predicted).padStart(8)} ${percent(observed).padStart(8)} ${String(pairs).padStart(7)}`,
    ),
  ];
}
