// How good a policy is: the mean return of whole episodes.

import { ConfigError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { Actor } from './actor.ts';
import type { Environment } from './environment.ts';
import type { ActorCritic } from './networks.ts';
import { type Episode, VectorEnvironment } from './vector.ts';

export interface EvaluationOptions {
  /** Whole episodes. Default 100. */
  readonly episodes?: number;
  /** Of the environments, and of the actions where they are drawn. Default 0. */
  readonly seed?: number;
  /** Draw the actions instead of taking the likeliest ones. Default false. */
  readonly sampled?: boolean;
}

export interface EvaluationResult {
  readonly mean: number;
  /** Of single episodes, not of the mean. */
  readonly std: number;
  readonly returns: readonly number[];
  readonly lengths: readonly number[];
}

/** Copies that are evaluated at once. */
const MOST_COPIES = 128;

/** Every copy plays as many episodes, so that short ones do not count more often. */
export async function evaluateAgent(
  device: Device,
  model: Pick<ActorCritic, 'policy'>,
  make: () => Environment,
  { episodes = 100, seed = 0, sampled = false }: EvaluationOptions = {},
): Promise<EvaluationResult> {
  if (!(Number.isSafeInteger(episodes) && episodes >= 1))
    throw new ConfigError(`evaluateAgent: episodes is ${episodes}, expected at least 1`);
  const rounds = Math.ceil(episodes / MOST_COPIES);
  const copies = new VectorEnvironment(make, Math.ceil(episodes / rounds));
  using actor = new Actor(device, model, copies, { seed, sampled });
  let { observations, infos } = copies.reset(seed);
  const played: Episode[][] = Array.from({ length: copies.count }, () => []);
  while (played.some((each) => each.length < rounds)) {
    const step = copies.step(await actor.act(observations, infos));
    for (const episode of step.episodes) played[episode.copy]!.push(episode);
    ({ observations, infos } = step);
  }
  const counted = played.flatMap((each) => each.slice(0, rounds)).slice(0, episodes);
  const returns = counted.map((episode) => episode.return);
  const mean = returns.reduce((sum, x) => sum + x, 0) / returns.length;
  const variance = returns.reduce((sum, x) => sum + (x - mean) ** 2, 0) / returns.length;
  return { mean, std: Math.sqrt(variance), returns, lengths: counted.map(({ length }) => length) };
}
