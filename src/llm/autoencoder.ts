// Stacked autoencoders (Hinton & Salakhutdinov 2006; Bengio et al. 2007), denoising ones (Vincent et al. 2010):
//
//   layer k    h_k = relu(W_k h_(k-1) + b_k)        h_0 = x, an image
//   decoder    y = V h_k + c ≈ h_(k-1)               V = W_kᵀ where weights are tied
//   loss       mean over images of |y - h_(k-1)|², where h_k is made of an h_(k-1) with Gaussian noise on it
//
// One layer after the other is trained, on the codes of the finished ones below; then the stack with a linear layer on
// top is trained on labels.

import type { Initialiser } from '../nn/initialiser.ts';
import { Linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { mul, sub } from '../ops/binary.ts';
import { crossEntropy } from '../ops/cross_entropy.ts';
import type { Device } from '../ops/device.ts';
import { embedding } from '../ops/embedding.ts';
import { linear } from '../ops/linear.ts';
import { gaussianNoise } from '../ops/noise.ts';
import { sum } from '../ops/reduce.ts';
import { argmax } from '../ops/top_k.ts';
import { relu, square } from '../ops/unary.ts';
import { reshape, transpose } from '../ops/view.ts';
import { randomStream } from '../tensor/philox.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { reports, Steps } from './steps.ts';

/** Layers with a ReLU each: [B, widths[0]] -> [B, widths.at(-1)]. */
export class Encoder extends Module {
  readonly layers: readonly Linear[];

  constructor(init: Initialiser, widths: readonly number[]) {
    super();
    this.layers = widths.slice(1).map((outputs, k) => {
      const inputs = widths[k]!;
      return new Linear(init, inputs, outputs, { bias: true, std: Math.sqrt(2 / inputs) }); // He et al. 2015
    });
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((h, layer) => relu(layer.forward(h)), x);
  }
}

/** An encoder with a linear layer on top: [B, widths[0]] -> logits [B, classes]. */
export class Classifier extends Module {
  readonly encoder: Encoder;
  readonly head: Linear;

  constructor(init: Initialiser, widths: readonly number[], classes: number) {
    super();
    this.encoder = new Encoder(init, widths);
    const inputs = widths.at(-1)!;
    this.head = new Linear(init, inputs, classes, { bias: true, std: Math.sqrt(1 / inputs) });
  }

  forward(x: Tensor): Tensor {
    return this.head.forward(this.encoder.forward(x));
  }
}

export interface AutoencoderOptions {
  /** The decoder's weight is the encoder's, transposed. Default false. */
  readonly tied?: boolean;
  /** Default relu. Without any the layer is linear, and finds the space of the principal components. */
  readonly activation?: ((x: Tensor) => Tensor) | null;
}

/** A layer [B, in] -> [B, out], and what undoes it. */
export class Autoencoder extends Module {
  readonly decoder: Decoder;
  readonly #activation: ((x: Tensor) => Tensor) | null;

  constructor(
    init: Initialiser,
    readonly encoder: Linear,
    { tied = false, activation = relu }: AutoencoderOptions = {},
  ) {
    super();
    this.decoder = new Decoder(init, encoder, tied);
    this.#activation = activation;
  }

  encode(x: Tensor): Tensor {
    const z = this.encoder.forward(x);
    return this.#activation ? this.#activation(z) : z;
  }

  decode(h: Tensor): Tensor {
    return linear(h, this.decoder.weight ?? transpose(this.encoder.weight), this.decoder.bias);
  }

  /** Mean over the rows of |decode(encode(x + noise N(0, 1))) - x|²: x [B, in] -> a scalar. */
  loss(x: Tensor, noise: number): Tensor {
    const y = this.decode(this.encode(gaussianNoise(x, { std: noise })));
    return mul(sum(square(sub(y, x))), 1 / x.shape[0]!);
  }
}

class Decoder extends Module {
  /** [in, out] of the encoder; null where it is tied to the encoder's. */
  readonly weight: Tensor | null;
  /** [in] */
  readonly bias: Tensor;

  constructor(init: Initialiser, { inputs, outputs }: Linear, tied: boolean) {
    super();
    // Small: a large one is met by codes that shrink, from which the layers above and the labels teach slowly.
    this.weight = tied ? null : init.normal([inputs, outputs], Math.sqrt(0.1 / outputs));
    this.bias = init.constant([inputs], 0);
  }
}

/** How a model is fitted to rows of data. */
export interface Recipe {
  readonly seed: number;
  readonly steps: number;
  readonly batch: number;
  /** Reached after a tenth of the steps, and left for 0 along half a cosine. */
  readonly learningRate: number;
  /** Of matrices. */
  readonly weightDecay: number;
  readonly signal?: AbortSignal;
}

/** Rows to draw from. */
export interface Rows {
  readonly count: number;
  /** [count]; absent where the rows themselves are what is to be learned. */
  readonly labels?: Int32Array;
}

const ROWS = 0x726f7773; // 'rows': the draws of a seed that choose each step's rows

/**
 * AdamW on the loss of rows that are drawn anew, with replacement, at every step.
 * @param loss of the rows with these numbers, ids [batch], and their labels [batch]: a mean
 * @returns the loss of every step
 * @throws DataError when a loss is not finite, and the signal's reason
 */
export async function fitRows(
  device: Device,
  model: Module,
  { count, labels }: Rows,
  loss: (ids: Tensor, labels: Tensor) => Tensor,
  { seed, steps: total, batch, learningRate, weightDecay, signal }: Recipe,
): Promise<number[]> {
  const draw = (step: number) => {
    const random = randomStream(seed, ROWS, { step });
    const ids = Int32Array.from({ length: batch }, () => random.integer(count));
    return { ids, targets: labels ? ids.map((id) => labels[id]!) : ids };
  };
  const steps = new Steps(device, {
    parameters: model.namedParameters(),
    settings: {
      ...{ seed, steps: total, batch, learningRate, weightDecay },
      ...{ accumulate: 1, minLearningRate: 0, warmupSteps: total / 10, decaySteps: null },
      ...{ beta1: 0.9, beta2: 0.999, eps: 1e-8, gradClip: 0 },
    },
    like: draw(0),
    loss: ({ ids, targets }) => loss(reshape(ids, [batch]), reshape(targets, [batch])),
    history: total,
  });
  const take = (step: number) => steps.step(step, draw(step), 1);
  const clock = () => performance.now();
  const losses: number[] = [];
  try {
    const whole = { from: 0, to: total, every: 100, at: () => false, signal, clock };
    for await (const report of reports(steps, take, whole)) losses.push(...report.losses);
    signal?.throwIfAborted();
    return losses;
  } finally {
    steps.dispose();
  }
}

export interface PretrainOptions {
  readonly tied: boolean;
  /** Standard deviation of what is added to each layer's input. */
  readonly noise: number;
}

/**
 * Trains the layers of an encoder one after the other, each to restore the codes of those below: x [count, width].
 * @returns each layer with what undoes it, whose decoder is the caller's to dispose, and the losses of its steps
 */
export async function pretrain(
  device: Device,
  encoder: Encoder,
  x: Tensor,
  init: Initialiser,
  { tied, noise }: PretrainOptions,
  recipe: Recipe,
): Promise<{ readonly pair: Autoencoder; readonly losses: readonly number[] }[]> {
  const trained: { pair: Autoencoder; losses: number[] }[] = [];
  let below = x;
  for (const layer of encoder.layers) {
    const pair = new Autoencoder(init, layer, { tied });
    const count = x.shape[0]!;
    const loss = (ids: Tensor) => pair.loss(embedding(below, ids), noise);
    const losses = await fitRows(device, pair, { count }, loss, recipe);
    trained.push({ pair, losses });
    const codes = device.scope(() => noGrad(() => pair.encode(below)));
    if (below !== x) below.dispose();
    below = codes;
  }
  below.dispose();
  return trained;
}

/** x through all layers and back: [B, width] -> [B, width]. */
export function reconstruct(pairs: readonly Autoencoder[], x: Tensor): Tensor {
  const code = pairs.reduce((h, pair) => pair.encode(h), x);
  return pairs.reduceRight((h, pair) => pair.decode(h), code);
}

/** Trains a classifier on rows x [count, width] and their labels; the losses of its steps. */
export function trainClassifier(
  device: Device,
  model: Classifier,
  x: Tensor,
  labels: Int32Array,
  recipe: Recipe,
): Promise<number[]> {
  const loss = (ids: Tensor, labels: Tensor) =>
    crossEntropy(model.forward(embedding(x, ids)), labels);
  return fitRows(device, model, { count: labels.length, labels }, loss, recipe);
}

/** The share of rows x [count, width] whose largest logit is not their label's. */
export async function errorRate(
  device: Device,
  forward: (x: Tensor) => Tensor,
  x: Tensor,
  labels: Int32Array,
): Promise<number> {
  using found = device.scope(() => noGrad(() => argmax(forward(x))));
  const values = await found.data();
  return labels.reduce((wrong, label, i) => wrong + Number(values[i] !== label), 0) / labels.length;
}
