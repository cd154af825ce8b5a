// One training step, and all state that steps change: parameters and the optimiser's moments.
// The first step is captured, and the others replay it.

import { ConfigError, DataError } from '../errors.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { CapturedStep } from '../ops/capture.ts';
import { writeAt } from '../ops/copy.ts';
import type { Device } from '../ops/device.ts';
import { mean } from '../ops/reduce.ts';
import { stack } from '../ops/shape_ops.ts';
import { reshape, slice } from '../ops/view.ts';
import { AdamW } from '../optim/adamw.ts';
import { clipGradNorm } from '../optim/clip.ts';
import { cosine } from '../optim/schedule.ts';
import { randomStream } from '../tensor/philox.ts';
import { backward } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { meanWeights, mixedBatch, phaseWeights } from '../text/mixture.ts';
import type { TrainingData } from './data.ts';
import { evaluateLoss } from './evaluate.ts';
import {
  type Batch,
  mapBatch,
  type Objective,
  objectiveLoss,
  objectiveOf,
  partsOf,
  shapeOf,
} from './objectives.ts';
import { modelConfig, type TrainSettings } from './settings.ts';
import { Transformer } from './transformer.ts';

const NOISE = 0x6e6f6973; // 'nois': the draws of a seed that mask or disturb

export class Trainer {
  readonly model: Transformer;
  /** Learning rate of a step. */
  readonly schedule: (step: number) => number;
  private readonly optimizer: AdamW;
  private readonly objective: Objective;
  /** What a step reads. */
  private readonly inputs: Batch<Tensor>;
  /** Losses of the latest steps, by step modulo its length: they are read back together. */
  private readonly recent: Tensor;
  /** The gradient of the step's loss with respect to the loss of one of its parts. */
  private readonly share: Tensor;
  /** `update`, captured at the first step. */
  private replayUpdate: CapturedStep<Tensor> | null = null;

  constructor(
    private readonly device: Device,
    private readonly settings: TrainSettings,
    private readonly data: TrainingData,
  ) {
    const { seed, batch, learningRate: lr, minLearningRate: minLr } = settings;
    const { beta1, beta2, eps, weightDecay, accumulate } = settings;
    if (batch % accumulate !== 0) {
      throw new ConfigError(`accumulate is ${accumulate}, expected a divisor of batch, ${batch}`);
    }
    this.objective = objectiveOf(settings, data.tokenizer);
    this.model = new Transformer(
      new Initialiser(device, seed),
      modelConfig(settings, data.tokenizer.vocabularySize),
    );
    const decaySteps = settings.decaySteps ?? settings.steps;
    const warmupSteps = Math.min(settings.warmupSteps, Math.floor(decaySteps / 2));
    this.schedule = cosine({ lr, minLr, warmupSteps, decaySteps });
    // Only matrices decay (nanoGPT): norms and biases are left alone.
    const parameters = [...this.model.namedParameters()];
    const groups = [
      { parameters: parameters.filter(([, x]) => x.rank >= 2), weightDecay },
      { parameters: parameters.filter(([, x]) => x.rank < 2), weightDecay: 0 },
    ];
    this.optimizer = new AdamW(groups, { lr, beta1, beta2, eps });
    const kept = (x: Tensor) => Object.assign(x, { kept: true });
    this.inputs = mapBatch(this.draw(0), (values, name) =>
      kept(device.zeros(shapeOf(name, values, batch), { dtype: 'i32' })),
    );
    this.recent = kept(
      device.zeros([Math.max(settings.logEvery, settings.evaluateEvery, settings.checkpointEvery)]),
    );
    this.share = kept(device.full([], 1 / accumulate));
  }

  /** Step number `step`, from 0: draws its batch, and updates the parameters. Nothing is read back. */
  step(step: number): void {
    const { seed } = this.settings;
    const drawn = this.draw(step);
    for (const [name, x] of partsOf(this.inputs)) x.write(drawn[name]!);
    this.device.beginStep(seed, step);
    this.optimizer.lr = this.schedule(step);
    this.optimizer.advance();
    writeAt(this.recent, this.updated(), step % this.recent.size);
    this.device.submit();
  }

  /** The batch of a step. */
  private draw(step: number): Batch<Int32Array> {
    const { seed, batch, context, steps, phased } = this.settings;
    const { sources, phases } = this.data;
    const weights = phased ? phaseWeights(phases, { step, steps }) : meanWeights(phases);
    const windows = mixedBatch(sources, weights, { batch, context, seed, step });
    return this.objective.batch(windows, randomStream(seed, NOISE, { step }));
  }

  /** The loss [1] of `update`, which is run by JavaScript once and replayed from then on. */
  private updated(): Tensor {
    if (this.replayUpdate) return this.replayUpdate();
    this.replayUpdate = this.device.capture(() => this.update());
    return this.replayUpdate.result;
  }

  /** The part of a step that is the same each time: all that differs was written to tensors before. */
  private update(): Tensor {
    const { batch, accumulate, gradClip } = this.settings;
    const rows = batch / accumulate;
    const losses = Array.from({ length: accumulate }, (_, part) =>
      this.device.scope(() => {
        const range = { start: [part * rows], end: [(part + 1) * rows] };
        const inputs = mapBatch(this.inputs, (x) => slice(x, range));
        const loss = objectiveLoss(this.model, inputs, { training: true });
        backward(loss, { dy: this.share });
        return reshape(loss, [1]);
      }),
    );
    if (gradClip > 0) clipGradNorm(this.optimizer, gradClip);
    this.optimizer.apply({ zeroGrad: true });
    return losses.length === 1 ? losses[0]! : mean(stack(losses), { axis: 0 });
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

  /** Mean loss on the held-out part. @throws DataError for one that is not finite. */
  async evaluate(): Promise<number> {
    const { batch, accumulate, evaluationTokens: maximumTokens } = this.settings;
    const { objective } = this;
    const options = { batch: batch / accumulate, maximumTokens, objective };
    const loss = await evaluateLoss(this.device, this.model, this.data.validation, options);
    requireFinite(loss, 'validation loss');
    return loss;
  }

  /** Everything that a checkpoint needs besides the step. */
  async state(): Promise<Map<string, HostTensor>> {
    const tensors = new Map<string, HostTensor>();
    const moments = this.optimizer.state().tensors;
    for (const [name, x] of [...this.model.namedTensors(), ...moments]) {
      tensors.set(name, { dtype: 'f32', shape: x.shape, data: await x.data() });
    }
    for (const x of moments.values()) x.dispose();
    return tensors;
  }

  restore({
    step,
    tensors,
  }: {
    readonly step: number;
    readonly tensors: ReadonlyMap<string, HostTensor>;
  }): void {
    const values = [...tensors].map(
      ([name, x]) => [name, { shape: x.shape, data: x.data as Float32Array }] as const,
    );
    this.model.load(new Map(values));
    this.optimizer.loadState({
      step,
      tensors: new Map(values.map(([name, { data }]) => [name, data])),
    });
  }

  /** Frees what only training needs; the model stays. */
  dispose(): void {
    this.replayUpdate?.dispose();
    this.replayUpdate?.result.dispose();
    for (const [, x] of partsOf(this.inputs)) x.dispose();
    for (const x of [this.recent, this.share]) x.dispose();
    this.optimizer.dispose();
  }
}

function requireFinite(loss: number, which: string): void {
  if (Number.isFinite(loss)) return;
  throw new DataError(
    `training diverged: the ${which} is ${loss}; lower learningRate, or set gradClip`,
  );
}
