// Policies and value functions of small networks, for discrete and continuous actions.

import { ConfigError } from '../errors.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { Linear } from '../nn/linear.ts';
import { Module } from '../nn/module.ts';
import type { Device } from '../ops/device.ts';
import { isSmallPolicy, type SmallPolicy } from '../ops/policy_step.ts';
import { tanh } from '../ops/unary.ts';
import { reshape } from '../ops/view.ts';
import { fillNormal } from '../tensor/philox.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { categorical, type Distribution, exploringGaussian, gaussian } from './distributions.ts';
import type { Space } from './environment.ts';
import { ObservationNorm } from './normalise.ts';

/** A policy π(a | s) and a value function V(s), whatever computes them. */
export interface ActorCritic extends Module {
  /** @param observations [B, ...], @param actionMask [B, A], nonzero where the action is allowed */
  policy(observations: Tensor, actionMask?: Tensor): Distribution;
  /** [B] */
  value(observations: Tensor): Tensor;
  /** Both, where they share work; see `judge`. */
  judge?(observations: Tensor, actionMask?: Tensor): Judgement;
  /** Scales observations by their running mean and deviation, where it has one. */
  readonly norm: ObservationNorm | null;
  /** The policy as `policyStep` takes it; null, or no such method, where it is not of that kind. */
  smallPolicy?(): SmallPolicy | null;
}

/** What an actor-critic says of states. */
export interface Judgement {
  readonly policy: Distribution;
  /** [B] */
  readonly values: Tensor;
}

/** Policy and values of the same observations, what they share computed once. */
export function judge(model: ActorCritic, observations: Tensor, actionMask?: Tensor): Judgement {
  return (
    model.judge?.(observations, actionMask) ?? {
      policy: model.policy(observations, actionMask),
      values: model.value(observations),
    }
  );
}

export interface MlpOptions {
  /** Widths of the hidden layers. Default [64, 64], as CleanRL and Stable-Baselines3. */
  readonly hidden?: readonly number[];
  /** Of the last layer's initial weights: CleanRL takes 0.01 for a policy, so that it begins near uniform, and 1 for values. */
  readonly gain: number;
}

/** [B, inputs] -> [B, outputs] by linear layers with tanh between them. */
export class TanhMlp extends Module {
  readonly layers: readonly Linear[];

  constructor(
    init: OrthogonalInitialiser,
    inputs: number,
    outputs: number,
    { hidden = [64, 64], gain }: MlpOptions,
  ) {
    super();
    const widths = [inputs, ...hidden, outputs];
    this.layers = widths.slice(1).map((width, i) => {
      const std = i === hidden.length ? gain : Math.SQRT2;
      return new Linear(init, widths[i]!, width, { bias: true, std });
    });
  }

  forward(x: Tensor): Tensor {
    return this.layers.at(-1)!.forward(this.features(x));
  }

  /** What the last layer sees: [B, inputs] -> [B, last of hidden]. */
  features(x: Tensor): Tensor {
    return this.layers.slice(0, -1).reduce((h, layer) => tanh(layer.forward(h)), x);
  }
}

export interface MlpActorCriticOptions {
  readonly seed: number;
  readonly hidden?: readonly number[];
  /** Scale observations by their running statistics. Default false. */
  readonly normaliseObservations?: boolean;
  /** Initial ln σ of continuous actions. Default 0. */
  readonly logStd?: number;
  /** Whether the noise of continuous actions is a function of the state, for so many steps; null, the default: it is not. */
  readonly noiseSteps?: number | null;
}

/** Two networks of the same shape. Continuous actions are normal, with one σ for all states or by the state's features. */
export class MlpActorCritic extends Module implements ActorCritic {
  readonly actor: TanhMlp;
  readonly critic: TanhMlp;
  /** [A], or by feature [F, A]; null for discrete actions. */
  readonly logStd: Tensor | null;
  readonly norm: ObservationNorm | null;
  readonly #features: number;

  constructor(
    device: Device,
    { observationSpace, actionSpace }: { observationSpace: Space; actionSpace: Space },
    {
      seed,
      hidden = [64, 64],
      normaliseObservations = false,
      logStd = 0,
      noiseSteps = null,
    }: MlpActorCriticOptions,
  ) {
    super();
    const init = new OrthogonalInitialiser(device, seed);
    this.#features = featuresOf(observationSpace);
    const outputs = actionSpace.kind === 'discrete' ? actionSpace.n : actionSpace.low.length;
    this.norm = normaliseObservations ? new ObservationNorm(device, this.#features) : null;
    this.actor = new TanhMlp(init, this.#features, outputs, { hidden, gain: 0.01 });
    this.critic = new TanhMlp(init, this.#features, 1, { hidden, gain: 1 });
    const spread = noiseSteps === null ? [outputs] : [hidden.at(-1)!, outputs];
    this.logStd = actionSpace.kind === 'box' ? init.constant(spread, logStd) : null;
  }

  policy(observations: Tensor, actionMask?: Tensor): Distribution {
    const features = this.actor.features(this.#inputs(observations));
    const output = this.actor.layers.at(-1)!.forward(features);
    if (!this.logStd) return categorical(output, actionMask);
    return this.logStd.rank === 1
      ? gaussian(output, this.logStd)
      : exploringGaussian(output, features, this.logStd);
  }

  value(observations: Tensor): Tensor {
    const values = this.critic.forward(this.#inputs(observations));
    return reshape(values, [observations.shape[0]!]);
  }

  smallPolicy(): SmallPolicy | null {
    const { layers } = this.actor;
    const widths = [this.#features, ...layers.map(({ outputs }) => outputs)];
    const { logStd, norm } = this;
    if (!isSmallPolicy(widths) || logStd?.rank === 2) return null;
    return {
      layers: layers.map(({ weight, bias }) => ({ weight, bias: bias! })),
      norm: norm ?? undefined,
      logStd: logStd ?? undefined,
    };
  }

  #inputs(observations: Tensor): Tensor {
    const flat = reshape(observations, [observations.shape[0]!, this.#features]);
    return this.norm ? this.norm.forward(flat) : flat;
  }
}

/** Shape of an observation as networks see it: a discrete one is one-hot. */
export function observationShape(space: Space): Shape {
  return space.kind === 'discrete' ? [space.n] : space.shape;
}

export function featuresOf(space: Space): number {
  return observationShape(space).reduce((product, n) => product * n, 1);
}

/**
 * Makes matrices with orthonormal rows or columns, whichever are fewer, times a gain in the place of the deviation
 * (Saxe et al. 2014; the default of PPO's implementations).
 */
export class OrthogonalInitialiser extends Initialiser {
  override normal(shape: Shape, gain: number): Tensor {
    const [rows, columns] = shape;
    if (shape.length !== 2 || !rows || !columns)
      throw new ConfigError(`OrthogonalInitialiser: expected a matrix, got [${shape.join(', ')}]`);
    const [count, length] = [Math.min(rows, columns), Math.max(rows, columns)];
    const values = new Float64Array(rows * columns);
    fillNormal(values, { seed: this.seed, stream: this.stream++ });
    const vectors = orthonormal(values, count, length);
    const at = (row: number, column: number) =>
      rows <= columns ? vectors[row]![column]! : vectors[column]![row]!;
    const scaled = values.map((_, i) => gain * at(Math.floor(i / columns), i % columns));
    return this.parameter(scaled, shape);
  }
}

/** Gram and Schmidt's, each vector cleaned twice: then the products are 0 to rounding. */
function orthonormal(values: Float64Array, count: number, length: number): Float64Array[] {
  const vectors: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const v = values.slice(i * length, (i + 1) * length);
    for (let pass = 0; pass < 2; pass++) {
      for (const u of vectors) {
        const along = dot(u, v);
        for (let k = 0; k < length; k++) v[k]! -= along * u[k]!;
      }
    }
    const norm = Math.sqrt(dot(v, v));
    vectors.push(v.map((x) => x / norm));
  }
  return vectors;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
