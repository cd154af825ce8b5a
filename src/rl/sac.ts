// Soft actor-critic (Haarnoja et al. 2018): the return and the entropy of the policy, from replayed transitions.
//
//   y  = r + γ (1 - terminated) (min_i Q̄_i(s', a') - α log π(a' | s')),   a' ~ π(· | s')
//   critics   ½ Σ_i mean (Q_i(s, a) - y)²
//   actor     mean (α log π(ã | s) - min_i Q_i(s, ã)),   ã = tanh(μ + σ ε): the gradient goes through the sample
//   α         -log α · mean (log π(ã | s) + H̄), where it is learned
//   Q̄_i ← Q̄_i + τ (Q_i - Q̄_i)
//
// After each step of the environments one captured step does all of it; only actions are read back.

import { ConfigError } from '../errors.ts';
import {
  between,
  type Checks,
  listOf,
  nonNegativeInteger,
  nullOr,
  positive,
  positiveInteger,
} from '../io/config.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import type { Json } from '../io/json.ts';
import { restoreTraining, trainingState } from '../io/training_state.ts';
import { loadTensors, substituted } from '../nn/module.ts';
import { sub } from '../ops/binary.ts';
import type { CapturedStep } from '../ops/capture.ts';
import type { Device } from '../ops/device.ts';
import { gaussianNoise } from '../ops/noise.ts';
import { concat } from '../ops/shape_ops.ts';
import { softCriticLoss, softPolicyLoss, softTargets } from '../ops/soft_actor_critic.ts';
import { squashedGaussian } from '../ops/squashed_gaussian.ts';
import { exp } from '../ops/unary.ts';
import { slice } from '../ops/view.ts';
import { AdamW } from '../optim/adamw.ts';
import { MovingAverage } from '../optim/average.ts';
import { backward, noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Box, Value } from './environment.ts';
import {
  type Iteration,
  type Learner,
  type LearnerState,
  requireFiniteMetrics,
} from './learner.ts';
import { observationShape } from './networks.ts';
import { type RandomPosition, RandomSequence } from './random.ts';
import { ReplayBuffer, type TransitionBatch } from './replay.ts';
import { actionsOf, encode } from './rollout.ts';
import type { SacModel } from './sac_networks.ts';
import { expectBounded } from './squashed.ts';
import type { Episode, VectorEnvironment } from './vector.ts';

export interface SacSettings {
  /** Copies of the environment. */
  readonly copies: number;
  /** Updates after each step of the copies. */
  readonly updates: number;
  /** Transitions that are kept. */
  readonly bufferSize: number;
  /** Transitions of an update. */
  readonly batch: number;
  /** Transitions by random actions, before the first update. */
  readonly learningStarts: number;
  /** Of the policy and the temperature. */
  readonly learningRate: number;
  readonly criticLearningRate: number;
  readonly gamma: number;
  /** τ: of the way that the target networks go in an update. */
  readonly tau: number;
  /** α; null: it is learned, from 1. */
  readonly temperature: number | null;
  /** H̄, in nats; null: minus the number of action dimensions. Of actions in [-1, 1]. */
  readonly targetEntropy: number | null;
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
}

/** Stable-Baselines3's. */
export const SAC_DEFAULTS: SacSettings = {
  copies: 1,
  updates: 1,
  bufferSize: 1_000_000,
  batch: 256,
  learningStarts: 100,
  learningRate: 3e-4,
  criticLearningRate: 3e-4,
  gamma: 0.99,
  tau: 0.005,
  temperature: null,
  targetEntropy: null,
  hidden: [256, 256],
};

export const SAC_CHECKS: Checks<SacSettings> = {
  copies: positiveInteger,
  updates: positiveInteger,
  bufferSize: positiveInteger,
  batch: positiveInteger,
  learningStarts: nonNegativeInteger,
  learningRate: positive,
  criticLearningRate: positive,
  gamma: between(0, 1),
  tau: between(0, 1),
  temperature: nullOr(positive),
  hidden: listOf(positiveInteger),
};

/** Steps of each copy between two reports. */
const REPORT_STEPS = 200;
const STREAM = 0x73616321; // 'sac!': the random actions of a seed
const TARGET = 'target.';

/** Scalars. */
interface Figures {
  readonly criticLoss: Tensor;
  readonly policyLoss: Tensor;
  readonly alpha: Tensor;
  readonly entropy: Tensor;
}

export class Sac implements Learner {
  readonly stepsPerIteration: number;
  readonly #replay: ReplayBuffer;
  readonly #actorOptimizer: AdamW;
  readonly #criticOptimizer: AdamW;
  readonly #targets: MovingAverage;
  readonly #critics: readonly (readonly [name: string, parameter: Tensor])[];
  readonly #actions: Box;
  readonly #observed: Tensor;
  readonly #zeros: Tensor; // [2 B, A]
  #random: RandomSequence;
  #observations: readonly Value[];
  #act: CapturedStep<Tensor> | null = null;
  #update: CapturedStep<Figures> | null = null;
  /** Draws of actions and of batches: each begins a step of the device's random numbers. */
  #draws = 0;
  #updates = 0;

  /** @throws ConfigError unless the actions are bounded, or where a setting does not fit another */
  constructor(
    private readonly device: Device,
    readonly model: SacModel,
    private readonly environments: VectorEnvironment,
    private readonly settings: SacSettings & { readonly seed: number },
  ) {
    const { bufferSize, batch, learningRate, criticLearningRate, tau, seed, learningStarts } =
      settings;
    const { observationSpace, count } = environments;
    if (learningStarts > bufferSize)
      throw new ConfigError(
        `learningStarts is ${learningStarts}, more than bufferSize, ${bufferSize}, holds`,
      );
    this.stepsPerIteration = REPORT_STEPS * count;
    this.#actions = expectBounded(environments.actionSpace);
    const shape = observationShape(observationSpace);
    const observation = shape.reduce((product, n) => product * n, 1);
    const sizes = { capacity: bufferSize, observation, action: this.#actions.low.length };
    this.#replay = new ReplayBuffer(device, sizes);
    const parameters = [...model.namedParameters()];
    const isCritic = ([name]: readonly [string, Tensor]) => name.startsWith('critics.');
    this.#critics = parameters.filter(isCritic);
    const others = parameters.filter((each) => !isCritic(each));
    const adam = (lr: number) => ({ lr, weightDecay: 0 });
    this.#criticOptimizer = new AdamW(this.#critics, adam(criticLearningRate));
    this.#actorOptimizer = new AdamW(others, adam(learningRate));
    this.#targets = new MovingAverage(this.#criticOptimizer, { rate: tau });
    this.#observed = Object.assign(device.zeros([count, ...shape]), { kept: true });
    this.#zeros = Object.assign(device.zeros([2 * batch, sizes.action]), { kept: true });
    this.#random = new RandomSequence({ seed, stream: STREAM });
    this.#observations = environments.reset(seed).observations;
  }

  async iterate(): Promise<Iteration> {
    const episodes: Episode[] = [];
    for (let t = 0; t < REPORT_STEPS; t++) {
      episodes.push(...(await this.#step()));
      if (this.#replay.size > this.settings.learningStarts) this.#learn();
    }
    const figures = Object.entries(this.#update?.result ?? {});
    const values = await Promise.all(figures.map(([, x]) => x.item()));
    const metrics = Object.fromEntries(figures.map(([name], i) => [name, values[i]!]));
    await requireFiniteMetrics(metrics, this.model);
    return { episodes, metrics };
  }

  /** One step of every copy, which is remembered. @returns the episodes that ended in it */
  async #step(): Promise<readonly Episode[]> {
    const { environments } = this;
    const { observationSpace: space, count } = environments;
    const before = encode(space, this.#observations);
    const taken = actionsOf(this.#actions, await this.#chosen(before));
    const step = environments.step(taken);
    const after = encode(space, step.finalObservations);
    const F = before.length / count;
    for (let i = 0; i < count; i++) {
      this.#replay.push({
        observation: before.subarray(i * F, (i + 1) * F),
        action: this.#unit(taken[i] as Float64Array),
        reward: step.rewards[i]!,
        terminated: step.terminated[i] === 1,
        nextObservation: after.subarray(i * F, (i + 1) * F),
      });
    }
    this.#observations = step.observations;
    return step.episodes;
  }

  /** Actions of all copies, in the environment's units: at first at random, then by the policy. */
  async #chosen(observations: Float32Array): Promise<ArrayLike<number>> {
    const { low, high } = this.#actions;
    if (this.#replay.size < this.settings.learningStarts) {
      return Array.from({ length: this.environments.count }, () =>
        Array.from(low, (least, j) => this.#random.uniform(least, high[j]!)),
      ).flat();
    }
    this.#observed.write(observations);
    this.device.beginStep(this.settings.seed, this.#draws++);
    if (this.#act) this.#act();
    else {
      const act = () => this.model.policy(this.#observed).sample();
      this.#act = this.device.capture(() => noGrad(act));
    }
    return (await this.#act.result.data()) as Float32Array;
  }

  /** An action of the environment, from [low, high] to [-1, 1]. */
  #unit(action: Float64Array): Float64Array {
    const { low, high } = this.#actions;
    return action.map((a, i) => (2 * (a - low[i]!)) / (high[i]! - low[i]!) - 1);
  }

  #learn(): void {
    for (let i = 0; i < this.settings.updates; i++) {
      this.device.beginStep(this.settings.seed, this.#draws++);
      this.#criticOptimizer.advance();
      this.#actorOptimizer.advance();
      this.#updates++;
      if (this.#update) this.#update();
      else this.#update = this.device.capture(() => this.#updated());
    }
  }

  /** One update of everything. */
  #updated(): Figures {
    const { batch: B } = this.settings;
    const { model } = this;
    const batch = this.#replay.sample(B);
    const noise = gaussianNoise(this.#zeros, { std: 1 });
    const half = (i: number) => slice(noise, { start: [i * B], end: [(i + 1) * B] });
    const alpha = exp(model.logAlpha.detach());
    const drawn = squashedGaussian(model.head(batch.observations), half(0));

    const y = noGrad(() => this.#targetsOf(batch, half(1), alpha));
    const values = model.values(batch.pairs);
    const criticLoss = softCriticLoss(values, y);
    backward(criticLoss);
    this.#criticOptimizer.apply({ zeroGrad: true });

    // The critics as constants: what they would learn from the policy's loss is never computed.
    const still = new Map(this.#critics.map(([name, x]) => [name, x.detach()]));
    const pairs = concat([batch.observations, drawn.action], { axis: 1 });
    const judged = substituted(model, still, () => model.values(pairs));
    const { loss: policyLoss, entropy } = softPolicyLoss(judged, drawn.logProb, alpha);
    backward(policyLoss);
    if (model.logAlpha.requiresGrad) {
      const target = this.settings.targetEntropy ?? -this.#actions.low.length;
      backward(model.logAlpha, { dy: sub(entropy, target) }); // of log α (H - H̄)
    }
    this.#actorOptimizer.apply({ zeroGrad: true });
    this.#targets.update();
    return { criticLoss, policyLoss, alpha, entropy };
  }

  /** y */
  #targetsOf(
    { rewards, terminated, nextObservations }: TransitionBatch,
    noise: Tensor,
    alpha: Tensor,
  ) {
    const { model } = this;
    const next = squashedGaussian(model.head(nextObservations), noise);
    const pairs = concat([nextObservations, next.action], { axis: 1 });
    const nextValues = substituted(model, this.#targets.tensors, () => model.values(pairs));
    const inputs = { rewards, terminated, nextValues, nextLogProb: next.logProb, alpha };
    return softTargets(inputs, this.settings);
  }

  async save(): Promise<LearnerState> {
    const { rows, written } = await this.#replay.state();
    const none = new Map<string, Tensor>();
    const targets = new Map<string, HostTensor>();
    for (const [name, x] of this.#targets.tensors)
      targets.set(TARGET + name, { dtype: 'f32', shape: x.shape, data: await x.data() });
    const tensors = [
      await trainingState(this.model.namedTensors(), this.#criticOptimizer),
      await trainingState(none, this.#actorOptimizer),
      targets,
      new Map([['replay', rows]]),
    ];
    return {
      tensors: new Map(tensors.flatMap((map) => [...map])),
      state: {
        written,
        draws: this.#draws,
        updates: this.#updates,
        random: { ...this.#random.at },
        environments: this.environments.snapshot(),
        observations: this.#observations.map((value) =>
          typeof value === 'number' ? value : [...value],
        ),
      },
    };
  }

  load({ tensors, state }: LearnerState): void {
    const saved = state as {
      written: number;
      draws: number;
      updates: number;
      random: RandomPosition;
      environments: Json;
      observations: readonly (number | number[])[];
    };
    const step = saved.updates;
    restoreTraining(this.model.namedTensors(), this.#criticOptimizer, { step, tensors });
    restoreTraining(new Map(), this.#actorOptimizer, { step, tensors });
    const values = [...tensors].filter(([name]) => name.startsWith(TARGET));
    loadTensors(
      this.#targets.tensors,
      new Map(
        values.map(([name, { shape, data }]) => [
          name.slice(TARGET.length),
          { shape, data: data as Float32Array },
        ]),
      ),
    );
    this.#replay.restore({ rows: tensors.get('replay')!, written: saved.written });
    this.#draws = saved.draws;
    this.#updates = saved.updates;
    this.#random = new RandomSequence(saved.random);
    this.environments.restore(saved.environments);
    this.#observations = saved.observations.map((value) =>
      typeof value === 'number' ? value : Float64Array.from(value),
    );
  }

  dispose(): void {
    this.#act?.dispose();
    this.#update?.dispose();
    for (const x of Object.values(this.#update?.result ?? {})) x.dispose();
    for (const x of [this.#act?.result, this.#observed, this.#zeros]) x?.dispose();
    for (const each of [this.#replay, this.#targets]) each.dispose();
    for (const each of [this.#actorOptimizer, this.#criticOptimizer]) each.dispose();
  }
}
