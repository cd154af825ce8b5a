// Optimiser steps on a model, and all state that they change besides the parameters. The first step is captured, and the
// others replay it; of a batch in parts, the gradients are added up.

import { ConfigError, DataError } from '../errors.ts';
import type { Checkpoint } from '../io/checkpoint.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { restoreTraining, trainingState } from '../io/training_state.ts';
import { mul } from '../ops/binary.ts';
import type { CapturedStep } from '../ops/capture.ts';
import { writeAt } from '../ops/copy.ts';
import type { Device } from '../ops/device.ts';
import { sum } from '../ops/reduce.ts';
import { stack } from '../ops/shape_ops.ts';
import { reshape, slice } from '../ops/view.ts';
import { AdamW } from '../optim/adamw.ts';
import { clipGradNorm } from '../optim/clip.ts';
import { cosine } from '../optim/schedule.ts';
import { backward } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Batch, type HostRows, mapBatch, partsOf, shapeOf } from './batch.ts';

export interface StepSettings {
  readonly seed: number;
  readonly steps: number;
  readonly batch: number;
  readonly accumulate: number;
  readonly learningRate: number;
  readonly minLearningRate: number;
  readonly warmupSteps: number;
  readonly decaySteps: number | null;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly gradClip: number;
}

/** The parts on the device, i32 or f32 as on the host. */
export type BatchTensors<Parts> = { readonly [Name in keyof Parts]: Tensor };

export interface StepOptions<Parts> {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly settings: StepSettings;
  /** A batch like those that `step` gets: its values do not matter, its sizes do. */
  readonly like: Parts;
  /** The loss of some rows of the batch: a mean of its own, or a sum that `step` divides. */
  readonly loss: (rows: BatchTensors<Parts>) => Tensor;
  /** Runs a part's forward and backward pass: an adapter may be active in it. Default: as it is. */
  readonly around?: <T>(fn: () => T) => T;
  /** Losses of so many latest steps can be read back. */
  readonly history: number;
}

export class Steps<Parts extends { readonly [Name in keyof Parts]: HostRows } = Batch<Int32Array>> {
  /** Learning rate of a step. */
  readonly schedule: (step: number) => number;
  readonly optimizer: AdamW;
  /** What a step reads. */
  private readonly inputs: BatchTensors<Parts>;
  /** Losses of the latest steps, by step modulo its length: they are read back together. */
  private readonly recent: Tensor;
  /** The gradient of the step's loss with respect to the loss of one of its parts. */
  private readonly share: Tensor;
  private shareNow = Number.NaN;
  /** `update`, captured at the first step. */
  private replayUpdate: CapturedStep<Tensor> | null = null;

  constructor(
    private readonly device: Device,
    private readonly options: StepOptions<Parts>,
  ) {
    const { settings, like, history } = options;
    const { batch, learningRate: lr, minLearningRate: minLr } = settings;
    const { beta1, beta2, eps, weightDecay, accumulate } = settings;
    if (batch % accumulate !== 0) {
      throw new ConfigError(`accumulate is ${accumulate}, expected a divisor of batch, ${batch}`);
    }
    const decaySteps = settings.decaySteps ?? settings.steps;
    const warmupSteps = Math.min(settings.warmupSteps, Math.floor(decaySteps / 2));
    this.schedule = cosine({ lr, minLr, warmupSteps, decaySteps });
    // Only matrices decay (nanoGPT): norms and biases are left alone.
    const parameters = [...options.parameters];
    const groups = [
      { parameters: parameters.filter(([, x]) => x.rank >= 2), weightDecay },
      { parameters: parameters.filter(([, x]) => x.rank < 2), weightDecay: 0 },
    ];
    this.optimizer = new AdamW(groups, { lr, beta1, beta2, eps });
    const kept = (x: Tensor) => Object.assign(x, { kept: true });
    this.inputs = mapBatch(like, (values, name) =>
      kept(device.zeros(shapeOf(name, values, batch), { dtype: dtypeOf(values) })),
    );
    this.recent = kept(device.zeros([history]));
    this.share = kept(device.zeros([]));
  }

  /**
   * Step number `step`, from 0, on a batch: updates the parameters. Nothing is read back.
   * The step's loss is `share` times the sum of its parts' losses: 1 / accumulate for means, 1 / counted for sums.
   */
  step(step: number, batch: Parts, share: number): void {
    for (const [name, x] of partsOf(this.inputs)) x.write(batch[name]!);
    if (share !== this.shareNow) this.share.write([share]);
    this.shareNow = share;
    this.device.beginStep(this.options.settings.seed, step);
    this.optimizer.lr = this.schedule(step);
    this.optimizer.advance();
    writeAt(this.recent, this.updated(), step % this.recent.size);
    this.device.submit();
  }

  /** The loss [1] of `update`, which is run by JavaScript once and replayed from then on. */
  private updated(): Tensor {
    if (this.replayUpdate) return this.replayUpdate();
    this.replayUpdate = this.device.capture(() => this.update());
    return this.replayUpdate.result;
  }

  /** The part of a step that is the same each time: all that differs was written to tensors before. */
  private update(): Tensor {
    const { loss, around = (fn) => fn() } = this.options;
    const { batch, accumulate, gradClip } = this.options.settings;
    const rows = batch / accumulate;
    const losses = Array.from({ length: accumulate }, (_, part) =>
      this.device.scope(() => {
        const range = { start: [part * rows], end: [(part + 1) * rows] };
        const inputs = mapBatch(this.inputs, (x) => slice(x, range));
        return around(() => {
          const found = loss(inputs);
          backward(found, { dy: this.share });
          return reshape(found, [1]);
        });
      }),
    );
    if (gradClip > 0) clipGradNorm(this.optimizer, gradClip);
    this.optimizer.apply({ zeroGrad: true });
    const total = losses.length === 1 ? losses[0]! : sum(stack(losses), { axis: 0 });
    return mul(total, this.share);
  }

  /** Training losses of the steps from `begin` up to but without `end`. @throws DataError for a loss that is not finite. */
  async lossesSince(begin: number, end: number): Promise<number[]> {
    const values = await this.recent.data();
    const losses = Array.from(
      { length: end - begin },
      (_, i) => values[(begin + i) % values.length]!,
    );
    for (const [i, loss] of losses.entries()) requireFinite(loss, `loss of step ${begin + i + 1}`);
    return losses;
  }

  /** What a checkpoint needs besides the step: the given tensors, by default those that are trained, and the optimiser's. */
  state(
    own: ReadonlyMap<string, Tensor> = this.options.parameters,
  ): Promise<Map<string, HostTensor>> {
    return trainingState(own, this.optimizer);
  }

  /** Goes on from such a state. @throws DataError or CheckpointError where it is of others. */
  restore(
    checkpoint: Pick<Checkpoint, 'step' | 'tensors'>,
    own: ReadonlyMap<string, Tensor> = this.options.parameters,
  ): void {
    restoreTraining(own, this.optimizer, checkpoint);
  }

  /** Frees what only training needs; the parameters stay. */
  dispose(): void {
    this.replayUpdate?.dispose();
    this.replayUpdate?.result.dispose();
    for (const [, x] of partsOf(this.inputs)) x.dispose();
    for (const x of [this.recent, this.share]) x.dispose();
    this.optimizer.dispose();
  }
}

const dtypeOf = (values: HostRows) => (values instanceof Float32Array ? 'f32' : 'i32');

/** @throws DataError for a loss that is NaN or infinite. */
export function requireFinite(loss: number, which: string): void {
  if (Number.isFinite(loss)) return;
  throw new DataError(
    `training diverged: the ${which} is ${loss}; lower learningRate, or set gradClip`,
  );
}

/** Losses are read back about this often, so that a person sees progress, and Ctrl-C is heard, also where steps are slow. */
const REPORT_MILLISECONDS = 500;

export interface Report {
  /** Steps done. */
  readonly step: number;
  /** Of the steps since the last report. */
  readonly losses: readonly number[];
  /** Of one step. */
  readonly milliseconds: number;
}

export interface ReportOptions {
  readonly from: number;
  readonly to: number;
  /** Most steps between reports. */
  readonly every: number;
  /** After which steps there is a report in any case. */
  readonly at: (step: number) => boolean;
  readonly signal?: AbortSignal | undefined;
  readonly clock: () => number;
}

/**
 * Runs `take` for the steps from `from` up to but without `to`, or until the signal, and stops for a report every now and
 * then: what is done with it is not timed.
 */
export async function* reports(
  steps: Pick<Steps, 'lossesSince'>,
  take: (step: number) => void,
  { from, to, every, at, signal, clock }: ReportOptions,
): AsyncGenerator<Report> {
  let step = from;
  let reported = { step, time: clock() };
  let stride = 1;
  while (step < to && !signal?.aborted) {
    take(step++);
    if (step < to && !at(step) && step - reported.step < stride) continue;
    const losses = await steps.lossesSince(reported.step, step);
    const milliseconds = (clock() - reported.time) / losses.length;
    stride = Math.min(every, Math.max(1, Math.floor(REPORT_MILLISECONDS / milliseconds)));
    yield { step, losses, milliseconds };
    reported = { step, time: clock() };
    // Hand the event loop a turn: signals arrive, and a page draws.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
