// Learning from a rollout by the policy as it is, then from the next: what PPO and A2C share. They differ in the loss, and in
// how often they go through a rollout.

import { ConfigError } from '../errors.ts';
import {
  between,
  type Checks,
  listOf,
  nullOr,
  oneOf,
  positive,
  positiveInteger,
} from '../io/config.ts';
import { add, div, maximum, mul, notEqual, sub } from '../ops/binary.ts';
import type { CapturedStep } from '../ops/capture.ts';
import { cast, full } from '../ops/copy.ts';
import type { Device } from '../ops/device.ts';
import { mean, sum } from '../ops/reduce.ts';
import { concat, stack } from '../ops/shape_ops.ts';
import { sqrt, square } from '../ops/unary.ts';
import { reshape } from '../ops/view.ts';
import { AdamW } from '../optim/adamw.ts';
import { clipGradNorm } from '../optim/clip.ts';
import { backward, noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Copies, EnvironmentPlace } from './copies.ts';
import { KernelCollector } from './kernel_collector.ts';
import { KernelEnvironment } from './kernel_environment.ts';
import {
  type Iteration,
  type Learner,
  type LearnerState,
  requireFiniteMetrics,
} from './learner.ts';
import { epochOrder, rowsBetween, rowsOf } from './minibatches.ts';
import type { ActorCritic } from './networks.ts';
import { loadProgress, type Normalising, saveProgress } from './progress.ts';
import {
  type AdvantageEstimator,
  type Collecting,
  Collector,
  gaeEstimator,
  type Rollout,
} from './rollout.ts';

export interface OnPolicySettings {
  /** Copies of the environment, N. */
  readonly copies: number;
  /** Where they are stepped: as kernels, in TypeScript, or, the default 'auto', as kernels where they can be. */
  readonly environments: EnvironmentPlace;
  /** Steps of each copy in a rollout, T. */
  readonly rolloutSteps: number;
  readonly epochs: number;
  /** Parts of a rollout that an epoch goes through; T N must be a multiple. */
  readonly minibatches: number;
  readonly learningRate: number;
  /** Whether it falls to 0 over the run, or stays. */
  readonly schedule: 'linear' | 'constant';
  readonly gamma: number;
  readonly lambda: number;
  readonly maxGradNorm: number;
  /** Ends a rollout's epochs once the KL from the policy that acted is over 1.5 times it; null: never. */
  readonly targetKl: number | null;
  /** To mean 0 and deviation 1, per minibatch. */
  readonly normaliseAdvantages: boolean;
  readonly normaliseObservations: boolean;
  readonly normaliseRewards: boolean;
  /** Treats a time limit as an end: what CleanRL does, and wrong. */
  readonly truncationIsEnd: boolean;
  /** Widths of the hidden layers of policy and value function. */
  readonly hidden: readonly number[];
  /** Initial ln σ of continuous actions. */
  readonly logStd: number;
  /**
   * Steps for which the noise of continuous actions stays one function of the state (Raffin et al. 2021); null: each action
   * has a noise of its own.
   */
  readonly noiseSteps: number | null;
}

export const ON_POLICY_CHECKS: Checks<OnPolicySettings> = {
  copies: positiveInteger,
  environments: oneOf('auto', 'kernel', 'typescript'),
  rolloutSteps: positiveInteger,
  epochs: positiveInteger,
  minibatches: positiveInteger,
  learningRate: positive,
  schedule: oneOf('linear', 'constant'),
  gamma: between(0, 1),
  lambda: between(0, 1),
  maxGradNorm: positive,
  targetKl: nullOr(positive),
  hidden: listOf(positiveInteger),
  noiseSteps: nullOr(positiveInteger),
};

/** Scalars: `loss` is what is minimised, the others are for the log; `approxKl` is what `targetKl` bounds. */
export type Losses = Readonly<Record<string, Tensor>> & { readonly loss: Tensor };

/** What an update depends on. */
export type UpdateSettings = Pick<
  OnPolicySettings,
  | 'epochs'
  | 'minibatches'
  | 'learningRate'
  | 'schedule'
  | 'maxGradNorm'
  | 'targetKl'
  | 'normaliseAdvantages'
> & {
  readonly seed: number;
  /** Of Adam: see `AdamWOptions`. Default false. */
  readonly plainEps?: boolean;
  /** Parts that a minibatch is computed in, one after the other, where it is too large for the memory at once. Default 1. */
  readonly accumulate?: number;
};

/** What an update reads of a rollout: tensors [B, ...], null for what there is not. */
export interface Samples {
  readonly advantages: Tensor;
  /** Nonzero where a step counts; default, or null: all do. */
  readonly mask?: Tensor | null;
}

const ADAM_EPS = 1e-5; // as both implementations

/** The collector of the environments' steps. */
export function collectorOf(
  device: Device,
  model: ActorCritic,
  environments: Copies,
  settings: OnPolicySettings & { readonly seed: number },
  estimate: AdvantageEstimator = gaeEstimator(settings),
): Collecting {
  const options = { ...settings, steps: settings.rolloutSteps, estimate };
  return environments instanceof KernelEnvironment
    ? new KernelCollector(device, model, environments, options)
    : new Collector(device, model, environments, options);
}

/** Collects a rollout, goes through it `epochs` times in minibatches, and does so again. */
export class OnPolicy<
  Model extends Normalising = ActorCritic,
  Rows extends Samples & object = Rollout,
> implements Learner<Model>
{
  /** Rows of a rollout. */
  readonly stepsPerIteration: number;
  readonly #optimizer: AdamW;
  /** Of the samples of an update. */
  readonly #ids: Tensor;
  /** Gives the metrics of an update, named by `#names`. */
  #update: CapturedStep<Tensor> | null = null;
  #names: readonly string[] = [];
  #updates = 0;
  #epochs = 0;

  /** @throws ConfigError where the minibatches do not divide a rollout, or the parts a minibatch */
  constructor(
    private readonly device: Device,
    readonly model: Model,
    private readonly collector: Collecting<Rows>,
    private readonly settings: UpdateSettings,
    private readonly loss: (samples: Rows) => Losses,
    /** What the loss is a mean over, for minibatches in parts: by default the steps that count. */
    private readonly weight: (samples: Rows) => Tensor = stepsCounted,
  ) {
    const { minibatches, learningRate, accumulate = 1, plainEps = false } = settings;
    const samples = collector.rollout.advantages.shape[0]!;
    if (samples % minibatches !== 0)
      throw new ConfigError(
        `minibatches is ${minibatches}; a rollout has ${samples} samples, which it does not divide`,
      );
    if ((samples / minibatches) % accumulate !== 0)
      throw new ConfigError(
        `accumulate is ${accumulate}; a minibatch has ${samples / minibatches} samples, which it does not divide`,
      );
    this.stepsPerIteration = samples;
    this.#optimizer = new AdamW(model.namedParameters(), {
      lr: learningRate,
      eps: ADAM_EPS,
      plainEps,
      weightDecay: 0,
    });
    const ids = device.zeros([samples / minibatches], { dtype: 'i32' });
    this.#ids = Object.assign(ids, { kept: true });
  }

  async iterate(index: number, count: number): Promise<Iteration> {
    const { learningRate, schedule, epochs, targetKl, seed } = this.settings;
    this.#optimizer.lr = schedule === 'linear' ? learningRate * (1 - index / count) : learningRate;
    const episodes = await this.collector.collect();
    let metrics: Record<string, number> = {};
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = epochOrder(this.stepsPerIteration, seed, this.#epochs++);
      for (let at = 0; at < order.length; at += this.#ids.size) {
        this.#ids.write(order.subarray(at, at + this.#ids.size));
        this.#optimizer.advance();
        this.#updated();
        this.#updates++;
      }
      if (targetKl === null && epoch < epochs - 1) continue;
      metrics = await this.#metrics();
      if (targetKl !== null && metrics.approxKl! > 1.5 * targetKl) break;
    }
    this.collector.updateNorm();
    await requireFiniteMetrics(metrics, this.model);
    return { episodes, metrics };
  }

  #updated(): void {
    if (this.#update) this.#update();
    else this.#update = this.device.capture(() => this.#learn());
  }

  /** One update, on the samples at `ids`. */
  #learn(): Tensor {
    const { minibatches, normaliseAdvantages, accumulate = 1, maxGradNorm } = this.settings;
    const samples = noGrad(() => {
      const { rollout } = this.collector;
      const rows = minibatches === 1 ? rollout : rowsOf(rollout, this.#ids);
      return normaliseAdvantages ? { ...rows, advantages: standardised(rows.advantages) } : rows;
    });
    const losses = accumulate === 1 ? this.#differentiate(samples) : this.#inParts(samples);
    const gradNorm = clipGradNorm(this.#optimizer, maxGradNorm);
    this.#optimizer.apply({ zeroGrad: true });
    return noGrad(() => concat([losses, reshape(gradNorm, [1])]));
  }

  /** Adds to the gradients, `dy` times. @returns the losses, named by `#names` */
  #differentiate(samples: Rows, dy?: Tensor): Tensor {
    const losses = this.loss(samples);
    backward(losses.loss, dy && { dy });
    this.#names = [...Object.keys(losses), 'gradNorm'];
    return noGrad(() => stack(Object.values(losses)));
  }

  /** The same gradients part by part: each counts by its share of the minibatch. */
  #inParts(samples: Rows): Tensor {
    const { accumulate = 1 } = this.settings;
    const size = this.#ids.size / accumulate;
    const whole = noGrad(() => maximum(this.weight(samples), 1));
    const parts = Array.from({ length: accumulate }, (_, i) =>
      this.device.scope(() => {
        const part = noGrad(() => rowsBetween(samples, i * size, (i + 1) * size));
        const share = noGrad(() => div(this.weight(part), whole));
        const losses = this.#differentiate(part, share);
        return noGrad(() => mul(losses, share));
      }),
    );
    return noGrad(() => sum(stack(parts), { axis: 0 }));
  }

  /** Of the last update. */
  async #metrics(): Promise<Record<string, number>> {
    const values = await this.#update!.result.data();
    return Object.fromEntries(this.#names.map((name, i) => [name, values[i]!]));
  }

  save(): Promise<LearnerState> {
    return saveProgress(this.#parts, { updates: this.#updates, epochs: this.#epochs });
  }

  load(saved: LearnerState): void {
    ({ updates: this.#updates, epochs: this.#epochs } = loadProgress(this.#parts, saved));
  }

  get #parts() {
    const { model, collector } = this;
    return { model, optimizer: this.#optimizer, collector };
  }

  dispose(): void {
    this.#update?.dispose();
    this.#update?.result.dispose();
    this.#ids.dispose();
    this.#optimizer.dispose();
    this.collector.dispose();
  }
}

function stepsCounted({ mask, advantages }: Samples): Tensor {
  if (!mask) return full(advantages.runtime, [], advantages.size, 'f32');
  return sum(cast(notEqual(mask, 0), 'f32'));
}

/** (x - mean) / deviation, of n - 1 as PyTorch. */
export function standardised(x: Tensor): Tensor {
  const centred = sub(x, mean(x));
  const variance = mul(mean(square(centred)), x.size / Math.max(1, x.size - 1));
  return div(centred, add(sqrt(variance), 1e-8));
}
