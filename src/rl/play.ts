// Episodes to look at: what an agent does, step by step, with a picture of each.

import { CheckpointError, ConfigError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import type { Device } from '../ops/device.ts';
import { Actor } from './actor.ts';
import { algorithmNamed } from './algorithms.ts';
import type { Environment, Start, Value } from './environment.ts';
import type { Picture } from './picture.ts';
import { makeEnvironment } from './registry.ts';
import { type AboutRun, loadAgent, readAgentRun } from './run.ts';

export interface Frame {
  /** From 1. */
  readonly episode: number;
  /** 0: where the episode begins. */
  readonly step: number;
  /** Null where the environment has none. */
  readonly picture: Picture | null;
  /** What led here, and its reward; null and 0 where the episode begins. */
  readonly action: Value | null;
  readonly reward: number;
  /** Of the episode, so far. */
  readonly return: number;
  readonly end: 'terminated' | 'truncated' | null;
}

export type Act = (seen: Start) => Value | Promise<Value>;

export interface PlayOptions {
  /** Default 1. */
  readonly episodes?: number;
  /** Of the environment. Default 0. */
  readonly seed?: number;
}

/** Whole episodes, one after the other. @throws ConfigError for less than one episode, and for a seed that is none */
export async function* playEpisodes(
  environment: Environment,
  act: Act,
  { episodes = 1, seed = 0 }: PlayOptions = {},
): AsyncGenerator<Frame> {
  if (!(Number.isSafeInteger(episodes) && episodes >= 1))
    throw new ConfigError(`play: episodes is ${episodes}, expected at least 1`);
  if (!(Number.isSafeInteger(seed) && seed >= 0))
    throw new ConfigError(`play: seed is ${seed}, expected an integer of at least 0`);
  const picture = () => environment.picture?.() ?? null;
  for (let episode = 1; episode <= episodes; episode++) {
    let seen: Start = environment.reset(episode === 1 ? { seed } : {});
    const begin = { action: null, reward: 0, return: 0, end: null };
    yield { episode, step: 0, picture: picture(), ...begin };
    let [earned, end]: [number, Frame['end']] = [0, null];
    for (let step = 1; end === null; step++) {
      const action = await act(seen);
      const taken = environment.step(action);
      earned += taken.reward;
      if (taken.terminated) end = 'terminated';
      else if (taken.truncated) end = 'truncated';
      const { reward } = taken;
      yield { episode, step, picture: picture(), action, reward, return: earned, end };
      seen = taken;
    }
  }
}

export interface Player extends AboutRun {
  readonly act: Act;
  readonly makeEnvironment: () => Environment;
  dispose(): void;
}

/**
 * The agent of a run, from its newest checkpoint.
 * @param sampled draw the actions instead of taking the likeliest ones; default false
 * @throws CheckpointError where the folder holds no run, or nothing that verifies
 */
export async function openPlayer(
  device: Device,
  folder: Folder,
  { seed = 0, sampled = false }: { seed?: number; sampled?: boolean } = {},
): Promise<Player> {
  const about = await readAgentRun(folder);
  if (!about)
    throw new CheckpointError(
      `${folder.location} holds no run of an agent; shadegrad rl makes one`,
    );
  const { learner: saved } = await loadAgent(folder);
  const { algorithm, environment, settings } = about;
  const learner = await algorithmNamed(algorithm).create(device, environment, settings);
  learner.load(saved);
  const { observationSpace, actionSpace } = makeEnvironment(environment);
  const spaces = { observationSpace, actionSpace };
  const actor = new Actor(device, learner.model, { ...spaces, count: 1 }, { seed, sampled });
  return {
    ...about,
    makeEnvironment: () => makeEnvironment(environment),
    act: async ({ observation, info }) => (await actor.act([observation], [info]))[0]!,
    dispose() {
      actor.dispose();
      learner.dispose();
      learner.model.dispose();
    },
  };
}
