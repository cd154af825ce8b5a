// The command of a method that learns from answers it draws: its folder, model, settings, progress and result, the same for
// all of them.

import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import plotScript from 'uplot/dist/uPlot.iife.min.js' with { type: 'text' };
import plotStyle from 'uplot/dist/uPlot.min.css' with { type: 'text' };
import { openFolder } from '#folder';
import { CheckpointError, ConfigError } from '../errors.ts';
import type { Checks } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import { subfolder } from '../io/folder.ts';
import { decodeUtf8, parseJson, toPlain } from '../io/json.ts';
import { RUN_CONFIG } from '../io/learning_run.ts';
import { exampleBatches } from '../llm/supervised.ts';
import { Device } from '../ops/device.ts';
import {
  openPolicyBase,
  type PolicyBase,
  TUNING_CHECKS,
  TUNING_DEFAULTS,
  type TuningSettings,
} from '../posttrain/policy_base.ts';
import {
  type AnswerEvaluation,
  PLAN_DEFAULTS,
  type PostTrainPlan,
  type PostTrainProgress,
  type PostTrainResult,
  postTrain,
} from '../posttrain/post_train.ts';
import type { Reward, Task } from '../posttrain/rewards.ts';
import type { DrawingSettings, TextLearner, TextProblem } from '../posttrain/rlhf.ts';
import { longestPrompt } from '../posttrain/tasks_file.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
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

/** What is asked, what answers are worth, and what else is measured of them. */
export interface TaskSource {
  readonly train: readonly Task[];
  readonly heldOut: readonly Task[];
  /** What is optimised. */
  readonly rewards: readonly Reward[];
  /** What held-out answers are measured by. */
  readonly judges: readonly Reward[];
  /** The text of the token that ends an answer. */
  readonly end: string;
}

/** What the flags say of the tasks; a run remembers it. */
export type SourceFlags = Readonly<Record<string, string>>;

export interface DrawingCommand<S extends DrawingSettings> {
  readonly name: string;
  readonly description: string;
  /** For --help: what is done, and examples. */
  readonly help: string;
  readonly defaults: S;
  readonly checks: Checks<S>;
  readonly presets: Readonly<Record<string, Partial<S>>>;
  /** Flags of the tasks: their names, and what is said of them in --help. */
  readonly flags: readonly (readonly [flag: string, about: string])[];
  /** Their names as commander knows them. */
  readonly flagNames: readonly string[];
  source(
    flags: SourceFlags,
    context: { readonly device: Device; readonly base: PolicyBase; readonly seed: number },
  ): Promise<TaskSource>;
  create(device: Device, problem: TextProblem<Task>, settings: S): TextLearner<Task>;
  /** Something else that the command does; true where it did. */
  instead?(flags: DrawingFlags): Promise<boolean>;
}

export interface DrawingFlags extends Readonly<Record<string, unknown>>, RunFlags {
  readonly model?: string;
  readonly preset?: string;
  readonly steps?: string;
  readonly seed?: string;
  readonly beta?: string;
}

type AllSettings<S> = S & TuningSettings & PostTrainPlan;

/** What a run's config.json says of it. */
interface About<S> {
  readonly method: string;
  readonly model: string;
  readonly source: SourceFlags;
  readonly settings: AllSettings<S>;
}

/** Where the checkpoints of a run lie: of what is trained, not of a model that others could load. */
const UNFINISHED = 'unfinished';

export function addDrawingCommand<S extends DrawingSettings>(
  program: Command,
  command: DrawingCommand<S>,
): void {
  const { name, defaults, presets } = command;
  const all = { ...defaults, ...TUNING_DEFAULTS, ...PLAN_DEFAULTS };
  const settings = Object.entries(all).map(([key, value]) => `  ${key}=${JSON.stringify(value)}`);
  const made = program
    .command(name)
    .description(command.description)
    .option('--model <folder>', 'a run of shadegrad train or finetune, or a Hugging Face folder');
  for (const [flag, about] of command.flags) made.option(flag, about);
  addRunOptions(
    made
      .option('--preset <name>', `settings of that name: ${Object.keys(presets).join(', ')}`)
      .option('--steps <n>', 'rollouts, each with its updates')
      .option('--beta <b>', 'coefficient of the KL from the reference')
      .option('--seed <n>', 'seed of new parameters, of the order of tasks, and of the answers'),
  )
    .addHelpText(
      'after',
      `\nSettings, as --set takes them:\n${settings.join('\n')}\n${command.help}`,
    )
    .action(async (flags: DrawingFlags) => {
      if (!(await command.instead?.(flags))) await run(command, flags);
    });
}

async function run<S extends DrawingSettings>(
  command: DrawingCommand<S>,
  flags: DrawingFlags,
): Promise<void> {
  const { resume = false, json = false } = flags;
  const out = flags.out ?? (await (resume ? newestRunFolder : nextRunFolder)(command.name));
  const folder = await openFolder(out);
  const about = await aboutOf(command, flags, resume ? await readAbout<S>(folder) : null);
  const { settings } = about;
  const device = await Device.open({ adapter: flags.adapter, announce: null });
  let progress: TrainingProgress | null = null;
  const note = (line: string) => (progress ? progress.note(line) : console.error(line));
  const onStop = () => note('stopping, with a checkpoint (Ctrl-C again: at once, without one)');
  let base: PolicyBase | null = null;
  let made: TextLearner<Task> | null = null;
  try {
    base = await openPolicyBase(device, await openFolder(about.model), settings);
    const source = await command.source(about.source, { device, base, seed: settings.seed });
    const { problem, heldOut } = problemOf(base, source, settings, note);
    made = command.create(device, problem, settings);
    const { learner, collector } = made;
    const result = await interruptible(onStop, (signal) =>
      postTrain(device, {
        ...{
          learner,
          collector,
          about: { ...about },
          plan: settings,
          codec: problem.codec,
          heldOut,
          folder,
        },
        ...{ resume, signal, onNote: note, checkpoints: subfolder(folder, UNFINISHED) },
        plotLibrary: { script: plotScript, style: plotStyle },
        onStart: ({ step, steps, before }) => {
          if (!json) printStart(about, { device, out, step, learner });
          progress = trainingProgress({ total: steps, start: step, json });
          if (before && !json) progress.note(`before: ${scoresLine(before)}`);
        },
        onProgress: (each) => show(progress!, each, json),
      }),
    ).finally(() => progress?.finish());
    if (!result.stopped) {
      await base.save(folder, { step: result.steps, baseModel: about.model });
      await folder.remove(UNFINISHED);
    }
    if (json) console.log(JSON.stringify(summary(result, out)));
    else printResult(command.name, result, flags, out);
    if (result.stopped) process.exitCode = INTERRUPTED;
  } finally {
    made?.learner.dispose();
    made?.collector.dispose();
    base?.dispose();
    device.destroy();
  }
}

/** Tasks in an order of their own for each epoch, and what is drawn of each. */
function problemOf(
  { model, tokenizer, policy, reference }: PolicyBase,
  { train, heldOut, rewards, judges, end }: TaskSource,
  settings: DrawingSettings & { readonly groupSize?: number },
  onWarning: (line: string) => void,
) {
  const { answers, seed, maxNewTokens, groupSize = 1 } = settings;
  const { context } = model.config;
  const room = { context, maxNewTokens };
  const promptTokens = longestPrompt([...train, ...heldOut], tokenizer, room);
  const take = exampleBatches(train, { seed, batch: answers / groupSize });
  const tasks = (rollout: number) =>
    take(rollout).flatMap((task) => Array.from({ length: groupSize }, () => task));
  const ends = [endToken(tokenizer, end)];
  const problem: TextProblem<Task> = {
    ...{ codec: tokenizer, tasks, rewards, policy, reference, promptTokens, ends, onWarning },
  };
  const measured = { tasks: heldOut, rewards: judges, maxNewTokens, ends };
  return { problem, heldOut: heldOut.length > 0 ? measured : null };
}

/** @throws ConfigError where the end is not one token. */
export function endToken(tokenizer: Tokenizer, end: string): number {
  const ids = tokenizer.encode(end, { specials: 'allow' });
  if (ids.length === 1) return ids[0]!;
  throw new ConfigError(
    `answers are to end with ${JSON.stringify(end)}, which is ${ids.length} tokens of this model; it must be one`,
  );
}

async function aboutOf<S extends DrawingSettings>(
  { name, defaults, checks, presets, flagNames }: DrawingCommand<S>,
  flags: DrawingFlags,
  saved: About<S> | null,
): Promise<About<S>> {
  const model = flags.model ?? saved?.model;
  if (model === undefined)
    throw new ConfigError(`${name} needs --model, or --resume to continue a run`);
  const given = flagNames.flatMap((flag) =>
    typeof flags[flag] === 'string' ? [[flag, flags[flag] as string] as const] : [],
  );
  const set = [...(flags.set ?? [])];
  if (flags.steps !== undefined) set.push(`iterations=${flags.steps}`);
  if (flags.seed !== undefined) set.push(`seed=${flags.seed}`);
  if (flags.beta !== undefined) set.push(`beta=${flags.beta}`);
  const preset = flags.preset ? presetNamed(presets, flags.preset) : (saved?.settings ?? {});
  const all: AllSettings<S> = { ...defaults, ...TUNING_DEFAULTS, ...PLAN_DEFAULTS };
  const settings = await loadSettings(all, {
    ...{ preset, set, checks: { ...checks, ...TUNING_CHECKS } as Checks<AllSettings<S>> },
    ...(flags.config && { file: flags.config }),
  });
  const source = { ...saved?.source, ...Object.fromEntries(given) };
  return { method: name, model: resolve(model), source, settings };
}

/** @throws CheckpointError where there is no run to resume */
async function readAbout<S>(folder: Folder): Promise<About<S>> {
  const what = `${folder.location}/${RUN_CONFIG}`;
  if (await folder.exists(RUN_CONFIG)) {
    const saved = toPlain(parseJson(decodeUtf8(await folder.read(RUN_CONFIG), what), { what }));
    const { model, source, settings } = (saved ?? {}) as Partial<About<S>>;
    if (typeof model === 'string' && source && settings) return saved as unknown as About<S>;
  }
  throw new CheckpointError(`${folder.location} holds no run to resume; start without --resume`);
}

function printStart<S extends DrawingSettings>(
  { model, source, settings }: About<S>,
  at: { device: Device; out: string; step: number; learner: TextLearner<Task>['learner'] },
): void {
  const { notice, name } = at.device.adapter;
  const trained = at.learner.model.parameters().reduce((sum, { size }) => sum + size, 0);
  const lines = [
    ...(notice ? [`${notice}\n`] : []),
    `model    ${model}, ${trained.toLocaleString('en')} parameters learn (${settings.method})`,
    ...Object.entries(source).map(([flag, value]) => `${flag.padEnd(9)}${value}`),
    `adapter  ${name}`,
    `run      ${at.out}${at.step > 0 ? `, resumed after rollout ${at.step}` : ''}\n`,
  ];
  for (const line of lines) console.error(line);
}

function show(
  progress: TrainingProgress,
  { step, metrics, tokensPerSecond, evaluation }: PostTrainProgress,
  json: boolean,
): void {
  const { score, kl, entropy } = metrics;
  progress.update(step, {
    ...(score !== undefined && { return: score }),
    ...(kl !== undefined && { kl }),
    ...(entropy !== undefined && { entropy }),
    tokensPerSecond,
  });
  if (evaluation && !json) progress.note(`rollout ${step}: ${scoresLine(evaluation)}`);
}

function scoresLine({ scores, length }: AnswerEvaluation): string {
  const shown = Object.entries(scores).map(
    ([name, { mean, margin }]) => `${name} ${mean.toFixed(3)} ± ${margin.toFixed(3)}`,
  );
  return `${shown.join(', ')}; ${length.toFixed(1)} tokens an answer`;
}

function summary({ evaluations, metrics, ...result }: PostTrainResult, out: string): object {
  const scoresOf = (evaluation: AnswerEvaluation | undefined) => evaluation?.scores ?? null;
  return {
    before: scoresOf(evaluations[0]),
    after: scoresOf(evaluations.at(-1)),
    ...{ kl: metrics.kl ?? null, metrics, ...result, out },
  };
}

function printResult(
  name: string,
  { stopped, steps, seconds, evaluations, metrics }: PostTrainResult,
  { adapter }: DrawingFlags,
  out: string,
): void {
  if (stopped) {
    const again = resumeCommand(name, out, adapter);
    console.log(`stopped after rollout ${steps}; continue with: ${again}`);
    return;
  }
  const [before, after] = [evaluations[0], evaluations.at(-1)];
  if (before && after) {
    console.log(`\nbefore   ${scoresLine(before)}\nafter    ${scoresLine(after)}`);
    for (const [i, { prompt, text }] of after.samples.slice(0, 2).entries())
      console.log(`\n  ${prompt}|${before.samples[i]!.text}\n  ${prompt}|${text}`);
  }
  console.log(
    `\n${steps} rollouts in ${formatDuration(seconds)}; KL ${(metrics.kl ?? 0).toFixed(2)} nats an answer`,
  );
  console.log(`report: ${join(out, 'report.html')}`);
}
