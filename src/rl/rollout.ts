// Collecting experience: T steps of N copies by the policy as it is, then what is learned from them, on the device.
//
//   rollout    o_t, a_t, r_{t+1}, flags, o_{t+1}             actions are read back at each step, for environments on the host
//   prepared   log π(a_t | o_t), V(o_t), V(o_{t+1}), Â_t, R̂_t    one captured pass over all of it

import { EnvironmentError } from '../errors.ts';
import type { Json } from '../io/json.ts';
import type { CapturedStep } from '../ops/capture.ts';
import { copyInto } from '../ops/copy.ts';
import type { Device } from '../ops/device.ts';
import { type Advantages, gae } from '../ops/gae.ts';
import { reshape } from '../ops/view.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describeSpace, type Info, type Space, type Value } from './environment.ts';
import { type ActorCritic, featuresOf, judge, observationShape } from './networks.ts';
import { RewardScale } from './normalise.ts';
import type { Episode, VectorEnvironment } from './vector.ts';

/** B = T N samples in rows, step by step; each rollout overwrites them, so that a captured step finds the new ones. */
export interface Rollout {
  /** [B, ...] */
  readonly observations: Tensor;
  /** [B] i32, or [B, A] f32: as they were drawn, before they were clipped to the environment's bounds. */
  readonly actions: Tensor;
  /** [B, A] f32, 0 where the action is not allowed; null where the environment masks nothing. */
  readonly actionMask: Tensor | null;
  /** All [B], under the policy that acted. */
  readonly logProbs: Tensor;
  readonly values: Tensor;
  readonly advantages: Tensor;
  /** advantages + values: what the values are fitted to. */
  readonly returns: Tensor;
}

/** What a rollout tells of how good its actions were; all [T, N] f32. */
export interface Experience {
  readonly rewards: Tensor;
  readonly values: Tensor;
  /** V of the state that each step led to. */
  readonly nextValues: Tensor;
  readonly terminated: Tensor;
  readonly truncated: Tensor;
}

/** Advantages, and what the values are fitted to. */
export type AdvantageEstimator = (experience: Experience) => Advantages;

export const gaeEstimator =
  (options: { readonly gamma: number; readonly lambda: number }): AdvantageEstimator =>
  ({ rewards, values, nextValues, terminated, truncated }) =>
    gae(rewards, values, nextValues, terminated, truncated, options);

export interface CollectorOptions {
  /** T. */
  readonly steps: number;
  readonly seed: number;
  /** Of the rewards' scale. */
  readonly gamma: number;
  /** How advantages are estimated. */
  readonly estimate: AdvantageEstimator;
  readonly normaliseRewards?: boolean;
  /** A truncated episode has no value after its end: what CleanRL does, and wrong (Pardo et al. 2018). Default false. */
  readonly truncationIsEnd?: boolean;
  /** Steps that take their noise from one draw: see `OnPolicySettings.noiseSteps`. Default null: one. */
  readonly noiseSteps?: number | null;
}

/** Collects experience of a kind, one rollout after the other. */
export interface Collecting<Samples = Rollout> {
  /** Of the last `collect`. */
  readonly rollout: Samples;
  /** A whole rollout. @returns the episodes that ended in it */
  collect(): Promise<readonly Episode[]>;
  /** Brings the model's observation statistics up to the last rollout: once it has been learned from, not before. */
  updateNorm(): void;
  /** Where the environments are, for a checkpoint. */
  snapshot(): Promise<Json>;
  restore(snapshot: Json): void;
  dispose(): void;
}

/** From environments on the host. */
export class Collector implements Collecting {
  readonly rollout: Rollout;
  readonly #device: Device;
  readonly #model: ActorCritic;
  readonly #environments: VectorEnvironment;
  readonly #options: CollectorOptions;
  readonly #rewardScale: RewardScale | null;
  /** What the copies are to act on. */
  readonly #now: { readonly observations: Tensor; readonly actionMask: Tensor | null };
  readonly #next: Tensor;
  readonly #rewards: Tensor;
  readonly #terminated: Tensor;
  readonly #truncated: Tensor;
  #act: CapturedStep<Tensor> | null = null;
  #prepare: CapturedStep<void> | null = null;
  /** Of the copies now; flat. */
  #observations: Float32Array;
  #masks: Float32Array | null;
  #collected = new Float32Array(0);
  #steps = 0;

  constructor(
    device: Device,
    model: ActorCritic,
    environments: VectorEnvironment,
    options: CollectorOptions,
  ) {
    this.#device = device;
    this.#model = model;
    this.#environments = environments;
    this.#options = options;
    const { observationSpace, actionSpace, count: N } = environments;
    const { steps: T, seed, gamma, normaliseRewards = false } = options;
    this.#rewardScale = normaliseRewards ? new RewardScale(N, gamma) : null;
    const start = environments.reset(seed);
    this.#observations = encode(observationSpace, start.observations);
    this.#masks = masksOf(actionSpace, start.infos);

    const kept = (shape: readonly number[], dtype: 'f32' | 'i32' = 'f32') =>
      Object.assign(device.zeros(shape, { dtype }), { kept: true });
    const shape = observationShape(observationSpace);
    const isDiscrete = actionSpace.kind === 'discrete';
    const masked = (rows: number) =>
      this.#masks && actionSpace.kind === 'discrete' ? kept([rows, actionSpace.n]) : null;
    const B = T * N;
    this.#now = { observations: kept([N, ...shape]), actionMask: masked(N) };
    this.#next = kept([B, ...shape]);
    [this.#rewards, this.#terminated, this.#truncated] = [kept([T, N]), kept([T, N]), kept([T, N])];
    this.rollout = {
      observations: kept([B, ...shape]),
      actions: isDiscrete ? kept([B], 'i32') : kept([B, actionSpace.low.length]),
      actionMask: masked(B),
      logProbs: kept([B]),
      values: kept([B]),
      advantages: kept([B]),
      returns: kept([B]),
    };
  }

  async collect(): Promise<readonly Episode[]> {
    const { steps: T } = this.#options;
    const { observationSpace, actionSpace, count: N } = this.#environments;
    const F = featuresOf(observationSpace);
    const A = actionSpace.kind === 'discrete' ? 1 : actionSpace.low.length;
    const observations = new Float32Array(T * N * F);
    const next = new Float32Array(T * N * F);
    const masks = this.#masks && new Float32Array(T * this.#masks.length);
    const isDiscrete = actionSpace.kind === 'discrete';
    const actions = isDiscrete ? new Int32Array(T * N) : new Float32Array(T * N * A);
    const rewards = new Float32Array(T * N);
    const [terminated, truncated] = [new Float32Array(T * N), new Float32Array(T * N)];
    const episodes: Episode[] = [];
    for (let t = 0; t < T; t++) {
      observations.set(this.#observations, t * N * F);
      if (this.#masks) masks?.set(this.#masks, t * this.#masks.length);
      const drawn = await this.#draw();
      actions.set(drawn, t * N * A);
      const step = this.#environments.step(actionsOf(actionSpace, drawn));
      next.set(encode(observationSpace, step.finalObservations), t * N * F);
      rewards.set(step.rewards, t * N);
      terminated.set(step.terminated, t * N);
      truncated.set(step.truncated, t * N);
      episodes.push(...step.episodes);
      this.#observations = encode(observationSpace, step.observations);
      this.#masks = masksOf(actionSpace, step.infos);
    }
    if (this.#options.truncationIsEnd) {
      for (const [i, cut] of truncated.entries()) terminated[i] = Math.max(cut, terminated[i]!);
    }
    const over = terminated.map((end, i) => Math.max(end, truncated[i]!));
    this.#rewardScale?.apply(rewards, over);

    this.rollout.observations.write(observations);
    this.rollout.actions.write(actions);
    if (masks) this.rollout.actionMask!.write(masks);
    this.#next.write(next);
    this.#rewards.write(rewards);
    this.#terminated.write(terminated);
    this.#truncated.write(truncated);
    this.#prepared();
    this.#collected = observations;
    return episodes;
  }

  updateNorm(): void {
    this.#model.norm?.update(this.#collected);
  }

  /** Actions of the policy for what the copies see now. */
  async #draw(): Promise<Float32Array | Int32Array> {
    const { observations, actionMask } = this.#now;
    observations.write(this.#observations);
    if (this.#masks) actionMask!.write(this.#masks);
    const { seed, noiseSteps } = this.#options;
    this.#device.beginStep(seed, Math.floor(this.#steps++ / (noiseSteps ?? 1)));
    if (this.#act) this.#act();
    else {
      const act = () => this.#model.policy(observations, actionMask ?? undefined).sample();
      this.#act = this.#device.capture(() => noGrad(act));
    }
    return (await this.#act.result.data()) as Float32Array | Int32Array;
  }

  /** All that follows from a rollout and the policy that made it. */
  #prepared(): void {
    if (this.#prepare) this.#prepare();
    else this.#prepare = this.#device.capture(() => noGrad(() => this.#estimate()));
  }

  #estimate(): void {
    const [rewards, terminated, truncated] = [this.#rewards, this.#terminated, this.#truncated];
    const steps = { rewards, terminated, truncated, next: this.#next };
    estimateInto(this.rollout, steps, this.#model, this.#options.estimate);
  }

  async snapshot(): Promise<Json> {
    return {
      steps: this.#steps,
      environments: this.#environments.snapshot(),
      observations: [...this.#observations],
      masks: this.#masks && [...this.#masks],
      rewardScale: this.#rewardScale?.snapshot() ?? null,
    };
  }

  restore(snapshot: Json): void {
    const saved = snapshot as unknown as {
      steps: number;
      environments: Json;
      observations: number[];
      masks: number[] | null;
      rewardScale: ReturnType<RewardScale['snapshot']> | null;
    };
    this.#steps = saved.steps;
    this.#environments.restore(saved.environments);
    this.#observations = Float32Array.from(saved.observations);
    this.#masks = saved.masks && Float32Array.from(saved.masks);
    if (saved.rewardScale) this.#rewardScale?.restore(saved.rewardScale);
  }

  dispose(): void {
    this.#act?.dispose();
    this.#prepare?.dispose();
    const own = [this.#next, this.#rewards, this.#terminated, this.#truncated];
    const all = [...Object.values(this.rollout), ...Object.values(this.#now), ...own];
    for (const x of all) x?.dispose();
  }
}

/** What came of the actions: all [T, N], but `next` [B, ...], the observations that they led to. */
export interface Consequences {
  readonly rewards: Tensor;
  readonly terminated: Tensor;
  readonly truncated: Tensor;
  readonly next: Tensor;
}

/** Writes what a rollout holds besides observations and actions, by the policy and the values of the model as it is. */
export function estimateInto(
  { observations, actions, actionMask, ...estimates }: Rollout,
  { next, rewards, terminated, truncated }: Consequences,
  model: ActorCritic,
  estimate: AdvantageEstimator,
): void {
  const { shape } = rewards;
  const flat = estimates.values.shape;
  const { policy, values } = judge(model, observations, actionMask ?? undefined);
  const { advantages, returns } = estimate({
    rewards,
    values: reshape(values, shape),
    nextValues: reshape(model.value(next), shape),
    terminated,
    truncated,
  });
  const found = {
    logProbs: policy.evaluate(actions).logProb,
    values,
    advantages: reshape(advantages, flat),
    returns: reshape(returns, flat),
  };
  for (const [name, x] of Object.entries(found)) copyInto(estimates[name as keyof typeof found], x);
}

/** Observations in rows of numbers; a discrete one is one-hot. */
export function encode(space: Space, values: readonly Value[]): Float32Array {
  const F = featuresOf(space);
  const rows = new Float32Array(values.length * F);
  for (const [i, value] of values.entries()) {
    if (typeof value === 'number') rows[i * F + value] = 1;
    else rows.set(value, i * F);
  }
  return rows;
}

/** Drawn numbers as the environments take them; continuous ones at most at the bounds. */
export function actionsOf(space: Space, drawn: ArrayLike<number>): Value[] {
  if (space.kind === 'discrete') return Array.from(drawn);
  const { low, high } = space;
  const A = low.length;
  return Array.from({ length: drawn.length / A }, (_, i) =>
    Float64Array.from(low, (least, j) => Math.min(high[j]!, Math.max(least, drawn[i * A + j]!))),
  );
}

/** The copies' masks in rows; null where there are none. @throws EnvironmentError where only some have one */
export function masksOf(space: Space, infos: readonly Info[]): Float32Array | null {
  const masks = infos.flatMap(({ actionMask }) => (actionMask ? [actionMask] : []));
  if (masks.length === 0) return null;
  const A = space.kind === 'discrete' ? space.n : 0;
  if (masks.length < infos.length || masks.some(({ length }) => length !== A))
    throw new EnvironmentError(
      `actionMask: expected one of ${A} entries from every copy, in ${describeSpace(space)}`,
    );
  return Float32Array.from(masks.flatMap((mask) => [...mask]));
}
