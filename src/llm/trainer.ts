// Pre-training: a model, its optimiser steps on random crops of a text, its evaluation, and its state in checkpoints.

import type { Checkpoint } from '../io/checkpoint.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { WideInitialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { randomStream } from '../tensor/philox.ts';
import { meanWeights, mixedBatch, phaseWeights } from '../text/mixture.ts';
import type { Batch } from './batch.ts';
import type { TrainingData } from './data.ts';
import { evaluateLoss } from './evaluate.ts';
import { type Objective, objectiveLoss, objectiveOf } from './objectives.ts';
import type { Measured, Trained } from './run_steps.ts';
import { modelConfig, type TrainSettings } from './settings.ts';
import { requireFinite, Steps } from './steps.ts';
import { Transformer } from './transformer.ts';

const NOISE = 0x6e6f6973; // 'nois': the draws of a seed that mask or disturb

export class Trainer implements Trained {
  readonly model: Transformer;
  private readonly steps: Steps;
  private readonly objective: Objective;

  constructor(
    private readonly device: Device,
    private readonly settings: TrainSettings,
    private readonly data: TrainingData,
  ) {
    const { seed, initialScale, logEvery, evaluateEvery, checkpointEvery } = settings;
    const config = modelConfig(settings, data.tokenizer.vocabularySize);
    this.objective = objectiveOf(settings, data.tokenizer);
    this.model = new Transformer(new WideInitialiser(device, seed, initialScale), config);
    this.steps = new Steps(device, {
      parameters: this.model.namedParameters(),
      settings,
      like: this.draw(0),
      loss: (rows) => objectiveLoss(this.model, rows, { training: true }),
      history: Math.max(logEvery, evaluateEvery, checkpointEvery),
    });
  }

  learningRate(step: number): number {
    return this.steps.schedule(step);
  }

  /** Step number `step`, from 0: draws its batch, and updates the parameters. Nothing is read back. */
  step(step: number): void {
    this.steps.step(step, this.draw(step), 1 / this.settings.accumulate);
  }

  /** The batch of a step. */
  private draw(step: number): Batch<Int32Array> {
    const { seed, batch, context, steps, phased } = this.settings;
    const { sources, phases } = this.data;
    const weights = phased ? phaseWeights(phases, { step, steps }) : meanWeights(phases);
    const windows = mixedBatch(sources, weights, { batch, context, seed, step });
    return this.objective.batch(windows, randomStream(seed, NOISE, { step }));
  }

  /** Training losses of the steps from `begin` up to but without `end`. @throws DataError for a loss that is not finite. */
  lossesSince(begin: number, end: number): Promise<number[]> {
    return this.steps.lossesSince(begin, end);
  }

  /** Mean loss on the held-out part. @throws DataError for one that is not finite. */
  async evaluate(): Promise<Measured> {
    const { batch, accumulate, evaluationTokens: maximumTokens } = this.settings;
    const { objective } = this;
    const options = { batch: batch / accumulate, maximumTokens, objective };
    const loss = await evaluateLoss(this.device, this.model, this.data.validation, options);
    requireFinite(loss, 'validation loss');
    return { loss };
  }

  /** Everything that a checkpoint needs besides the step. */
  state(): Promise<Map<string, HostTensor>> {
    return this.steps.state(this.model.namedTensors());
  }

  restore(checkpoint: Pick<Checkpoint, 'step' | 'tensors'>): void {
    this.steps.restore(checkpoint, this.model.namedTensors());
  }

  /** Frees what only training needs; the model stays. */
  dispose(): void {
    this.steps.dispose();
  }
}
