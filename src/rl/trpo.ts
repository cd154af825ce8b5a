// Trust-region policy optimisation (Schulman et al. 2015), and the natural policy gradient (Kakade 2001), its whole step.
//
//   L(θ) = mean[r Â],  r = π_θ(a | s) / π_old(a | s)        what a step raises
//   Δ = √(2δ / xᵀFx) x,  x = F⁻¹ ∇L                          natural_gradient.ts
//   θ + shrinkʲ Δ, of j = 0, 1, … the first with mean KL(π_old ‖ π) ≤ δ and a higher L; where there is none, θ stays
//
// The value function is fitted to the returns by an optimiser of its own.

import { ConfigError } from '../errors.ts';
import {
  between,
  type Checks,
  listOf,
  nonNegative,
  nonNegativeInteger,
  positive,
  positiveInteger,
} from '../io/config.ts';
import { add, mul, sub } from '../ops/binary.ts';
import type { CapturedStep } from '../ops/capture.ts';
import type { Device } from '../ops/device.ts';
import { mean } from '../ops/reduce.ts';
import { stack } from '../ops/shape_ops.ts';
import { exp, square } from '../ops/unary.ts';
import { reshape, slice } from '../ops/view.ts';
import { AdamW } from '../optim/adamw.ts';
import { backward, leavesBelow, noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ClosedForm, closedForm, divergence, frozen } from './divergence.ts';
import {
  type Iteration,
  type Learner,
  type LearnerState,
  requireFiniteMetrics,
} from './learner.ts';
import { epochOrder, rowsAt } from './minibatches.ts';
import {
  assign,
  fisherVectorProduct,
  flatGradient,
  flatten,
  naturalStep,
} from './natural_gradient.ts';
import type { ActorCritic } from './networks.ts';
import { standardised } from './on_policy.ts';
import { loadProgress, saveProgress } from './progress.ts';
import { Collector, gaeEstimator } from './rollout.ts';
import type { VectorEnvironment } from './vector.ts';

export interface TrpoSettings {
  /** Copies of the environment, N. */
  readonly copies: number;
  /** Steps of each copy in a rollout, T. */
  readonly rolloutSteps: number;
  /** δ: the bound on the mean of KL(π_old ‖ π) over a rollout's states, in nats. */
  readonly delta: number;
  /** λ in F + λ I. */
  readonly damping: number;
  /** Of the conjugate gradients. */
  readonly solverIterations: number;
  /** Steps that are tried, each `shrink` times the one before; 0 takes the whole step as it is: the natural policy gradient. */
  readonly searchSteps: number;
  readonly shrink: number;
  /** Epochs of the value function on each rollout. */
  readonly valueEpochs: number;
  /** Parts of a rollout that such an epoch goes through; T N must be a multiple. */
  readonly minibatches: number;
  /** Of the value function. */
  readonly learningRate: number;
  readonly gamma: number;
  readonly lambda: number;
  /** To mean 0 and deviation 1, per rollout. */
  readonly normaliseAdvantages: boolean;
  readonly normaliseObservations: boolean;
  readonly normaliseRewards: boolean;
  /** Widths of the hidden layers of policy and value function. */
  readonly hidden: readonly number[];
  /** Initial ln σ of continuous actions. */
  readonly logStd: number;
}

/** Stable-Baselines3-contrib's. */
export const TRPO_DEFAULTS: TrpoSettings = {
  copies: 1,
  rolloutSteps: 2048,
  delta: 0.01,
  damping: 0.1,
  solverIterations: 15,
  searchSteps: 10,
  shrink: 0.8,
  valueEpochs: 10,
  minibatches: 16,
  learningRate: 1e-3,
  gamma: 0.99,
  lambda: 0.95,
  normaliseAdvantages: true,
  normaliseObservations: false,
  normaliseRewards: false,
  hidden: [64, 64],
  logStd: 0,
};

export const TRPO_CHECKS: Checks<TrpoSettings> = {
  copies: positiveInteger,
  rolloutSteps: positiveInteger,
  delta: positive,
  damping: nonNegative,
  solverIterations: positiveInteger,
  searchSteps: nonNegativeInteger,
  shrink: between(0, 1),
  valueEpochs: positiveInteger,
  minibatches: positiveInteger,
  learningRate: positive,
  gamma: between(0, 1),
  lambda: between(0, 1),
  hidden: listOf(positiveInteger),
};

/** The step from a rollout, and what its trials are compared with. All on the device. */
interface Proposal {
  /** [n]: θ and Δ. */
  readonly theta: Tensor;
  readonly step: Tensor;
  /** π_old. */
  readonly policy: ClosedForm;
  /** [5]: L(θ), the gain to first order, the solver's residual before and after, entropy. */
  readonly figures: Tensor;
}

export class Trpo implements Learner {
  readonly stepsPerIteration: number;
  readonly #collector: Collector;
  /** What the policy depends on. */
  readonly #parameters: readonly Tensor[];
  /** Of the value function. */
  readonly #optimizer: AdamW;
  /** Of the samples of an update of the value function. */
  readonly #ids: Tensor;
  /** The share of Δ that is tried. */
  readonly #share: Tensor;
  #propose: CapturedStep<Proposal> | null = null;
  #attempt: CapturedStep<Tensor> | null = null;
  #fit: CapturedStep<Tensor> | null = null;
  #updates = 0;
  #epochs = 0;

  /** @throws ConfigError where the minibatches do not divide a rollout, or the policy has no closed form of its KL */
  constructor(
    private readonly device: Device,
    readonly model: ActorCritic,
    environments: VectorEnvironment,
    private readonly settings: TrpoSettings & { readonly seed: number },
  ) {
    const { rolloutSteps, minibatches, learningRate } = settings;
    const samples = rolloutSteps * environments.count;
    if (samples % minibatches !== 0)
      throw new ConfigError(
        `minibatches is ${minibatches}; a rollout of ${rolloutSteps} steps of ${environments.count} copies has ${samples} samples, which it does not divide`,
      );
    this.stepsPerIteration = samples;
    this.#collector = new Collector(device, model, environments, {
      ...settings,
      steps: rolloutSteps,
      estimate: gaeEstimator(settings),
    });
    this.#parameters = device.scope(() => leavesBelow(this.#surrogate(this.#policy()), 0));
    const own = new Set(this.#parameters);
    const rest = [...model.namedParameters()].filter(([, x]) => !own.has(x));
    this.#optimizer = new AdamW(rest, { lr: learningRate, weightDecay: 0 });
    const ids = device.zeros([samples / minibatches], { dtype: 'i32' });
    this.#ids = Object.assign(ids, { kept: true });
    this.#share = Object.assign(device.zeros([]), { kept: true });
  }

  async iterate(): Promise<Iteration> {
    const episodes = await this.#collector.collect();
    const metrics = { ...(await this.#improve()), valueLoss: await this.#fitValues() };
    this.#collector.updateNorm();
    await requireFiniteMetrics(metrics, this.model);
    return { episodes, metrics };
  }

  /** One step of the policy. */
  async #improve(): Promise<Record<string, number>> {
    const { delta, searchSteps, shrink } = this.settings;
    if (this.#propose) this.#propose();
    else this.#propose = this.device.capture(() => this.#proposal());
    const figures = await this.#propose.result.figures.data();
    const [before, gain, residual, left, entropy] = figures as unknown as number[];
    const told = { entropy: entropy!, expectedGain: gain!, solverResidual: left! / residual! };
    if (searchSteps === 0) return { ...told, ...(await this.#try(1, before!)), stepShare: 1 };
    let share = 1;
    for (let trial = 0; trial < searchSteps; trial++, share *= shrink) {
      const found = await this.#try(share, before!);
      if (found.kl <= delta && found.surrogateGain > 0)
        return { ...told, ...found, stepShare: share };
    }
    await this.#try(0, before!);
    return { ...told, kl: 0, surrogateGain: 0, stepShare: 0 };
  }

  #proposal(): Proposal {
    const { delta, damping, solverIterations: iterations } = this.settings;
    const parameters = this.#parameters;
    const policy = this.#policy();
    const old = frozen(policy);
    const surrogate = this.#surrogate(policy);
    const g = flatGradient(surrogate, parameters, { createGraph: true }).detach();
    const kl = mean(divergence(old, policy));
    const product = fisherVectorProduct(kl, parameters, { damping });
    const { step, gain, residuals } = naturalStep(product, g, { delta, iterations });
    const entropy = mean(policy.evaluate(this.#collector.rollout.actions).entropy);
    const residual = (i: number) => reshape(slice(residuals, { start: [i], end: [i + 1] }), []);
    return {
      theta: noGrad(() => flatten(parameters)),
      step,
      policy: old,
      figures: stack([surrogate, gain, residual(0), residual(iterations), entropy]),
    };
  }

  /** Goes to θ + share Δ, and measures there. */
  async #try(share: number, before: number): Promise<{ kl: number; surrogateGain: number }> {
    this.#share.write([share]);
    const { theta, step, policy: old } = this.#propose!.result;
    const go = () => {
      assign(this.#parameters, add(theta, mul(step, this.#share)));
      const policy = this.#policy();
      return stack([mean(divergence(old, policy)), this.#surrogate(policy)]);
    };
    if (this.#attempt) this.#attempt();
    else this.#attempt = this.device.capture(() => noGrad(go));
    const [kl, surrogate] = (await this.#attempt.result.data()) as unknown as number[];
    return { kl: kl!, surrogateGain: surrogate! - before };
  }

  /** π on the rollout's states. */
  #policy(): ClosedForm {
    const { observations, actionMask } = this.#collector.rollout;
    return closedForm(this.model.policy(observations, actionMask ?? undefined));
  }

  /** L on the rollout. */
  #surrogate(policy: ClosedForm): Tensor {
    const { actions, logProbs, advantages } = this.#collector.rollout;
    const weights = this.settings.normaliseAdvantages ? standardised(advantages) : advantages;
    return mean(mul(exp(sub(policy.evaluate(actions).logProb, logProbs)), weights));
  }

  /** @returns the loss of the last update, ½ mean (V - R̂)² as PPO's */
  async #fitValues(): Promise<number> {
    const { valueEpochs, seed } = this.settings;
    for (let epoch = 0; epoch < valueEpochs; epoch++) {
      const order = epochOrder(this.stepsPerIteration, seed, this.#epochs++);
      for (let at = 0; at < order.length; at += this.#ids.size) {
        this.#ids.write(order.subarray(at, at + this.#ids.size));
        this.#optimizer.advance();
        if (this.#fit) this.#fit();
        else this.#fit = this.device.capture(() => this.#fitted());
        this.#updates++;
      }
    }
    return 0.5 * (await this.#fit!.result.item());
  }

  #fitted(): Tensor {
    const { observations, returns } = this.#collector.rollout;
    const [states, targets] = [observations, returns].map((x) => rowsAt(x, this.#ids));
    const loss = mean(square(sub(this.model.value(states!), targets!)));
    backward(loss);
    this.#optimizer.apply({ zeroGrad: true });
    return loss;
  }

  save(): Promise<LearnerState> {
    return saveProgress(this.#parts, { updates: this.#updates, epochs: this.#epochs });
  }

  load(saved: LearnerState): void {
    ({ updates: this.#updates, epochs: this.#epochs } = loadProgress(this.#parts, saved));
  }

  get #parts() {
    return { model: this.model, optimizer: this.#optimizer, collector: this.#collector };
  }

  dispose(): void {
    for (const step of [this.#propose, this.#attempt, this.#fit]) step?.dispose();
    const { theta, step, figures, policy } = this.#propose?.result ?? {};
    const old = policy?.kind === 'categorical' ? [policy.logits] : [policy?.mean, policy?.logStd];
    const results = [theta, step, figures, ...old, this.#attempt?.result, this.#fit?.result];
    for (const x of [...results, this.#ids, this.#share]) x?.dispose();
    this.#optimizer.dispose();
    this.#collector.dispose();
  }
}
