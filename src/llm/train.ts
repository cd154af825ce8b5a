// Pre-training of a model on text, by default of a decoder: random crops, AdamW, cosine schedule, clipping, held-out evaluation.
// Everything random is a function of (seed, step), so a resumed run repeats the straight one bit for bit.

import { checkSettings, resolveSettings } from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import type { PlotLibrary } from '../io/report.ts';
import type { Device } from '../ops/device.ts';
import type { Merge } from '../text/bpe_train.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type TrainingData, type TrainingText, trainingData } from './data.ts';
import { textUnits } from './evaluate.ts';
import { openRun } from './run.ts';
import { type Evaluation, runSteps, type TrainProgress } from './run_steps.ts';
import { sampleText } from './sample.ts';
import { TRAIN_CHECKS, TRAIN_DEFAULTS, type TrainSettings } from './settings.ts';
import { Trainer } from './trainer.ts';
import type { Transformer } from './transformer.ts';

export type { Evaluation, TrainProgress };

/** What is being trained, and on what. */
export interface TrainState {
  readonly model: Transformer;
  readonly data: TrainingData;
  readonly settings: TrainSettings;
}

export interface TrainOptions {
  /** The text to learn, or several: `settings.phases` says how much of which, and when. Default the built-in corpus. */
  readonly text?: TrainingText | readonly TrainingText[] | null;
  /** What the text is cut into, in place of what the settings say. */
  readonly tokenizer?: Tokenizer | null;
  readonly settings?: Partial<TrainSettings>;
  /** Where checkpoints, metrics, samples and the report go; default nowhere. */
  readonly folder?: Folder | null;
  /** Continue from the folder's newest checkpoint. Default false. */
  readonly resume?: boolean;
  /** Told of each merge of a BPE that is made of the text. */
  readonly onMerge?: (merge: Merge) => void;
  /** Told once, before the first step, how many steps were done before: 0 unless the run is resumed. */
  readonly onStart?: (state: TrainState, step: number) => void;
  /** Training waits for it: it may draw samples, or hold the run. */
  readonly onProgress?: (progress: TrainProgress, state: TrainState) => void | Promise<void>;
  /** Told of what is worth a line: a damaged checkpoint that is passed over. */
  readonly onNote?: (line: string) => void;
  /** Stops after the steps under way, with a checkpoint. */
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
  /** Of that loss, where it is the likelihood of a text. */
  readonly perplexity: number | null;
  readonly bitsPerByte: number | null;
  readonly evaluations: readonly Evaluation[];
  readonly samples: readonly string[];
  readonly tokensPerSecond: number;
  readonly seconds: number;
  readonly adapter: string;
}

/**
 * Trains a model on a text.
 * @throws DataError for a text that is too short, ConfigError for a bad setting, CheckpointError where `resume` finds
 *   none that fits, DeviceLostError when the GPU goes away: the run can then be resumed on a new device.
 */
export async function trainLanguageModel(
  device: Device,
  options: TrainOptions = {},
): Promise<TrainResult> {
  const { text = null, tokenizer = null, folder = null, clock = () => performance.now() } = options;
  const settings = checkSettings(resolveSettings(TRAIN_DEFAULTS, options.settings), TRAIN_CHECKS);
  const data = trainingData(text, settings, tokenizer, options.onMerge);
  const trainer = new Trainer(device, settings, data);
  const state: TrainState = { model: trainer.model, data, settings };
  try {
    const run = folder && (await openRun(folder, { ...options, device, settings, data }));
    if (run?.checkpoint) trainer.restore(run.checkpoint);
    const first = run?.checkpoint?.step ?? 0;
    options.onStart?.(state, first);
    const begin = clock();
    const positions = settings.batch * settings.context;
    const { step, evaluations } = await runSteps(trainer, {
      ...settings,
      run,
      positions,
      before: run?.evaluations ?? [],
      savesBest: true,
      signal: options.signal,
      clock,
      onProgress: (progress) => options.onProgress?.(progress, state),
    });
    const seconds = (clock() - begin) / 1000;
    const stopped = step < settings.steps;
    const bestValLoss =
      evaluations.length > 0 ? Math.min(...evaluations.map(({ loss }) => loss)) : null;
    const units = bestValLoss === null ? null : textUnits(bestValLoss, state);
    const result: TrainResult = {
      ...state,
      steps: step,
      stopped,
      parameters: trainer.model.parameterCount,
      bestValLoss,
      perplexity: units?.perplexity ?? null,
      bitsPerByte: units?.bitsPerByte ?? null,
      evaluations,
      samples: stopped ? [] : await drawSamples(device, state),
      tokensPerSecond: (positions * (step - first)) / seconds,
      seconds,
      adapter: device.adapter.name,
    };
    if (!stopped) await run?.finish(result);
    return result;
  } catch (error) {
    trainer.model.dispose();
    throw error;
  } finally {
    trainer.dispose();
  }
}

/**
 * Continuations that begin where the text's lines begin; none by a model that does not predict the next token. The same
 * seed draws at every step, so that samples of different steps show what the model has learned. `count` is
 * `settings.samples` unless given.
 */
export async function drawSamples(
  device: Device,
  { model, data, settings }: TrainState,
  count = settings.samples,
): Promise<string[]> {
  const { sampleCharacters, temperature, seed, objective } = settings;
  const tokens = Math.ceil(sampleCharacters / data.charactersPerToken);
  if (objective !== 'nextToken') return [];
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
