// The networks of soft actor-critic: a squashed Gaussian policy, two action values, and the temperature.

import { Initialiser } from '../nn/initialiser.ts';
import { Linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import type { Device } from '../ops/device.ts';
import { reshape } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Distribution } from './distributions.ts';
import type { Space } from './environment.ts';
import { featuresOf } from './networks.ts';
import { type Bounds, expectBounded, squashed } from './squashed.ts';

/** [B, inputs] -> [B, outputs] by linear layers with ReLU between them. */
export class ReluMlp extends Module {
  readonly layers: readonly Linear[];

  constructor(init: Initialiser, inputs: number, outputs: number, hidden: readonly number[]) {
    super();
    const widths = [inputs, ...hidden, outputs];
    // The variance of PyTorch's default, uniform in ± 1 / √in.
    this.layers = widths.slice(1).map((width, i) => {
      const std = 1 / Math.sqrt(3 * widths[i]!);
      return new Linear(init, widths[i]!, width, { bias: true, std });
    });
  }

  forward(x: Tensor): Tensor {
    const last = this.layers.length - 1;
    return this.layers.reduce(
      (h, layer, i) => layer.forward(h, i < last ? { activation: 'relu' } : {}),
      x,
    );
  }
}

export class SacModel extends Module {
  /** S -> A means of u, A log σ. */
  readonly actor: ReluMlp;
  /** S + A -> Q(s, a), the action in [-1, 1]ᴬ. */
  readonly critics: readonly ReluMlp[];
  /** ln α, a scalar. */
  readonly logAlpha: Tensor;
  readonly #bounds: Bounds;
  readonly #features: number;

  /** @throws ConfigError unless the actions are numbers between finite bounds */
  constructor(
    device: Device,
    { observationSpace, actionSpace }: { observationSpace: Space; actionSpace: Space },
    {
      seed,
      hidden,
      temperature,
    }: {
      readonly seed: number;
      readonly hidden: readonly number[];
      readonly temperature: number | null;
    },
  ) {
    super();
    const { low, high } = expectBounded(actionSpace);
    const init = new Initialiser(device, seed);
    const [S, A] = [featuresOf(observationSpace), low.length];
    this.#features = S;
    this.actor = new ReluMlp(init, S, 2 * A, hidden);
    this.critics = [new ReluMlp(init, S + A, 1, hidden), new ReluMlp(init, S + A, 1, hidden)];
    this.logAlpha = init.constant([], Math.log(temperature ?? 1));
    if (temperature !== null) this.logAlpha.requireGrad(false);
    const kept = (values: Float64Array) => Object.assign(device.tensor(values), { kept: true });
    this.#bounds = {
      centre: kept(low.map((least, i) => (least + high[i]!) / 2)),
      scale: kept(low.map((least, i) => (high[i]! - least) / 2)),
    };
  }

  /** In the environment's own units. @param observations [B, ...] */
  policy(observations: Tensor): Distribution {
    return squashed(this.head(observations), this.#bounds);
  }

  /** [B, 2 A] */
  head(observations: Tensor): Tensor {
    return this.actor.forward(reshape(observations, [observations.shape[0]!, this.#features]));
  }

  /** Q₁ and Q₂, [B] each, of pairs [B, S + A] of observation and action. */
  values(pairs: Tensor): readonly [Tensor, Tensor] {
    const [first, second] = this.critics.map((critic) =>
      reshape(critic.forward(pairs), [pairs.shape[0]!]),
    );
    return [first!, second!];
  }

  override dispose(): void {
    this.#bounds.centre.dispose();
    this.#bounds.scale.dispose();
    super.dispose();
  }
}
