// Supervised fine-tuning: next-token loss on completions alone, of all parameters, a few, or adapters on a frozen model.
// Examples are padded at their ends to the longest; a batch's loss is the mean over all its counted tokens, whether it is
// computed at once or in parts.

import { ConfigError } from '../errors.ts';
import type { Checkpoint } from '../io/checkpoint.ts';
import { checkSettings, resolveSettings } from '../io/config.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { type Linear, withAdapter } from '../nn/linear.ts';
import { crossEntropy } from '../ops/cross_entropy.ts';
import type { Device } from '../ops/device.ts';
import { weightShape } from '../ops/packed.ts';
import { sizeOf } from '../tensor/shape.ts';
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
import type { RunLog } from './run_log.ts';
import { type Evaluation, runSteps, type Trained, type TrainProgress } from './run_steps.ts';
import { requireFinite, type StepSettings, Steps } from './steps.ts';
import { countedIn, type Example, exampleBatches, longest, padded } from './supervised.ts';
import { trainable } from './trainable.ts';
import type { Transformer } from './transformer.ts';

/** The name under which new adapters are found in the model. */
export const ADAPTER = 'default';

export interface FinetuneData {
  readonly train: readonly Example[];
  /** May be empty: then nothing is evaluated. */
  readonly heldOut: readonly Example[];
}

export interface FinetuneOptions {
  readonly settings?: Partial<FinetuneSettings>;
  /** Keeps metrics and checkpoints, and says where to continue; default: nothing is kept. */
  readonly run?: RunLog;
  /**
   * A new output layer that is trained with the model, in the place of its own: the ids that count are then its classes.
   * Default: the model's, of tokens.
   */
  readonly head?: Linear;
  /** Told once, before the first step: how many values are trained, in how many steps, and the loss before. */
  readonly onStart?: (start: FinetuneStart) => void;
  /** Training waits for it. */
  readonly onProgress?: (progress: TrainProgress) => void | Promise<void>;
  /** Stops after the steps under way, with a checkpoint where `run` keeps them. */
  readonly signal?: AbortSignal;
  /** Milliseconds, for tokens per second; default `performance.now`. */
  readonly clock?: () => number;
}

export interface FinetuneStart {
  readonly steps: number;
  /** Steps done before: 0 unless the run is resumed. */
  readonly first: number;
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
 * @throws ConfigError for a bad setting or one that leaves nothing to train, DataError for a loss that is not finite, and for a
 *   checkpoint that is of another model.
 */
export async function finetune(
  device: Device,
  model: Transformer,
  data: FinetuneData,
  options: FinetuneOptions = {},
): Promise<FinetuneResult> {
  const { run = null, head, onStart, clock = () => performance.now() } = options;
  const layer = resolveSettings(FINETUNE_DEFAULTS, options.settings);
  const settings = checkSettings(layer, FINETUNE_CHECKS);
  const tuner = new Finetuner(device, model, data, settings, head);
  const { positions, adapterName, schedule, counts } = tuner;
  const { steps } = schedule;
  try {
    if (run?.checkpoint) tuner.restore(run.checkpoint);
    const first = run?.checkpoint?.step ?? 0;
    const before = run?.checkpoint ? run.evaluations : await tuner.initialEvaluations();
    const [evaluation] = before;
    const start: FinetuneStart = { steps, first, ...counts, ...(evaluation && { evaluation }) };
    onStart?.(start);
    const begin = clock();
    const { step, evaluations } = await runSteps(tuner, {
      ...settings,
      steps,
      positions,
      run,
      before,
      savesBest: false,
      onProgress: options.onProgress,
      signal: options.signal,
      clock,
    });
    const seconds = (clock() - begin) / 1000;
    const tokensPerSecond = (positions * (step - first)) / seconds;
    const stopped = step < steps;
    return {
      ...start,
      settings,
      adapterName,
      step,
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
export class Finetuner implements Trained {
  readonly adapterName: string | null;
  readonly schedule: StepSettings;
  /** Values of the model, and those that are trained. */
  readonly counts: { readonly parameters: number; readonly trained: number };
  /** Positions of a batch, padding included. */
  readonly positions: number;
  private readonly length: number;
  private readonly steps: Steps;
  private readonly take: (step: number) => Example[];

  constructor(
    private readonly device: Device,
    private readonly model: Transformer,
    private readonly data: FinetuneData,
    settings: FinetuneSettings,
    private readonly head?: Linear,
  ) {
    if (data.train.length === 0)
      throw new ConfigError('finetune: there are no examples to train on');
    const { seed, batch, evaluateEvery, checkpointEvery, logEvery, method } = settings;
    this.adapterName = method === 'lora' || method === 'adapter' ? ADAPTER : null;
    this.schedule = stepSettings(settings, data.train.length);
    this.length = longest([...data.train, ...data.heldOut]);
    this.positions = batch * this.length;
    this.take = exampleBatches(data.train, { seed, batch });
    const own = trainable(model, new Initialiser(device, seed), methodOf(settings), ADAPTER);
    const added = [...(head?.namedParameters() ?? [])].map(
      ([name, x]) => [`new.${name}`, x] as const,
    );
    const parameters = new Map([...own, ...added]);
    this.counts = {
      parameters: sizeOfAll(model.namedTensors().values()),
      trained: sizeOfAll(parameters.values()),
    };
    this.steps = new Steps(device, {
      parameters,
      settings: this.schedule,
      like: padded(this.take(0), this.length),
      loss: (rows) => this.loss(rows, true),
      around: (fn) => withAdapter(model, this.adapterName, fn, { training: true }),
      history: Math.max(logEvery, evaluateEvery, checkpointEvery),
    });
  }

  /** Step number `step`, from 0. Nothing is read back. */
  step(step: number): void {
    const examples = this.take(step);
    this.steps.step(step, padded(examples, this.length), 1 / countedIn(examples));
  }

  private loss({ ids, targets }: Batch<Tensor>, training: boolean): Tensor {
    const { model, head } = this;
    if (!head) return model.loss(ids, targets, { training, reduction: 'sum' });
    return crossEntropy(head.forward(model.hidden(ids, { training })), targets, {
      reduction: 'sum',
    });
  }

  learningRate(step: number): number {
    return this.steps.schedule(step);
  }

  lossesSince(begin: number, end: number): Promise<number[]> {
    return this.steps.lossesSince(begin, end);
  }

  /**
   * The mean loss per counted token of the held-out examples; null where there are none.
   * @throws DataError for one that is not finite.
   */
  async evaluate(): Promise<number | null> {
    const { model, adapterName, length, schedule } = this;
    const { heldOut } = this.data;
    if (heldOut.length === 0) return null;
    const lossOf = (rows: Batch<Tensor>) =>
      withAdapter(model, adapterName, () => this.loss(rows, false));
    const rows = { batch: schedule.batch / schedule.accumulate, count: heldOut.length };
    const loss = await evaluateRows(this.device, lossOf, padded(heldOut, length), rows);
    requireFinite(loss, 'validation loss');
    return loss;
  }

  /** The evaluations before the first step: one, or none. */
  async initialEvaluations(): Promise<Evaluation[]> {
    const loss = await this.evaluate();
    return loss === null ? [] : [{ step: 0, loss }];
  }

  /** What is trained; the rest of the model is its base. */
  state(): Promise<Map<string, HostTensor>> {
    return this.steps.state();
  }

  restore(checkpoint: Pick<Checkpoint, 'step' | 'tensors'>): void {
    this.steps.restore(checkpoint);
  }

  /** Frees what only training needs; the model and its adapters stay. */
  dispose(): void {
    this.steps.dispose();
  }
}

function sizeOfAll(tensors: Iterable<Tensor>): number {
  return [...tensors].reduce((sum, x) => sum + sizeOf(weightShape(x)), 0);
}
