// Whole episodes of a policy, which Monte Carlo methods learn from.

import type { Json } from '../io/json.ts';
import type { CapturedStep } from '../ops/capture.ts';
import type { Device } from '../ops/device.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Environment, Space, Start, Value } from './environment.ts';
import { type ActorCritic, observationShape } from './networks.ts';
import { actionsOf, encode, masksOf } from './rollout.ts';

/** Steps t = 0 … T - 1, from a reset to the end. */
export interface PlayedEpisode {
  /** Of the environment. */
  readonly copy: number;
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
   * @returns copy by copy: an order by their ends would sort them by length
   */
  async collect(steps: number): Promise<PlayedEpisode[]> {
    const seats = this.#environments.map((environment, i): Seat => {
      const start = environment.reset(this.#isSeeded ? {} : { seed: this.#seed, stream: i });
      return { environment, start, played: [emptyEpisode(i)], isPlaying: true };
    });
    this.#isSeeded = true;
    for (let taken = 0; seats.some(({ isPlaying }) => isPlaying); ) {
      const turn = await this.#draw(seats.map(({ start }) => start));
      for (const [i, seat] of seats.entries()) {
        if (!seat.isPlaying) continue;
        const isOver = play(seat, turn, i);
        taken++;
        if (!isOver) continue;
        seat.isPlaying = taken < steps;
        if (!seat.isPlaying) continue;
        seat.played.push(emptyEpisode(i));
        seat.start = seat.environment.reset();
      }
    }
    return seats.flatMap(({ played }) => played);
  }

  /** An action for each copy, also for those that do not play any more. */
  async #draw(starts: readonly Start[]): Promise<Turn> {
    const device = this.#device;
    const observations = encode(
      this.observationSpace,
      starts.map(({ observation }) => observation),
    );
    const masks = masksOf(
      this.actionSpace,
      starts.map(({ info }) => info),
    );
    this.#now.write(observations);
    if (masks) {
      const shape = [starts.length, masks.length / starts.length];
      this.#mask ??= Object.assign(device.zeros(shape), { kept: true });
      this.#mask.write(masks);
    }
    device.beginStep(this.#seed, this.#draws++);
    const mask = this.#mask ?? undefined;
    if (this.#act) this.#act();
    else this.#act = device.capture(() => noGrad(() => this.#policy(this.#now, mask).sample()));
    const drawn = (await this.#act.result.data()) as Float32Array | Int32Array;
    const values = actionsOf(this.actionSpace, drawn);
    return { observations, masks, drawn, values, count: starts.length };
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

/** A copy of the environment, and its episodes; the last is being played. */
interface Seat {
  readonly environment: Environment;
  start: Start;
  readonly played: PlayedEpisode[];
  isPlaying: boolean;
}

/** What the copies see and do at one time, in rows. */
interface Turn {
  readonly observations: Float32Array;
  readonly masks: Float32Array | null;
  readonly drawn: Float32Array | Int32Array;
  /** The actions as the environments take them. */
  readonly values: readonly Value[];
  readonly count: number;
}

/** Row i of the turn, written down. @returns whether the episode is over */
function play(seat: Seat, { observations, masks, drawn, values, count }: Turn, i: number): boolean {
  const episode = seat.played.at(-1)!;
  const step = seat.environment.step(values[i]!);
  episode.observations.push(rowOf(observations, i, count));
  episode.actions.push(rowOf(drawn, i, count));
  if (masks) episode.masks.push(rowOf(masks, i, count));
  episode.rewards.push(step.reward);
  episode.truncated = step.truncated;
  seat.start = step;
  return step.terminated || step.truncated;
}

const emptyEpisode = (copy: number): PlayedEpisode => ({
  copy,
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
