// Steps of tuning: what a method trains of a model learns from items, such as examples or pairs of answers, and some are held
// out. Supervised fine-tuning and DPO differ in the items and in their loss.

import { ConfigError } from '../errors.ts';
import type { Checkpoint } from '../io/checkpoint.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { withAdapter } from '../nn/linear.ts';
import type { Module } from '../nn/module.ts';
import type { Device } from '../ops/device.ts';
import { weightShape } from '../ops/packed.ts';
import { sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Batch, HostRows } from './batch.ts';
import { type FinetuneSettings, methodOf, stepSettings } from './finetune_settings.ts';
import type { RunLog } from './run_log.ts';
import {
  type Evaluation,
  type Measured,
  runSteps,
  type Trained,
  type TrainProgress,
} from './run_steps.ts';
import { type BatchTensors, requireFinite, type StepSettings, Steps } from './steps.ts';
import { exampleBatches } from './supervised.ts';
import { trainable } from './trainable.ts';
import type { Transformer } from './transformer.ts';

/** The name under which new adapters are found in the model. */
export const ADAPTER = 'default';

/** The adapter that the method trains; null where it trains the model itself. */
export const adapterOf = ({ method }: Pick<FinetuneSettings, 'method'>): string | null =>
  method === 'lora' || method === 'adapter' ? ADAPTER : null;

/** Parts of a batch by name, f32 or i32. */
type AnyParts<Parts> = { readonly [Name in keyof Parts]: HostRows };

export interface TuningData<Item> {
  readonly train: readonly Item[];
  /** May be empty: then nothing is evaluated. */
  readonly heldOut: readonly Item[];
}

/** What is minimised: a mean over items, or over what counts in them. */
export interface ItemLoss<Item, Parts = Batch<Int32Array>> {
  /** Positions of one item, padding included. */
  readonly positions: number;
  /** What `sum` reads of items, a row for each. */
  rows(items: readonly Item[]): Parts;
  /** The sum of the losses of rows, in training. */
  sum(rows: BatchTensors<Parts>): Tensor;
  /** What a sum is divided by. */
  count(items: readonly Item[]): number;
  /** Of held-out items, `part` of them at once. */
  evaluate(items: readonly Item[], part: number): Promise<Measured>;
}

export interface TuneOptions {
  /** Keeps metrics and checkpoints, and says where to continue; default: nothing is kept. */
  readonly run?: RunLog;
  /** Told once, before the first step: how many values are trained, in how many steps, and the loss before. */
  readonly onStart?: (start: TuneStart) => void;
  /** Training waits for it. */
  readonly onProgress?: (progress: TrainProgress) => void | Promise<void>;
  /** Stops after the steps under way, with a checkpoint where `run` keeps them. */
  readonly signal?: AbortSignal;
  /** Milliseconds, for tokens per second; default `performance.now`. */
  readonly clock?: () => number;
}

export interface TuneStart {
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

export interface TuneResult<Settings extends FinetuneSettings> extends TuneStart {
  readonly settings: Settings;
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

/** From the run's checkpoint, or the beginning, to the last step or the signal; frees the tuner. */
export async function tune<Item, Settings extends FinetuneSettings, Parts extends AnyParts<Parts>>(
  tuner: Tuner<Item, Settings, Parts>,
  { run, onStart, onProgress, signal, clock = () => performance.now() }: TuneOptions,
): Promise<TuneResult<Settings>> {
  const { positions, adapterName, schedule, counts, settings } = tuner;
  const { steps } = schedule;
  try {
    if (run?.checkpoint) tuner.restore(run.checkpoint);
    const first = run?.checkpoint?.step ?? 0;
    const before = run?.checkpoint ? run.evaluations : await tuner.initialEvaluations();
    const [evaluation] = before;
    const start: TuneStart = { steps, first, ...counts, ...(evaluation && { evaluation }) };
    onStart?.(start);
    const begin = clock();
    const { step, evaluations } = await runSteps(tuner, {
      ...settings,
      steps,
      positions,
      run: run ?? null,
      before,
      savesBest: false,
      onProgress,
      signal,
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

/** The steps of a tuning, and its evaluation. */
export class Tuner<
  Item,
  Settings extends FinetuneSettings = FinetuneSettings,
  Parts extends AnyParts<Parts> = Batch<Int32Array>,
> implements Trained
{
  readonly adapterName: string | null;
  readonly schedule: StepSettings;
  /** Values of the model, and those that are trained. */
  readonly counts: { readonly parameters: number; readonly trained: number };
  /** Positions of a batch, padding included. */
  readonly positions: number;
  private readonly steps: Steps<Parts>;
  private readonly take: (step: number) => Item[];

  /** @param beside what is trained with the model, such as a new head */
  constructor(
    device: Device,
    model: Transformer,
    private readonly data: TuningData<Item>,
    readonly settings: Settings,
    private readonly loss: ItemLoss<Item, Parts>,
    beside?: Module,
  ) {
    if (data.train.length === 0) throw new ConfigError('there are no examples to train on');
    const { seed, batch, evaluateEvery, checkpointEvery, logEvery } = settings;
    this.adapterName = adapterOf(settings);
    this.schedule = stepSettings(settings, data.train.length);
    this.positions = batch * loss.positions;
    this.take = exampleBatches(data.train, { seed, batch });
    const own = trainable(model, new Initialiser(device, seed), methodOf(settings), ADAPTER);
    const added = [...(beside?.namedParameters() ?? [])].map(
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
      like: loss.rows(this.take(0)),
      loss: (rows) => loss.sum(rows),
      around: (fn) => withAdapter(model, this.adapterName, fn, { training: true }),
      history: Math.max(logEvery, evaluateEvery, checkpointEvery),
    });
  }

  /** Step number `step`, from 0. Nothing is read back. */
  step(step: number): void {
    const items = this.take(step);
    this.steps.step(step, this.loss.rows(items), 1 / this.loss.count(items));
  }

  learningRate(step: number): number {
    return this.steps.schedule(step);
  }

  lossesSince(begin: number, end: number): Promise<number[]> {
    return this.steps.lossesSince(begin, end);
  }

  /** Of the held-out items; null where there are none. @throws DataError for a loss that is not finite. */
  async evaluate(): Promise<Measured | null> {
    const { heldOut } = this.data;
    if (heldOut.length === 0) return null;
    const { batch, accumulate } = this.schedule;
    const measured = await this.loss.evaluate(heldOut, batch / accumulate);
    requireFinite(measured.loss, 'validation loss');
    return measured;
  }

  /** The evaluations before the first step: one, or none. */
  async initialEvaluations(): Promise<Evaluation[]> {
    const measured = await this.evaluate();
    return measured ? [{ step: 0, ...measured }] : [];
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
