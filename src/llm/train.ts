// Pre-training of a decoder-only model on text: random crops, AdamW, cosine schedule, clipping, held-out evaluation.
// Everything random is a function of (seed, step), so a resumed run repeats the straight one bit for bit.

import { checkSettings, resolveSettings } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import type { PlotLibrary } from '../io/report.ts';
import type { Device } from '../ops/device.ts';
import { type TrainingData, trainingData } from './data.ts';
import { openRun } from './run.ts';
import { sampleText } from './sample.ts';
import { TRAIN_CHECKS, TRAIN_DEFAULTS, type TrainSettings } from './settings.ts';
import { Trainer } from './trainer.ts';
import type { Transformer } from './transformer.ts';

/** The loss on the held-out part after `step` steps, in nats per token. */
export interface Evaluation {
  readonly step: number;
  readonly loss: number;
}

export interface TrainProgress {
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  /** Training losses of the steps since the last report, in nats per token; the last is that of `step`. */
  readonly losses: readonly number[];
  /** Of the last of these steps. */
  readonly learningRate: number;
  readonly tokensPerSecond: number;
  /** When this step was evaluated on the held-out part. */
  readonly evaluation?: Evaluation;
}

/** What is being trained, and on what. */
export interface TrainState {
  readonly model: Transformer;
  readonly data: TrainingData;
  readonly settings: TrainSettings;
}

export interface TrainOptions {
  /** The text to learn; default the built-in corpus. */
  readonly text?: { readonly name: string; readonly content: string } | null;
  readonly settings?: Partial<TrainSettings>;
  /** Where checkpoints, metrics, samples and the report go; default nowhere. */
  readonly folder?: Folder | null;
  /** Continue from the folder's newest checkpoint. Default false. */
  readonly resume?: boolean;
  /** Training waits for it: it may draw samples, or hold the run. */
  readonly onProgress?: (progress: TrainProgress, state: TrainState) => void | Promise<void>;
  /** Told of what is worth a line: a checkpoint passed over, a resumed step. */
  readonly onNote?: (line: string) => void;
  /** Stops after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** uPlot's source, inlined in the report; without it the run writes none. */
  readonly plotLibrary?: PlotLibrary;
  /** Milliseconds, for tokens per second; default `performance.now`. */
  readonly clock?: () => number;
}

export interface TrainResult extends TrainState {
  readonly steps: number;
  /** Whether `signal` ended it before the last step. */
  readonly stopped: boolean;
  readonly parameters: number;
  readonly bestValLoss: number | null;
  readonly evaluations: readonly Evaluation[];
  readonly samples: readonly string[];
  readonly tokensPerSecond: number;
  readonly seconds: number;
  readonly adapter: string;
}

/**
 * Trains a character-level model on a text.
 * @throws DataError for a text that is too short, ConfigError for a bad setting, CheckpointError where `resume` finds
 *   none that fits, DeviceLostError when the GPU goes away: the run can then be resumed on a new device.
 */
export async function trainLanguageModel(
  device: Device,
  options: TrainOptions = {},
): Promise<TrainResult> {
  const { text = null, folder = null, signal, clock = () => performance.now() } = options;
  const settings = checkSettings(resolveSettings(TRAIN_DEFAULTS, options.settings), TRAIN_CHECKS);
  const data = trainingData(text, settings);
  const run = folder && (await openRun(folder, { ...options, device, settings, data }));
  const trainer = new Trainer(device, settings, data);
  const state: TrainState = { model: trainer.model, data, settings };
  if (run?.checkpoint) trainer.restore(run.checkpoint);
  const first = run?.checkpoint?.step ?? 0;
  const evaluations: Evaluation[] = [...(run?.evaluations ?? [])];
  const tokensPerStep = settings.batch * settings.context;

  let step = first;
  const begin = clock();
  let reported = { step, time: begin };
  while (step < settings.steps && !signal?.aborted) {
    trainer.step(step++);
    const last = step === settings.steps || signal?.aborted === true;
    const evaluates = step % settings.evaluateEvery === 0 || step === settings.steps;
    const checkpoints = step % settings.checkpointEvery === 0 || last;
    if (!evaluates && !checkpoints && step % settings.logEvery !== 0) continue;

    const losses = await trainer.lossesSince(reported.step, step);
    const tokensPerSecond =
      (tokensPerStep * (step - reported.step) * 1000) / (clock() - reported.time);
    const learningRate = trainer.schedule(step - 1);
    const evaluation = evaluates ? { step, loss: await trainer.evaluate() } : undefined;
    const progress = {
      step,
      steps: settings.steps,
      losses,
      learningRate,
      tokensPerSecond,
      ...(evaluation && { evaluation }),
    };
    const best =
      evaluation !== undefined && evaluations.every(({ loss }) => evaluation.loss < loss);
    if (evaluation) evaluations.push(evaluation);
    await run?.log(progress);
    if (run && (checkpoints || best))
      await run.save({ step, tensors: await trainer.state(), evaluations, best });
    await options.onProgress?.(progress, state);
    reported = { step, time: clock() };
    // Hand the event loop a turn: signals arrive, and a page draws.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  const seconds = (clock() - begin) / 1000;
  const stopped = step < settings.steps;
  const result: TrainResult = {
    ...state,
    steps: step,
    stopped,
    parameters: trainer.model.parameterCount,
    bestValLoss: evaluations.length > 0 ? Math.min(...evaluations.map(({ loss }) => loss)) : null,
    evaluations,
    samples: stopped ? [] : await drawSamples(device, state),
    tokensPerSecond: (tokensPerStep * (step - first)) / seconds,
    seconds,
    adapter: device.adapter.name,
  };
  if (!stopped) await run?.finish(result);
  trainer.dispose();
  return result;
}

/**
 * Continuations that begin where the text's lines begin. The same seed draws at every step, so that samples of
 * different steps show what the model has learned. `count` is `settings.samples` unless given.
 */
export async function drawSamples(
  device: Device,
  { model, data, settings }: TrainState,
  count = settings.samples,
): Promise<string[]> {
  const { sampleCharacters: tokens, temperature, seed } = settings;
  // A line break is where stories and speeches begin; a text without one begins with its own first character.
  const [first] = data.content;
  const prompt = data.content.includes('\n') ? '\n' : first!;
  const texts: string[] = [];
  for (let stream = 0; stream < count; stream++) {
    texts.push(
      await sampleText(device, model, data.tokenizer, {
        prompt,
        tokens,
        temperature,
        seed,
        stream,
      }),
    );
  }
  return texts;
}
