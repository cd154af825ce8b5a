// REINFORCE in batches, as lectures S1 and S3 state it: N whole episodes, one step of Adam up their mean gradient.
//
//   ∇J ≈ 1/N Σ_i Σ_t A_t ∇ log π(a_t | s_t) + c_H ∇ mean H(π)
//
// A_t by any estimator and baseline of policy_gradient.ts. A time limit counts as the episode's end, as in the lectures' T.

import { ConfigError } from '../errors.ts';
import {
  between,
  type Checks,
  listOf,
  nonNegative,
  oneOf,
  positive,
  positiveInteger,
} from '../io/config.ts';
import type { Json } from '../io/json.ts';
import { restoreTraining, trainingState } from '../io/training_state.ts';
import { mul, sub } from '../ops/binary.ts';
import type { Device } from '../ops/device.ts';
import { mean } from '../ops/reduce.ts';
import { AdamW } from '../optim/adamw.ts';
import { backward } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Environment } from './environment.ts';
import { concatenated, EpisodeCollector, type PlayedEpisode, stepTensors } from './episodes.ts';
import { valuesOf } from './gradient_variance.ts';
import {
  type Iteration,
  type Learner,
  type LearnerState,
  requireFiniteMetrics,
} from './learner.ts';
import type { MlpActorCritic } from './networks.ts';
import {
  advantages,
  BASELINES,
  type Baseline,
  ESTIMATORS,
  type Estimator,
  MovingAverage,
  pgLoss,
} from './policy_gradient.ts';
import { returnOf } from './reinforce.ts';
import { discountedReturns } from './returns.ts';
import { fitValues } from './value_regression.ts';

export interface ReinforceSettings {
  readonly estimator: Estimator;
  readonly baseline: Baseline;
  /** Episodes that are played at once. */
  readonly copies: number;
  /** Steps after which no episode of the batch begins; 1: one episode of each copy. */
  readonly batchSteps: number;
  readonly learningRate: number;
  readonly gamma: number;
  /** c_H. */
  readonly entropyCoef: number;
  /** β of the baseline 'ema'. */
  readonly averageDecay: number;
  /** Of the baseline 'value': Adam's rate, and steps on each batch. */
  readonly valueRate: number;
  readonly valueSteps: number;
  /** Widths of the hidden layers of policy and value function; none: both linear, tables where states are one-hot. */
  readonly hidden: readonly number[];
}

/** Spinning Up's simple_pg; the value function as its VPG. */
export const REINFORCE_DEFAULTS: ReinforceSettings = {
  estimator: 'full',
  baseline: 'none',
  copies: 16,
  batchSteps: 5000,
  learningRate: 1e-2,
  gamma: 1,
  entropyCoef: 0,
  averageDecay: 0.9,
  valueRate: 1e-3,
  valueSteps: 80,
  hidden: [32],
};

export const REINFORCE_CHECKS: Checks<ReinforceSettings> = {
  estimator: oneOf(...ESTIMATORS),
  baseline: oneOf(...BASELINES),
  copies: positiveInteger,
  batchSteps: positiveInteger,
  learningRate: positive,
  gamma: between(0, 1),
  entropyCoef: nonNegative,
  averageDecay: between(0, 1),
  valueRate: positive,
  valueSteps: positiveInteger,
  hidden: {
    expected: 'a list, empty or each a whole number of at least 1',
    accepts: (v) => Array.isArray(v) && (v.length === 0 || listOf(positiveInteger).accepts(v)),
  },
};

export class Reinforce implements Learner {
  readonly stepsPerIteration: number;
  readonly #collector: EpisodeCollector;
  readonly #ascent: AdamW;
  readonly #regression: AdamW;
  readonly #average: MovingAverage;
  #updates = 0;

  /** @throws ConfigError for a baseline of other episodes where there are none */
  constructor(
    private readonly device: Device,
    readonly model: MlpActorCritic,
    make: () => Environment,
    private readonly settings: ReinforceSettings & { readonly seed: number },
  ) {
    const { baseline, copies, seed, learningRate, valueRate, averageDecay } = settings;
    if (copies < 2 && ['mean', 'timestep', 'rloo'].includes(baseline))
      throw new ConfigError(
        `baseline is ${baseline}, which needs other episodes; set copies to 2 or more`,
      );
    this.stepsPerIteration = settings.batchSteps;
    this.#collector = new EpisodeCollector(device, model, make, { copies, seed });
    const parameters = [...model.namedParameters()];
    const part = (isCritic: boolean) =>
      new Map(parameters.filter(([name]) => name.startsWith('critic.') === isCritic));
    this.#ascent = new AdamW(part(false), { lr: learningRate, weightDecay: 0 });
    this.#regression = new AdamW(part(true), { lr: valueRate, weightDecay: 0 });
    this.#average = new MovingAverage(averageDecay);
  }

  async iterate(): Promise<Iteration> {
    const { device, model, settings } = this;
    const episodes = await this.#collector.collect(settings.batchSteps);
    const steps = stepTensors(device, episodes, this.#collector);
    const weights = await this.#weights(episodes, steps.observations);
    const entropy = device.scope(() => {
      const { logProb, entropy } = model
        .policy(steps.observations, steps.actionMask)
        .evaluate(steps.actions);
      const meanEntropy = mean(entropy);
      const loss = pgLoss(logProb, weights);
      backward(settings.entropyCoef > 0 ? sub(loss, mul(meanEntropy, settings.entropyCoef)) : loss);
      return meanEntropy;
    });
    this.#ascent.step({ zeroGrad: true });
    this.#updates++;
    if (settings.baseline === 'value') this.#fitValues(episodes, steps.observations);
    for (const { rewards } of episodes)
      this.#average.add(discountedReturns({ rewards }, settings.gamma)[0]!);
    const metrics = { entropy: await entropy.item(), batchEpisodes: episodes.length };
    for (const x of [weights, entropy, ...Object.values(steps)]) x?.dispose();
    await requireFiniteMetrics(metrics, model);
    const taken = episodes.reduce((total, { rewards }) => total + rewards.length, 0);
    return { episodes: episodes.map(accountOf), metrics, steps: taken };
  }

  /** A_t / N, in rows as the steps. */
  async #weights(episodes: readonly PlayedEpisode[], observations: Tensor): Promise<Tensor> {
    const { device, model } = this;
    const { estimator, baseline, gamma } = this.settings;
    const A = advantages(
      episodes.map(({ rewards }) => rewards),
      {
        estimator,
        baseline,
        gamma,
        average: this.#average.value,
        values: baseline === 'value' ? await valuesOf(device, model, episodes, observations) : [],
      },
    );
    return device.tensor(concatenated(A).map((weight) => weight / episodes.length));
  }

  /** After the step, so that a batch's baseline does not know its returns. */
  #fitValues(episodes: readonly PlayedEpisode[], observations: Tensor): void {
    const { gamma, valueSteps: steps } = this.settings;
    const G = episodes.map(({ rewards }) => discountedReturns({ rewards }, gamma));
    using returns = this.device.tensor(concatenated(G));
    fitValues(this.device, this.model, this.#regression, { observations, returns, steps });
  }

  async save(): Promise<LearnerState> {
    const own = await trainingState(this.model.namedTensors(), this.#ascent);
    const critic = await trainingState(new Map(), this.#regression);
    return {
      tensors: new Map([...own, ...critic]),
      state: {
        updates: this.#updates,
        average: this.#average.state,
        collector: this.#collector.snapshot(),
      },
    };
  }

  load({ tensors, state }: LearnerState): void {
    const { updates, average, collector } = state as {
      updates: number;
      average: MovingAverage['state'];
      collector: Json;
    };
    restoreTraining(this.model.namedTensors(), this.#ascent, { step: updates, tensors });
    const fits = this.settings.baseline === 'value' ? updates * this.settings.valueSteps : 0;
    restoreTraining(new Map(), this.#regression, { step: fits, tensors });
    this.#average.state = average;
    this.#collector.restore(collector);
    this.#updates = updates;
  }

  dispose(): void {
    this.#collector.dispose();
    this.#ascent.dispose();
    this.#regression.dispose();
  }
}

const accountOf = (episode: PlayedEpisode) => ({
  copy: episode.copy,
  return: returnOf(episode),
  length: episode.rewards.length,
  truncated: episode.truncated,
});
