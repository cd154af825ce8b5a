// Training in stages (lecture row K1): autoencoders on many images without labels, one layer after the other; then the
// stack is trained on a few labels, against the same network, steps and schedule from scratch.
//
// Both starts are trained with every learning rate. For each number of labels each start gets the rate that is best on
// the validation images, in the mean over the seeds; what is shown is the error on test images, which nothing else sees.

import { ConfigError } from '../errors.ts';
import {
  listOf,
  nonNegative,
  nonNegativeInteger,
  positive,
  positiveInteger,
} from '../io/config.ts';
import type { Cells, Experiment, Weights } from '../io/experiment.ts';
import { Initialiser } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { slice } from '../ops/view.ts';
import { randomStream } from '../tensor/philox.ts';
import { noGrad } from '../tensor/tape.ts';
import {
  type Autoencoder,
  Classifier,
  type Encoder,
  pretrain,
  type Recipe,
  reconstruct,
  trainClassifier,
} from './autoencoder.ts';
import { autoencoderReport } from './autoencoder_report.ts';
import { CLASSES, type Digits, DigitsOnDevice, imagesOn, readDigits, someOf } from './digits.ts';

export const AUTOENCODER_DEFAULTS = {
  /** A folder with MNIST's two t10k files. */
  data: 'mnist',
  shrink: 2,
  validation: 1000,
  test: 2000,
  hidden: [128, 128, 64],
  tied: false,
  noise: 0.5,
  /** Of each layer. */
  pretrainSteps: 1500,
  pretrainRate: 2e-3,
  labels: [100, 300, 1000],
  steps: 150,
  learningRates: [3e-3, 1e-2, 2e-2, 4e-2],
  batch: 32,
  weightDecay: 0,
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
};

export type AutoencoderSettings = typeof AUTOENCODER_DEFAULTS;

const CHECKS = {
  shrink: positiveInteger,
  validation: positiveInteger,
  test: positiveInteger,
  hidden: listOf(positiveInteger),
  noise: nonNegative,
  pretrainSteps: positiveInteger,
  pretrainRate: positive,
  labels: listOf(positiveInteger),
  steps: positiveInteger,
  learningRates: listOf(positive),
  batch: positiveInteger,
  weightDecay: nonNegative,
  seeds: listOf(nonNegativeInteger),
};

export type Start = 'scratch' | 'pretrained';

const STARTS: readonly Start[] = ['scratch', 'pretrained'];

/** One training on labels. */
export interface LabelRun {
  readonly start: Start;
  readonly learningRate: number;
  /** Shares of images whose digit was mistaken. */
  readonly validation: number;
  readonly test: number;
}

/** All trainings of a seed on one number of labels. */
export interface LabelRuns {
  readonly seed: number;
  readonly labels: number;
  readonly runs: readonly LabelRun[];
}

/** What is known of a seed's stack. */
export interface Stack {
  readonly seed: number;
  /** Squared error per image of each layer's input: at its first step, and in the mean of the last tenth of its steps. */
  readonly losses: readonly { readonly first: number; readonly last: number }[];
  /** A few validation images, and what the stack makes of them. */
  readonly shown: readonly {
    readonly image: readonly number[];
    readonly restored: readonly number[];
  }[];
  readonly side: number;
}

export interface AutoencoderResults {
  readonly stacks: readonly Stack[];
  readonly cells: readonly LabelRuns[];
}

/** Trains a stack for each seed, and with each number of labels the classifiers from it and from scratch. */
export const autoencoderExperiment: Experiment<AutoencoderSettings, AutoencoderResults> = {
  defaults: AUTOENCODER_DEFAULTS,
  checks: CHECKS,
  count: ({ seeds, labels }) => seeds.length * (labels.length + 1),
  run,
  report: autoencoderReport,
};

const DECODERS = 0x6465636f; // 'deco': seeds of the decoders' initial weights begin here
const CHOICE = 0x63686f73; // 'chos': which images of a seed have labels
const SHOWN = 6;

async function run(
  device: Device,
  settings: AutoencoderSettings,
  cells: Cells,
): Promise<AutoencoderResults> {
  const { seeds, labels } = settings;
  const digits = await readDigits(settings);
  if (Math.max(...labels) > digits.train.count) {
    throw new ConfigError(`labels is [${labels}]; there are ${digits.train.count} training images`);
  }
  const task = new Task(device, settings, digits, cells.signal);
  const stacks: Stack[] = [];
  const found: LabelRuns[] = [];
  for (const seed of seeds) {
    const stack = await cells.weights(
      `stack-seed-${seed}`,
      () => task.stack(seed),
      ({ losses }) =>
        losses.map(({ first, last }) => `${first.toFixed(1)} to ${last.toFixed(1)}`).join(', '),
    );
    stacks.push(stack.about);
    for (const count of labels) {
      const cell = await cells.cell(
        `seed-${seed}-labels-${count}`,
        () => task.labelled(seed, count, stack),
        ({ runs }) =>
          runs
            .map(
              ({ start, learningRate, validation }) =>
                `${start} ${learningRate}: ${percent(validation)}`,
            )
            .join(', '),
      );
      found.push(cell);
    }
  }
  task.dispose();
  return { stacks, cells: found };
}

/** What is trained on the images. */
class Task {
  private readonly images: DigitsOnDevice;

  constructor(
    private readonly device: Device,
    private readonly settings: AutoencoderSettings,
    private readonly digits: Digits,
    private readonly signal: AbortSignal,
  ) {
    this.images = new DigitsOnDevice(device, digits);
  }

  /** A seed's encoder, trained layer by layer without labels. */
  async stack(seed: number): Promise<{ module: Encoder; about: Stack }> {
    const { device, settings, digits } = this;
    const { pretrainSteps: steps, pretrainRate } = settings;
    const { encoder: module, head } = this.classifier(seed);
    head.dispose();
    const init = new Initialiser(device, seed + DECODERS);
    const recipe = this.recipe(seed, { steps, learningRate: pretrainRate, weightDecay: 0 });
    const layers = await pretrain(device, module, this.images.train, init, settings, recipe);
    const shown = await this.shown(layers.map(({ pair }) => pair));
    for (const { pair } of layers) pair.decoder.dispose();
    const losses = layers.map(({ losses }) => ({
      first: losses[0]!,
      last: meanOf(losses.slice(-Math.ceil(steps / 10))),
    }));
    return { module, about: { seed, side: digits.train.side, losses, shown } };
  }

  /** The first validation images, through the stack and back. */
  private async shown(pairs: readonly Autoencoder[]): Promise<Stack['shown']> {
    const { count, side, values } = this.digits.validation;
    const rows = Math.min(SHOWN, count);
    using restored = this.device.scope(() =>
      noGrad(() => reconstruct(pairs, slice(this.images.validation, { end: [rows] }))),
    );
    const restoredValues = await restored.data();
    const row = (values: Float32Array, i: number) =>
      Array.from(values.subarray(i * side * side, (i + 1) * side * side), twoDigits);
    return Array.from({ length: rows }, (_, i) => ({
      image: row(values, i),
      restored: row(restoredValues as Float32Array, i),
    }));
  }

  /** Both starts, with each learning rate, on the same few labels. */
  async labelled(seed: number, labels: number, stack: Weights<Stack>): Promise<LabelRuns> {
    const { device, settings, digits } = this;
    const { steps, learningRates, weightDecay } = settings;
    const chosen = someOf(digits.train, labels, randomStream(seed, CHOICE));
    const x = imagesOn(device, chosen);
    const runs: LabelRun[] = [];
    for (const learningRate of learningRates) {
      for (const start of STARTS) {
        const model = this.classifier(seed);
        if (start === 'pretrained') model.encoder.load(stack.tensors);
        await trainClassifier(
          device,
          model,
          x,
          chosen.labels,
          this.recipe(seed, { steps, learningRate, weightDecay }),
        );
        runs.push({ start, learningRate, ...(await this.images.errors((x) => model.forward(x))) });
        model.dispose();
      }
    }
    x.dispose();
    return { seed, labels, runs };
  }

  dispose(): void {
    this.images.dispose();
  }

  /** Untrained: the same for a seed whatever comes after. */
  private classifier(seed: number): Classifier {
    const { side } = this.digits.train;
    return new Classifier(
      new Initialiser(this.device, seed),
      [side * side, ...this.settings.hidden],
      CLASSES,
    );
  }

  private recipe(
    seed: number,
    how: Pick<Recipe, 'steps' | 'learningRate' | 'weightDecay'>,
  ): Recipe {
    return { seed, batch: this.settings.batch, signal: this.signal, ...how };
  }
}

const twoDigits = (value: number) => Number(value.toFixed(2));
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const meanOf = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
