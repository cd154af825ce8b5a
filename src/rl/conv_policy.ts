// Policy and value function that look at images: a convolution, hidden layers, and a linear map for each of the two.

import { ConfigError } from '../errors.ts';
import { Linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import { conv2d } from '../ops/conv2d.ts';
import type { Device } from '../ops/device.ts';
import { relu } from '../ops/unary.ts';
import { reshape } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Categorical, categorical } from './distributions.ts';
import { describeSpace, type Space } from './environment.ts';
import { type ActorCritic, type Judgement, OrthogonalInitialiser } from './networks.ts';

const FILTERS = 16;
const WINDOW = 3;

/** Filters of 3 x 3 with relu: [B, C, H, W] -> [B, filters, H - 2, W - 2]. */
class Convolution extends Module {
  /** [filters, C 3 3]: a row per filter, so that they begin orthonormal. */
  readonly weight: Tensor;
  /** [filters] */
  readonly bias: Tensor;

  constructor(init: OrthogonalInitialiser, channels: number) {
    super();
    this.weight = init.normal([FILTERS, channels * WINDOW * WINDOW], Math.SQRT2);
    this.bias = init.constant([FILTERS], 0);
  }

  forward(x: Tensor): Tensor {
    const filters = reshape(this.weight, [FILTERS, x.shape[1]!, WINDOW, WINDOW]);
    return relu(conv2d(x, filters, this.bias));
  }
}

export interface ConvActorCriticOptions {
  readonly seed: number;
  /** Widths of the layers after the convolution. Default [128], as the agents of MinAtar. */
  readonly hidden?: readonly number[];
}

/** For images [C, H, W] and discrete actions. Policy and value share all but their last layers. */
export class ConvActorCritic extends Module implements ActorCritic {
  readonly convolution: Convolution;
  readonly hidden: readonly Linear[];
  readonly actor: Linear;
  readonly critic: Linear;
  readonly norm = null;
  readonly #image: readonly number[];

  /** @throws ConfigError for other observations or actions */
  constructor(
    device: Device,
    { observationSpace, actionSpace }: { observationSpace: Space; actionSpace: Space },
    { seed, hidden = [128] }: ConvActorCriticOptions,
  ) {
    super();
    if (!isImage(observationSpace) || actionSpace.kind !== 'discrete')
      throw new ConfigError(
        `ConvActorCritic: expected images of at least ${WINDOW} x ${WINDOW} and discrete actions, got ${describeSpace(observationSpace)} and ${describeSpace(actionSpace)}`,
      );
    this.#image = observationSpace.shape;
    const [channels, height, width] = observationSpace.shape as [number, number, number];
    const init = new OrthogonalInitialiser(device, seed);
    this.convolution = new Convolution(init, channels);
    const widths = [FILTERS * (height - WINDOW + 1) * (width - WINDOW + 1), ...hidden];
    const layer = (inputs: number, outputs: number, std: number) =>
      new Linear(init, inputs, outputs, { bias: true, std });
    this.hidden = hidden.map((size, i) => layer(widths[i]!, size, Math.SQRT2));
    this.actor = layer(widths.at(-1)!, actionSpace.n, 0.01);
    this.critic = layer(widths.at(-1)!, 1, 1);
  }

  policy(observations: Tensor, actionMask?: Tensor): Categorical {
    return categorical(this.actor.forward(this.#features(observations)), actionMask);
  }

  value(observations: Tensor): Tensor {
    return this.#valueOf(this.#features(observations));
  }

  judge(observations: Tensor, actionMask?: Tensor): Judgement {
    const features = this.#features(observations);
    const policy = categorical(this.actor.forward(features), actionMask);
    return { policy, values: this.#valueOf(features) };
  }

  /** [B, last of hidden]; observations may come as rows. */
  #features(observations: Tensor): Tensor {
    const B = observations.shape[0]!;
    const seen = this.convolution.forward(reshape(observations, [B, ...this.#image]));
    const flat = reshape(seen, [B, seen.size / B]);
    return this.hidden.reduce((h, layer) => relu(layer.forward(h)), flat);
  }

  #valueOf(features: Tensor): Tensor {
    return reshape(this.critic.forward(features), [features.shape[0]!]);
  }
}

/** Channels, rows and columns, enough of them for a filter. */
export function isImage(space: Space): space is Extract<Space, { kind: 'box' }> {
  return (
    space.kind === 'box' &&
    space.shape.length === 3 &&
    space.shape.slice(1).every((n) => n >= WINDOW)
  );
}
