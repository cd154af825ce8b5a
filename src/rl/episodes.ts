// Whole episodes of a policy, which Monte Carlo methods learn from.

import type { Json } from '../io/json.ts';
import type { CapturedStep } from '../ops/capture.ts';
import type { Device } from '../ops/device.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Environment, Space, Start } from './environment.ts';
import { type ActorCritic, observationShape } from './networks.ts';
import { actionsOf, encode, masksOf } from './rollout.ts';

/** Steps t = 0 … T - 1, from a reset to the end. */
export interface PlayedEpisode {
  /** o_t in a row of numbers each; a discrete one is one-hot. */
  readonly observations: Float32Array[];
  /** a_t as it was drawn, a row each: one number of a discrete action. */
  readonly actions: (Float32Array | Int32Array)[];
  /** Of discrete actions, 0 where one was not allowed; empty where the environment masks nothing. */
  readonly masks: Float32Array[];
  readonly rewards: number[];
  /** Cut off by a limit. */
  truncated: boolean;
}

/** All steps of a batch of episodes, one episode after the other: M rows. */
export interface StepTensors {
  /** [M, ...] */
  readonly observations: Tensor;
  /** [M] i32, or [M, A] f32 */
  readonly actions: Tensor;
  /** [M, A] */
  readonly actionMask: Tensor | undefined;
}

export interface EpisodeCollectorOptions {
  /** Episodes that are played at once. */
  readonly copies: number;
  /** Of the environments and the actions; copy i of the environment takes stream i. */
  readonly seed: number;
}

export class EpisodeCollector {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly #device: Device;
  readonly #policy: ActorCritic['policy'];
  readonly #environments: readonly Environment[];
  readonly #seed: number;
  /** [copies, ...]: what each acts on. */
  readonly #now: Tensor;
  #mask: Tensor | null = null;
  #act: CapturedStep<Tensor> | null = null;
  #draws = 0;
  #isSeeded = false;

  constructor(
    device: Device,
    model: Pick<ActorCritic, 'policy'>,
    make: () => Environment,
    { copies, seed }: EpisodeCollectorOptions,
  ) {
    this.#device = device;
    this.#policy = (observations, mask) => model.policy(observations, mask);
    this.#environments = Array.from({ length: copies }, make);
    this.#seed = seed;
    const [{ observationSpace, actionSpace }] = this.#environments as [Environment];
    this.observationSpace = observationSpace;
    this.actionSpace = actionSpace;
    const now = device.zeros([copies, ...observationShape(observationSpace)]);
    this.#now = Object.assign(now, { kept: true });
  }

  /**
   * Every copy plays an episode, and begins another as long as fewer than `steps` steps have been taken in all. What was
   * begun is played to its end: with `steps` = 1 there is one episode of each copy, and long ones count as often as short.
   */
  async collect(steps: number): Promise<PlayedEpisode[]> {
    const { observationSpace, actionSpace } = this;
    const seats = this.#environments.map((environment, i) => ({
      environment,
      start: this.#begin(environment, i),
      episode: emptyEpisode(),
      isPlaying: true,
    }));
    this.#isSeeded = true;
    const played: PlayedEpisode[] = [];
    for (let taken = 0; seats.some(({ isPlaying }) => isPlaying); ) {
      const starts = seats.map(({ start }) => start);
      const seen = encode(
        observationSpace,
        starts.map(({ observation }) => observation),
      );
      const masks = masksOf(
        actionSpace,
        starts.map(({ info }) => info),
      );
      const drawn = await this.#draw(seen, masks);
      const actions = actionsOf(actionSpace, drawn);
      for (const [i, seat] of seats.entries()) {
        if (!seat.isPlaying) continue;
        const row = <T extends Float32Array | Int32Array>(of: T) => rowOf(of, i, seats.length);
        const step = seat.environment.step(actions[i]!);
        const { episode } = seat;
        episode.observations.push(row(seen));
        episode.actions.push(row(drawn));
        if (masks) episode.masks.push(row(masks));
        episode.rewards.push(step.reward);
        taken++;
        seat.start = step;
        if (!step.terminated && !step.truncated) continue;
        episode.truncated = step.truncated;
        played.push(episode);
        seat.isPlaying = taken < steps;
        if (seat.isPlaying) seat.start = seat.environment.reset();
        seat.episode = emptyEpisode();
      }
    }
    return played;
  }

  #begin(environment: Environment, stream: number): Start {
    return environment.reset(this.#isSeeded ? {} : { seed: this.#seed, stream });
  }

  async #draw(seen: Float32Array, masks: Float32Array | null): Promise<Float32Array | Int32Array> {
    const device = this.#device;
    this.#now.write(seen);
    if (masks) {
      this.#mask ??= Object.assign(
        device.zeros([this.#environments.length, masks.length / this.#environments.length]),
        { kept: true },
      );
      this.#mask.write(masks);
    }
    device.beginStep(this.#seed, this.#draws++);
    if (this.#act) this.#act();
    else {
      const mask = this.#mask ?? undefined;
      this.#act = device.capture(() => noGrad(() => this.#policy(this.#now, mask).sample()));
    }
    return (await this.#act.result.data()) as Float32Array | Int32Array;
  }

  /** Between batches no episode is under way: what follows depends on the random numbers alone. */
  snapshot(): Json {
    const environments = this.#environments.map((environment) => environment.snapshot());
    return { draws: this.#draws, isSeeded: this.#isSeeded, environments };
  }

  restore(snapshot: Json): void {
    const saved = snapshot as { draws: number; isSeeded: boolean; environments: Json[] };
    this.#draws = saved.draws;
    this.#isSeeded = saved.isSeeded;
    for (const [i, environment] of this.#environments.entries())
      environment.restore(saved.environments[i]!);
  }

  dispose(): void {
    this.#act?.dispose();
    this.#act?.result.dispose();
    this.#now.dispose();
    this.#mask?.dispose();
  }
}

const emptyEpisode = (): PlayedEpisode => ({
  observations: [],
  actions: [],
  masks: [],
  rewards: [],
  truncated: false,
});

/** Row i of N. */
function rowOf<T extends Float32Array | Int32Array>(rows: T, i: number, N: number): T {
  const width = rows.length / N;
  return rows.slice(i * width, (i + 1) * width) as T;
}

/** The steps of the episodes as a policy takes them. */
export function stepTensors(
  device: Device,
  episodes: readonly PlayedEpisode[],
  { observationSpace, actionSpace }: { observationSpace: Space; actionSpace: Space },
): StepTensors {
  const rows = (of: (episode: PlayedEpisode) => readonly (Float32Array | Int32Array)[]) =>
    concatenated(episodes.flatMap(of));
  const actions = rows((episode) => episode.actions);
  const masks = rows((episode) => episode.masks);
  const M = episodes.reduce((total, { rewards }) => total + rewards.length, 0);
  const isDiscrete = actionSpace.kind === 'discrete';
  return {
    observations: device.tensor(
      rows((episode) => episode.observations),
      {
        shape: [M, ...observationShape(observationSpace)],
      },
    ),
    actions: isDiscrete
      ? device.tensor(actions, { shape: [M], dtype: 'i32' })
      : device.tensor(actions, { shape: [M, actions.length / M] }),
    actionMask:
      masks.length > 0 ? device.tensor(masks, { shape: [M, masks.length / M] }) : undefined,
  };
}

/** One after the other, for a row per step. */
export function concatenated(parts: readonly ArrayLike<number>[]): Float32Array {
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
