// A run of post-training, whatever the method: rollouts, evaluations on held-out tasks, and a folder from which it continues
// bit for bit.

import type { Folder } from '../io/folder.ts';
import { openLearningRun } from '../io/learning_run.ts';
import { type MeanInterval, meanInterval } from '../io/mean_interval.ts';
import type { PlotLibrary } from '../io/report.ts';
import type { Device } from '../ops/device.ts';
import type { TextCodec } from './answers.ts';
import { evaluateAnswers, type HeldOut } from './evaluate_answers.ts';
import { postTrainReport } from './post_train_report.ts';
import type { Task } from './rewards.ts';
import type { TextLearner } from './rlhf.ts';

/** What a run is told besides the method's settings. */
export interface PostTrainPlan {
  /** Rollouts, each with its updates. */
  readonly iterations: number;
  /** Rollouts between evaluations; there is one before the first and one after the last. */
  readonly evaluateEvery: number;
  /** Rollouts between checkpoints. */
  readonly checkpointEvery: number;
}

export const PLAN_DEFAULTS: PostTrainPlan = {
  iterations: 60,
  evaluateEvery: 20,
  checkpointEvery: 20,
};

/** On held-out tasks. */
export interface AnswerEvaluation {
  /** Rollouts learned from before. */
  readonly step: number;
  /** Means over the tasks, by the reward's name. */
  readonly scores: Readonly<Record<string, MeanInterval>>;
  /** Tokens, the end included. */
  readonly length: number;
  readonly finished: number;
  /** The first few answers with their prompts, at the same seeds each time. */
  readonly samples: readonly { readonly prompt: string; readonly text: string }[];
}

export interface PostTrainProgress {
  /** Rollouts learned from. */
  readonly step: number;
  readonly steps: number;
  /** Of the rollout, and of its last update. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Drawn tokens of the whole iteration, updates included. */
  readonly tokensPerSecond: number;
  readonly evaluation?: AnswerEvaluation;
}

export interface PostTrainOptions<T extends Task> extends TextLearner<T> {
  /** What the run is, for its folder and report: method, model, data, all settings. A run that is resumed shares it. */
  readonly about: { readonly method: string; readonly settings: object } & Readonly<
    Record<string, unknown>
  >;
  readonly plan: PostTrainPlan;
  readonly codec: TextCodec;
  /** Null: nothing is evaluated. */
  readonly heldOut: HeldOut<T> | null;
  /** Where metrics, checkpoints and the report go; default nowhere. */
  readonly folder?: Folder | null;
  /** Where the checkpoints are, if not in that folder. */
  readonly checkpoints?: Folder;
  readonly resume?: boolean;
  /** Told before the first rollout; `step` is where the run is. */
  readonly onStart?: (start: {
    step: number;
    steps: number;
    before: AnswerEvaluation | null;
  }) => void;
  readonly onProgress?: (progress: PostTrainProgress) => void | Promise<void>;
  readonly onNote?: (line: string) => void;
  /** Stops after the rollout under way, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** uPlot's source, inlined in the report; without it there is none. */
  readonly plotLibrary?: PlotLibrary;
  readonly clock?: () => number;
}

export interface PostTrainResult {
  readonly steps: number;
  readonly stopped: boolean;
  /** The first is that before training. */
  readonly evaluations: readonly AnswerEvaluation[];
  /** Of the last rollout. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Of this call. */
  readonly seconds: number;
  readonly adapter: string;
}

/** Answers that are shown. */
const SHOWN = 6;

/**
 * @throws CheckpointError where `resume` finds nothing that fits; DataError for a loss that is not finite, or a reward that
 *   fails: the last checkpoint stays.
 */
export async function postTrain<T extends Task>(
  device: Device,
  options: PostTrainOptions<T>,
): Promise<PostTrainResult> {
  const { learner, collector, about, plan, folder = null, signal, onProgress } = options;
  const { clock = () => performance.now() } = options;
  const { iterations: steps, evaluateEvery, checkpointEvery } = plan;
  const description = { ...about, plan };
  // How often it evaluates and saves may change when it goes on.
  const config = { ...about, iterations: steps };
  const run =
    folder && (await openLearningRun(folder, { device, description, config, ...options }));
  const saved = run?.saved?.state as Saved | undefined;
  if (run?.saved && saved) learner.load({ tensors: run.saved.tensors, state: saved.learner });
  let step = run?.saved?.step ?? 0;
  const evaluate = () => evaluation(device, options, step);
  const evaluations = [...(saved?.evaluations ?? [])];
  if (!saved) evaluations.push(...(await evaluate()));
  options.onStart?.({ step, steps, before: evaluations[0] ?? null });

  const begin = clock();
  let metrics: Readonly<Record<string, number>> = {};
  let unsaved = 0;
  const save = async () => {
    const { tensors, state } = await learner.save();
    await run?.save({ step, tensors, state: { learner: state, evaluations } });
    unsaved = 0;
  };
  let last = begin;
  while (step < steps && !signal?.aborted) {
    const { metrics: losses } = await learner.iterate(step, steps);
    metrics = { ...collector.metrics, ...losses };
    const now = clock();
    const drawn = collector.answers.reduce((sum, { ids }) => sum + ids.length, 0);
    const tokensPerSecond = (1000 * drawn) / (now - last);
    step++;
    unsaved++;
    const due = step % evaluateEvery === 0 || step === steps;
    const [found] = due ? await evaluate() : [];
    if (found) evaluations.push(found);
    const progress = { step, steps, metrics, tokensPerSecond, ...(found && { evaluation: found }) };
    await run?.log({ step, ...metrics, tokensPerSecond, ...evaluationRecord(found) });
    if (unsaved >= checkpointEvery || step === steps) await save();
    await onProgress?.(progress);
    last = clock();
  }
  if (unsaved > 0) await save();
  const seconds = (clock() - begin) / 1000;
  const stopped = step < steps;
  const adapter = device.adapter.name;
  const result = { steps: step, stopped, evaluations, metrics, seconds, adapter };
  const records = (await run?.close()) ?? [];
  if (folder && options.plotLibrary && !stopped) {
    const page = await postTrainReport(about, result, records, options.plotLibrary);
    await folder.write('report.html', new TextEncoder().encode(page));
  }
  return result;
}

interface Saved {
  readonly learner: object;
  readonly evaluations: readonly AnswerEvaluation[];
}

/** One, or none where nothing is held out. */
async function evaluation<T extends Task>(
  device: Device,
  { learner, codec, heldOut }: PostTrainOptions<T>,
  step: number,
): Promise<AnswerEvaluation[]> {
  if (!heldOut) return [];
  const { speaker } = learner.model;
  const { answers, scores } = await evaluateAnswers(device, speaker, codec, heldOut);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const means = Object.entries(scores).map(([name, values]) => [name, meanInterval(values)]);
  return [
    {
      step,
      scores: Object.fromEntries(means),
      length: mean(answers.map(({ ids }) => ids.length)),
      finished: mean(answers.map(({ finished }) => Number(finished))),
      samples: answers.slice(0, SHOWN).map(({ task, text }) => ({ prompt: task.prompt, text })),
    },
  ];
}

function evaluationRecord(found: AnswerEvaluation | undefined): Record<string, number> {
  if (!found) return {};
  const scores = Object.entries(found.scores).map(
    ([name, { mean }]) => [`heldOut/${name}`, mean] as const,
  );
  return { ...Object.fromEntries(scores), 'heldOut/length': found.length };
}
