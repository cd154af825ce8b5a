// How good a policy is: the mean return of whole episodes.

import { ConfigError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Environment } from './environment.ts';
import type { ActorCritic } from './networks.ts';
import { observationShape } from './networks.ts';
import { actionsOf, encode, masksOf } from './rollout.ts';
import { VectorEnvironment } from './vector.ts';

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
  const { observationSpace, actionSpace, count: N } = copies;
  const shape = observationShape(observationSpace);
  using observations = device.zeros([N, ...shape]);
  using actionMask = device.ones([N, actionSpace.kind === 'discrete' ? actionSpace.n : 1]);
  const start = copies.reset(seed);
  let [seen, infos] = [start.observations, start.infos];
  const isMasked = masksOf(actionSpace, infos) !== null;
  using act = device.capture(() =>
    noGrad(() => {
      const policy = model.policy(observations, isMasked ? actionMask : undefined);
      return sampled ? policy.sample() : policy.mode();
    }),
  );
  using actions = act.result;
  const played: { return: number; length: number }[][] = Array.from({ length: N }, () => []);
  for (let step = 0; played.some((each) => each.length < rounds); step++) {
    observations.write(encode(observationSpace, seen));
    if (isMasked) actionMask.write(masksOf(actionSpace, infos)!);
    device.beginStep(seed, step);
    act();
    const drawn = (await actions.data()) as Float32Array | Int32Array;
    const stepped = copies.step(actionsOf(actionSpace, drawn));
    for (const { copy, ...episode } of stepped.episodes) played[copy]!.push(episode);
    [seen, infos] = [stepped.observations, stepped.infos];
  }
  const counted = played.flatMap((each) => each.slice(0, rounds)).slice(0, episodes);
  const returns = counted.map((episode) => episode.return);
  const mean = returns.reduce((sum, x) => sum + x, 0) / returns.length;
  const variance = returns.reduce((sum, x) => sum + (x - mean) ** 2, 0) / returns.length;
  return { mean, std: Math.sqrt(variance), returns, lengths: counted.map(({ length }) => length) };
}
