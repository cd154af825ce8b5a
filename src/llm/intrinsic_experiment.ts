// How many dimensions a task takes (lecture row H8; Li et al. 2018): a network on MNIST is trained in random subspaces of
// d of its D dimensions, and whole. d_int90 is the d from which on it has 90 % of the whole network's accuracy.
//
// Every d is trained with every rate, and gets the one that is best on the validation images in the mean over the
// seeds; what is shown is the accuracy on test images. A step of AdamW moves each entry of z by the learning rate r and
// thereby an entry of θ by r √(d/D): so r is rate √(D/d), and a rate means the same for every d.

import { ConfigError } from '../errors.ts';
import { listOf, nonNegativeInteger, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { Subspace } from '../nn/subspace.ts';
import { crossEntropy } from '../ops/cross_entropy.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Classifier, fitRows } from './autoencoder.ts';
import { CLASSES, type Digits, DigitsOnDevice, readDigits } from './digits.ts';
import { intrinsicReport } from './intrinsic_report.ts';

export const INTRINSIC_DEFAULTS = {
  /** A folder with MNIST's two t10k files. */
  data: 'mnist',
  shrink: 2,
  validation: 1000,
  test: 2000,
  hidden: [64],
  dimensions: [25, 50, 100, 200, 400, 800],
  steps: 500,
  rates: [1e-2, 3e-2, 1e-1],
  batch: 64,
  seeds: [1, 2, 3],
};

export type IntrinsicSettings = typeof INTRINSIC_DEFAULTS;

const CHECKS = {
  shrink: positiveInteger,
  validation: positiveInteger,
  test: positiveInteger,
  hidden: listOf(positiveInteger),
  dimensions: listOf(positiveInteger),
  steps: positiveInteger,
  rates: listOf(positive),
  batch: positiveInteger,
  seeds: listOf(nonNegativeInteger),
};

export interface IntrinsicRun {
  readonly rate: number;
  /** Shares of images whose digit was found. */
  readonly validation: number;
  readonly test: number;
}

/** The trainings of a seed in as many dimensions. */
export interface IntrinsicRuns {
  readonly seed: number;
  /** d; D where the whole network is trained. */
  readonly dimension: number;
  readonly runs: readonly IntrinsicRun[];
}

export interface IntrinsicResults {
  /** D. */
  readonly parameters: number;
  readonly cells: readonly IntrinsicRuns[];
}

/** Trains the network of each seed in subspaces of each dimension, and whole. */
export const intrinsicExperiment: Experiment<IntrinsicSettings, IntrinsicResults> = {
  defaults: INTRINSIC_DEFAULTS,
  checks: CHECKS,
  count: ({ seeds, dimensions }) => seeds.length * (dimensions.length + 1),
  run,
  report: intrinsicReport,
};

async function run(
  device: Device,
  settings: IntrinsicSettings,
  { cell, signal }: Cells,
): Promise<IntrinsicResults> {
  const digits = await readDigits(settings);
  const parameters = sizeOf(settings, digits);
  const largest = Math.max(...settings.dimensions);
  if (largest >= parameters) {
    throw new ConfigError(
      `dimensions has ${largest}; expected fewer than the network's ${parameters} parameters`,
    );
  }
  const task = new Task(device, settings, digits, signal);
  const cells: IntrinsicRuns[] = [];
  for (const seed of settings.seeds) {
    for (const dimension of [...settings.dimensions, parameters]) {
      const runs = () => task.runs(seed, dimension === parameters ? null : dimension);
      const found = await cell(
        `seed-${seed}-dimension-${dimension}`,
        async () => ({ seed, dimension, runs: await runs() }),
        ({ runs }) => runs.map(told).join(', '),
      );
      cells.push(found);
    }
  }
  task.dispose();
  return { parameters, cells };
}

const told = ({ rate, validation }: IntrinsicRun) =>
  `${rate}: ${(100 * validation).toFixed(1)} % right`;

const widthsOf = ({ hidden }: IntrinsicSettings, { train }: Digits) => [train.side ** 2, ...hidden];

/** D: weights and biases. */
function sizeOf(settings: IntrinsicSettings, digits: Digits): number {
  const widths = [...widthsOf(settings, digits), CLASSES];
  return widths.slice(1).reduce((total, width, k) => total + width * (widths[k]! + 1), 0);
}

/** What is trained on the images. */
class Task {
  private readonly images: DigitsOnDevice;

  constructor(
    private readonly device: Device,
    private readonly settings: IntrinsicSettings,
    private readonly digits: Digits,
    private readonly signal: AbortSignal,
  ) {
    this.images = new DigitsOnDevice(device, digits);
  }

  /** With each rate; null: the whole network. */
  async runs(seed: number, dimension: number | null): Promise<IntrinsicRun[]> {
    const { settings, digits } = this;
    const runs: IntrinsicRun[] = [];
    for (const rate of settings.rates) {
      const model = new Classifier(
        new Initialiser(this.device, seed),
        widthsOf(settings, digits),
        CLASSES,
      );
      const subspace =
        dimension === null ? null : new Subspace(this.device, model, { dimension, seed });
      const forward = (x: Tensor) =>
        subspace ? subspace.run(() => model.forward(x)) : model.forward(x);
      await this.fit(seed, subspace ?? model, forward, rate * scaleOf(subspace));
      const { validation, test } = await this.images.errors(forward);
      runs.push({ rate, validation: 1 - validation, test: 1 - test });
      subspace?.dispose();
      model.dispose();
    }
    return runs;
  }

  private fit(
    seed: number,
    trained: Classifier | Subspace,
    forward: (x: Tensor) => Tensor,
    learningRate: number,
  ) {
    const { steps, batch } = this.settings;
    const loss = (ids: Tensor, labels: Tensor) =>
      crossEntropy(forward(embedding(this.images.train, ids)), labels);
    const recipe = { seed, steps, batch, learningRate, weightDecay: 0, signal: this.signal };
    return fitRows(this.device, trained, this.digits.train, loss, recipe);
  }

  dispose(): void {
    this.images.dispose();
  }
}

/** √(D/d). */
const scaleOf = (subspace: Subspace | null) =>
  subspace ? Math.sqrt(subspace.size / subspace.z.size) : 1;
