// REINFORCE (Williams 1992) as lecture S4 states it: an episode, its gradient, a step up, and a moving average of returns.
//
//   ρ̂ ← 0
//   repeat:  τ ← collect_episode(θ)
//            ∇̂ ← (G_1 - ρ̂) Σ_t ∇ ln f(x_t, θ)_{a_t}
//            θ ← θ + η ∇̂
//            ρ̂ ← β ρ̂ + (1 - β) G_1
//
// With batches of episodes, other estimators and Adam: reinforce_learner.ts.

import { ConfigError } from '../errors.ts';
import { positive, positiveInteger } from '../io/config.ts';
import type { Module } from '../nn/module.ts';
import type { Device } from '../ops/device.ts';
import { SGD } from '../optim/sgd.ts';
import { backward } from '../tensor/tape.ts';
import type { Environment } from './environment.ts';
import { EpisodeCollector, type PlayedEpisode, stepTensors } from './episodes.ts';
import type { ActorCritic } from './networks.ts';
import { MovingAverage, pgLoss } from './policy_gradient.ts';

export interface ReinforceOptions {
  /** η: step size. */
  readonly eta: number;
  /** β of the moving average; 0 takes the last return. Default 0.9. */
  readonly beta?: number;
  readonly maxIterations: number;
  readonly seed: number;
  /** ρ̂ without the zero that it starts from. Default false, as the lecture. */
  readonly debias?: boolean;
  /** Told after each iteration. */
  readonly onIteration?: (iteration: ReinforceIteration) => void;
}

export interface ReinforceIteration {
  readonly index: number;
  /** G_1. */
  readonly return: number;
  /** ρ̂ after it. */
  readonly average: number;
}

/** Trains the policy θ in place. @throws ConfigError for a setting out of its range */
export async function reinforce(
  device: Device,
  policy: Pick<ActorCritic, 'policy'> & Module,
  environment: Environment,
  { eta, beta = 0.9, maxIterations, seed, debias = false, onIteration }: ReinforceOptions,
): Promise<void> {
  if (!positive.accepts(eta)) throw new ConfigError(`reinforce: eta is ${eta}, expected above 0`);
  if (!positiveInteger.accepts(maxIterations))
    throw new ConfigError(`reinforce: maxIterations is ${maxIterations}, expected at least 1`);
  const average = new MovingAverage(beta, { debias });
  const collector = new EpisodeCollector(device, policy, () => environment, { copies: 1, seed });
  const ascent = new SGD(policy.namedParameters().values(), { lr: eta });
  try {
    for (let index = 0; index < maxIterations; index++) {
      const [episode] = (await collector.collect(1)) as [PlayedEpisode];
      sampleGradient(device, policy, episode, { average: average.value, spaces: collector });
      ascent.step({ zeroGrad: true });
      const G = returnOf(episode);
      average.add(G);
      onIteration?.({ index, return: G, average: average.value });
    }
  } finally {
    ascent.dispose();
    collector.dispose();
  }
}

/** Adds -∇̂ to the gradients of the policy's parameters: a step down it is a step up the return. */
export function sampleGradient(
  device: Device,
  policy: Pick<ActorCritic, 'policy'>,
  episode: PlayedEpisode,
  {
    average,
    spaces,
  }: { average: number; spaces: Pick<Environment, 'observationSpace' | 'actionSpace'> },
): void {
  device.scope(() => {
    const { observations, actions, actionMask } = stepTensors(device, [episode], spaces);
    const { logProb } = policy.policy(observations, actionMask).evaluate(actions);
    backward(pgLoss(logProb, device.full([episode.rewards.length], returnOf(episode) - average)));
  });
}

/** G_1: what the whole episode returned. */
export function returnOf({ rewards }: PlayedEpisode): number {
  return rewards.reduce((sum, r) => sum + r, 0);
}
