// N copies of an environment, stepped together.
//
// One way to begin again, Gymnasium's SameStep: where a step ends an episode, the copy is reset within that step. The
// observation is then the new episode's first, and finalObservations holds the one that the step led to.

import { ConfigError, EnvironmentError } from '../errors.ts';
import type { Json } from '../io/json.ts';
import type { Environment, Info, Space, Value } from './environment.ts';

export interface VectorStep {
  /** What to act on next. */
  readonly observations: readonly Value[];
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** What each step led to: `observations`, but where an episode ended its last observation. */
  readonly finalObservations: readonly Value[];
  /** Of `observations`. */
  readonly infos: readonly Info[];
  /** Those that ended in this step. */
  readonly episodes: readonly Episode[];
}

export interface Episode {
  readonly copy: number;
  /** Sum of rewards, not discounted. */
  readonly return: number;
  readonly length: number;
  readonly truncated: boolean;
}

export class VectorEnvironment {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  readonly #copies: readonly Environment[];
  readonly #returns: Float64Array;
  readonly #lengths: Float64Array;

  /** @throws ConfigError unless count is 1 or more */
  constructor(make: () => Environment, count: number) {
    if (!(Number.isSafeInteger(count) && count >= 1))
      throw new ConfigError(`VectorEnvironment: count is ${count}, expected at least 1`);
    this.#copies = Array.from({ length: count }, make);
    this.observationSpace = this.#copies[0]!.observationSpace;
    this.actionSpace = this.#copies[0]!.actionSpace;
    this.#returns = new Float64Array(count);
    this.#lengths = new Float64Array(count);
  }

  get count(): number {
    return this.#copies.length;
  }

  /** Begins an episode in every copy; copy i takes stream i of the seed. */
  reset(seed: number): { observations: readonly Value[]; infos: readonly Info[] } {
    const starts = this.#copies.map((copy, i) => copy.reset({ seed, stream: i }));
    this.#returns.fill(0);
    this.#lengths.fill(0);
    return {
      observations: starts.map(({ observation }) => observation),
      infos: starts.map(({ info }) => info),
    };
  }

  /** @throws EnvironmentError where an action does not fit, or there are too many or too few. */
  step(actions: ArrayLike<Value>): VectorStep {
    const { count } = this;
    if (actions.length !== count)
      throw new EnvironmentError(`step: ${actions.length} actions for ${count} environments`);
    const rewards = new Float64Array(count);
    const [terminated, truncated] = [new Uint8Array(count), new Uint8Array(count)];
    const observations: Value[] = [];
    const finalObservations: Value[] = [];
    const infos: Info[] = [];
    const episodes: Episode[] = [];
    for (const [i, copy] of this.#copies.entries()) {
      const step = copy.step(actions[i]!);
      rewards[i] = step.reward;
      terminated[i] = Number(step.terminated);
      truncated[i] = Number(step.truncated);
      this.#returns[i]! += step.reward;
      this.#lengths[i]! += 1;
      const over = step.terminated || step.truncated;
      if (over) {
        const [total, length] = [this.#returns[i]!, this.#lengths[i]!];
        episodes.push({ copy: i, return: total, length, truncated: step.truncated });
        this.#returns[i] = this.#lengths[i] = 0;
      }
      const next = over ? copy.reset() : step;
      finalObservations.push(step.observation);
      observations.push(next.observation);
      infos.push(next.info);
    }
    return { observations, rewards, terminated, truncated, finalObservations, infos, episodes };
  }

  snapshot(): Json {
    return {
      copies: this.#copies.map((copy) => copy.snapshot()),
      returns: [...this.#returns],
      lengths: [...this.#lengths],
    };
  }

  restore(snapshot: Json): void {
    const { copies, returns, lengths } = snapshot as unknown as {
      copies: Json[];
      returns: number[];
      lengths: number[];
    };
    if (copies.length !== this.count)
      throw new EnvironmentError(
        `restore: a snapshot of ${copies.length} environments for ${this.count}`,
      );
    for (const [i, copy] of this.#copies.entries()) copy.restore(copies[i]!);
    this.#returns.set(returns);
    this.#lengths.set(lengths);
  }
}
