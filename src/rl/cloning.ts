// Behaviour cloning: a policy from an expert's actions, by supervised learning.
//
//   argmin_θ mean[-log π_θ(a_i | s_i)] - c_H mean[H(π_θ(. | s_i))]        s_i: states that the expert came to
//
// The objective is KL(expert || π) where the expert is a distribution, and its actions are draws. Defaults of the `imitation`
// library: batches of 32, Adam with 1e-3, c_H 1e-3.

import { ConfigError } from '../errors.ts';
import type { Module } from '../nn/module.ts';
import { mul, sub } from '../ops/binary.ts';
import type { CapturedStep } from '../ops/capture.ts';
import type { Device } from '../ops/device.ts';
import { mean } from '../ops/reduce.ts';
import { stack } from '../ops/shape_ops.ts';
import { neg } from '../ops/unary.ts';
import { AdamW } from '../optim/adamw.ts';
import { backward, noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Environment, Value } from './environment.ts';
import { requireFiniteMetrics } from './learner.ts';
import { epochOrder, rowsAt } from './minibatches.ts';
import { type ActorCritic, observationShape } from './networks.ts';
import { encode } from './rollout.ts';

/** What an expert did, or said that it would do: actions[i] in observations[i]. */
export interface Demonstrations {
  readonly observations: readonly Value[];
  readonly actions: readonly Value[];
}

export interface CloningSettings {
  /** Samples of an update; the last ones of an epoch are filled up with its first. */
  readonly batch: number;
  readonly learningRate: number;
  readonly entropyWeight: number;
  readonly seed: number;
}

export const CLONING_DEFAULTS: CloningSettings = {
  batch: 32,
  learningRate: 1e-3,
  entropyWeight: 1e-3,
  seed: 0,
};

export type Imitator = Pick<ActorCritic, 'policy'> & Module;

/** Trains a policy on demonstrations, which may grow. */
export class Cloning implements Disposable {
  readonly #observations: Tensor;
  readonly #actions: Tensor;
  readonly #ids: Tensor;
  readonly #optimizer: AdamW;
  #update: CapturedStep<Tensor> | null = null;
  #demonstrations: Demonstrations = { observations: [], actions: [] };
  #epochs = 0;

  /** @param capacity most demonstrations there will be */
  constructor(
    private readonly device: Device,
    private readonly model: Imitator,
    private readonly spaces: Pick<Environment, 'observationSpace' | 'actionSpace'>,
    private readonly capacity: number,
    private readonly settings: CloningSettings = CLONING_DEFAULTS,
  ) {
    const { observationSpace, actionSpace } = spaces;
    const { batch, learningRate } = settings;
    const kept = (x: Tensor): Tensor => Object.assign(x, { kept: true });
    this.#observations = kept(device.zeros([capacity, ...observationShape(observationSpace)]));
    this.#actions = kept(
      actionSpace.kind === 'discrete'
        ? device.zeros([capacity], { dtype: 'i32' })
        : device.zeros([capacity, actionSpace.low.length]),
    );
    this.#ids = kept(device.zeros([batch], { dtype: 'i32' }));
    this.#optimizer = new AdamW(model.namedParameters(), { lr: learningRate, weightDecay: 0 });
  }

  /** Demonstrations so far. */
  get count(): number {
    return this.#demonstrations.actions.length;
  }

  /** @throws ConfigError where there is no room for them */
  add({ observations, actions }: Demonstrations): void {
    const all = {
      observations: [...this.#demonstrations.observations, ...observations],
      actions: [...this.#demonstrations.actions, ...actions],
    };
    if (all.actions.length > this.capacity)
      throw new ConfigError(
        `Cloning: ${all.actions.length} demonstrations for a capacity of ${this.capacity}`,
      );
    this.#demonstrations = all;
    const { observationSpace, actionSpace } = this.spaces;
    const rows = new Float32Array(this.#observations.size);
    rows.set(encode(observationSpace, all.observations));
    this.#observations.write(rows);
    const flat = all.actions.flatMap((a) => (typeof a === 'number' ? [a] : [...a]));
    const values = new (actionSpace.kind === 'discrete' ? Int32Array : Float32Array)(
      this.#actions.size,
    );
    values.set(flat);
    this.#actions.write(values);
  }

  /** Goes through all demonstrations `epochs` times; the loss and its parts of the last update. */
  async fit(epochs: number): Promise<Readonly<Record<string, number>>> {
    const { count } = this;
    if (count === 0) throw new ConfigError('Cloning: no demonstrations; add() some before fit()');
    const { batch, seed } = this.settings;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = epochOrder(count, seed, this.#epochs++);
      for (let at = 0; at < count; at += batch) {
        this.#ids.write(Int32Array.from({ length: batch }, (_, i) => order[(at + i) % count]!));
        this.#optimizer.advance();
        if (this.#update) this.#update();
        else this.#update = this.device.capture(() => this.#learn());
      }
    }
    const values = this.#update ? [...(await this.#update.result.data())] : [];
    const metrics = Object.fromEntries(METRICS.map((name, i) => [name, values[i]!]));
    await requireFiniteMetrics(metrics, this.model);
    return metrics;
  }

  #learn(): Tensor {
    const [observations, actions] = noGrad(() => [
      rowsAt(this.#observations, this.#ids),
      rowsAt(this.#actions, this.#ids),
    ]);
    const { loss, ...parts } = cloningLoss(
      this.model,
      observations!,
      actions!,
      this.settings.entropyWeight,
    );
    backward(loss);
    this.#optimizer.apply({ zeroGrad: true });
    return noGrad(() => stack([loss, parts.nll, parts.entropy]));
  }

  [Symbol.dispose](): void {
    this.#update?.dispose();
    this.#update?.result.dispose();
    for (const x of [this.#observations, this.#actions, this.#ids]) x.dispose();
    this.#optimizer.dispose();
  }
}

const METRICS = ['loss', 'nll', 'entropy'] as const;

/** The cloning objective on a batch. */
export function cloningLoss(
  model: Pick<ActorCritic, 'policy'>,
  observations: Tensor,
  actions: Tensor,
  entropyWeight: number,
): { readonly loss: Tensor; readonly nll: Tensor; readonly entropy: Tensor } {
  const found = model.policy(observations).evaluate(actions);
  const [nll, entropy] = [neg(mean(found.logProb)), mean(found.entropy)];
  return { loss: sub(nll, mul(entropy, entropyWeight)), nll, entropy };
}
