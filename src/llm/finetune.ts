// Supervised fine-tuning: next-token loss on completions alone, of all parameters, a few, or adapters on a frozen model.
// Examples are padded at their ends to the longest; a batch's loss is the mean over all its counted tokens, whether it is
// computed at once or in parts.

import { ConfigError } from '../errors.ts';
import { checkSettings, resolveSettings } from '../io/config.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { withAdapter } from '../nn/linear.ts';
import type { Device } from '../ops/device.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Batch } from './batch.ts';
import { evaluateRows } from './evaluate.ts';
import {
  FINETUNE_CHECKS,
  FINETUNE_DEFAULTS,
  type FinetuneSettings,
  methodOf,
  stepSettings,
} from './finetune_settings.ts';
import { reports, requireFinite, type StepSettings, Steps } from './steps.ts';
import { countedIn, type Example, exampleBatches, longest, padded } from './supervised.ts';
import type { Evaluation } from './train.ts';
import { trainable } from './trainable.ts';
import type { Transformer } from './transformer.ts';

/** The name under which new adapters are found in the model. */
export const ADAPTER = 'default';

export interface FinetuneData {
  readonly train: readonly Example[];
  /** May be empty: then nothing is evaluated. */
  readonly heldOut: readonly Example[];
}

export interface FinetuneProgress {
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  /** Per counted token, in nats, of the steps since the last report. */
  readonly losses: readonly number[];
  readonly learningRate: number;
  /** Positions, padding included. */
  readonly tokensPerSecond: number;
  /** On the held-out examples, when this step was evaluated. */
  readonly evaluation?: Evaluation;
}

export interface FinetuneOptions {
  readonly settings?: Partial<FinetuneSettings>;
  /** Told once, before the first step: how many values are trained, in how many steps, and the loss before. */
  readonly onStart?: (start: FinetuneStart) => void;
  /** Training waits for it. */
  readonly onProgress?: (progress: FinetuneProgress) => void | Promise<void>;
  /** Stops after the steps under way. */
  readonly signal?: AbortSignal;
  /** Milliseconds, for tokens per second; default `performance.now`. */
  readonly clock?: () => number;
}

export interface FinetuneStart {
  readonly steps: number;
  /** Values that are trained. */
  readonly trained: number;
  /** Values of the model, frozen ones and adapters included. */
  readonly parameters: number;
  /** Before the first step, where examples are held out. */
  readonly evaluation?: Evaluation;
}

export interface FinetuneResult extends FinetuneStart {
  readonly settings: FinetuneSettings;
  /** The adapter's name in the model; null where the model itself was trained. */
  readonly adapterName: string | null;
  /** Steps done. */
  readonly step: number;
  /** Whether `signal` ended it before the last step. */
  readonly stopped: boolean;
  /** The first is that before training. */
  readonly evaluations: readonly Evaluation[];
  readonly tokensPerSecond: number;
  readonly seconds: number;
}

/**
 * Trains the model in place. What is not trained keeps its bits; adapters are in the model under `ADAPTER` afterwards, and are
 * not selected.
 * @throws ConfigError for a bad setting or one that leaves nothing to train, DataError for a loss that is not finite.
 */
export async function finetune(
  device: Device,
  model: Transformer,
  data: FinetuneData,
  options: FinetuneOptions = {},
): Promise<FinetuneResult> {
  const { onStart, onProgress, signal, clock = () => performance.now() } = options;
  const layer = resolveSettings(FINETUNE_DEFAULTS, options.settings);
  const settings = checkSettings(layer, FINETUNE_CHECKS);
  const { evaluateEvery, logEvery } = settings;
  const tuner = new Finetuner(device, model, data, settings);
  const { positions, adapterName, evaluations } = tuner;
  const { steps } = tuner.schedule;
  const evaluates = (step: number) => step % evaluateEvery === 0 || step === steps;
  const span = { from: 0, to: steps, every: logEvery, at: evaluates, signal, clock };
  try {
    const start: FinetuneStart = { steps, ...tuner.counts, ...(await tuner.evaluateAt(0)) };
    onStart?.(start);
    const begin = clock();
    let done = 0;
    for await (const report of reports(tuner, (step) => tuner.step(step), span)) {
      const { step, losses, milliseconds } = report;
      done = step;
      // Evaluated also where nobody wants to be told.
      const evaluation = evaluates(step) && (await tuner.evaluateAt(step));
      const learningRate = tuner.learningRate(step - 1);
      const tokensPerSecond = (positions * 1000) / milliseconds;
      await onProgress?.({ step, steps, losses, learningRate, tokensPerSecond, ...evaluation });
    }
    const seconds = (clock() - begin) / 1000;
    const tokensPerSecond = (positions * done) / seconds;
    const stopped = done < steps;
    return {
      ...start,
      settings,
      adapterName,
      step: done,
      stopped,
      evaluations,
      tokensPerSecond,
      seconds,
    };
  } finally {
    tuner.dispose();
  }
}

/** The steps of a fine-tuning, and its evaluation. */
export class Finetuner {
  readonly adapterName: string | null;
  readonly schedule: StepSettings;
  /** Values of the model, and those that are trained. */
  readonly counts: { readonly parameters: number; readonly trained: number };
  /** Positions of a batch, padding included. */
  readonly positions: number;
  readonly evaluations: Evaluation[] = [];
  private readonly length: number;
  private readonly steps: Steps;
  private readonly take: (step: number) => Example[];

  constructor(
    private readonly device: Device,
    private readonly model: Transformer,
    private readonly data: FinetuneData,
    settings: FinetuneSettings,
  ) {
    if (data.train.length === 0)
      throw new ConfigError('finetune: there are no examples to train on');
    const { seed, batch, evaluateEvery, logEvery, method } = settings;
    this.adapterName = method === 'lora' || method === 'adapter' ? ADAPTER : null;
    this.schedule = stepSettings(settings, data.train.length);
    this.length = longest([...data.train, ...data.heldOut]);
    this.positions = batch * this.length;
    this.take = exampleBatches(data.train, { seed, batch });
    const parameters = trainable(model, new Initialiser(device, seed), methodOf(settings), ADAPTER);
    this.counts = {
      parameters: sizeOfAll(model.namedTensors().values()),
      trained: sizeOfAll(parameters.values()),
    };
    this.steps = new Steps(device, {
      parameters,
      settings: this.schedule,
      like: padded(this.take(0), this.length),
      loss: ({ ids, targets }) => model.loss(ids, targets, { training: true, reduction: 'sum' }),
      around: (fn) => withAdapter(model, this.adapterName, fn, { training: true }),
      history: Math.max(logEvery, evaluateEvery),
    });
  }

  /** Step number `step`, from 0. Nothing is read back. */
  step(step: number): void {
    const examples = this.take(step);
    this.steps.step(step, padded(examples, this.length), 1 / countedIn(examples));
  }

  learningRate(step: number): number {
    return this.steps.schedule(step);
  }

  lossesSince(begin: number, end: number): Promise<number[]> {
    return this.steps.lossesSince(begin, end);
  }

  /**
   * Notes the mean loss per counted token of the held-out examples, if there are any, as that after `step` steps.
   * @throws DataError for one that is not finite.
   */
  async evaluateAt(step: number): Promise<{ evaluation?: Evaluation }> {
    const { model, adapterName, length, schedule } = this;
    const { heldOut } = this.data;
    if (heldOut.length === 0) return {};
    const lossOf = ({ ids, targets }: Batch<Tensor>) =>
      withAdapter(model, adapterName, () => model.loss(ids, targets, { reduction: 'sum' }));
    const rows = { batch: schedule.batch / schedule.accumulate, count: heldOut.length };
    const loss = await evaluateRows(this.device, lossOf, padded(heldOut, length), rows);
    requireFinite(loss, 'validation loss');
    const evaluation = { step, loss };
    this.evaluations.push(evaluation);
    return { evaluation };
  }

  /** Frees what only training needs; the model and its adapters stay. */
  dispose(): void {
    this.steps.dispose();
  }
}

function sizeOfAll(tensors: Iterable<Tensor>): number {
  return [...tensors].reduce((sum, x) => sum + x.size, 0);
}
