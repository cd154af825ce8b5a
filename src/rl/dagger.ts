// DAgger: cloning on the states that the learner itself comes to (Ross, Gordon & Bagnell 2011).
//
//   in round i the expert acts with probability β_i, else the policy as it is; the expert says what it would do in every
//   state on the way, and the policy is trained on the states of all rounds
//
// Cloning sees the expert's states alone: after a first mistake it is where no demonstration was. Defaults of the `imitation`
// library: β falls linearly from 1 to 0 over 15 rounds, 500 labels and 4 epochs in each.

import { ConfigError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { Actor } from './actor.ts';
import {
  CLONING_DEFAULTS,
  Cloning,
  type CloningSettings,
  type Demonstrations,
  type Imitator,
} from './cloning.ts';
import type { Environment, Value } from './environment.ts';
import type { ScriptedPolicy } from './experts.ts';
import { RandomSequence } from './random.ts';
import { VectorEnvironment } from './vector.ts';

export interface DaggerSettings extends CloningSettings {
  readonly rounds: number;
  /** Labels of the expert in a round. */
  readonly labels: number;
  /** Steps from one state that is labelled to the next. */
  readonly every: number;
  readonly epochs: number;
  /** Of the environment, played together. */
  readonly copies: number;
}

export const DAGGER_DEFAULTS: DaggerSettings = {
  ...CLONING_DEFAULTS,
  rounds: 15,
  labels: 500,
  every: 1,
  epochs: 4,
  copies: 1,
};

export interface DaggerRound {
  readonly round: number;
  readonly beta: number;
  /** In all rounds so far. */
  readonly labels: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Trains the model, round by round. @throws DataError for a loss that is not finite */
export async function dagger(
  device: Device,
  model: Imitator,
  make: () => Environment,
  newExpert: () => ScriptedPolicy,
  {
    settings: own = {},
    onRound,
  }: {
    readonly settings?: Partial<DaggerSettings>;
    readonly onRound?: (round: DaggerRound) => Promise<void> | void;
  } = {},
): Promise<void> {
  const settings = { ...DAGGER_DEFAULTS, ...own };
  const { rounds, labels, every, epochs, copies, seed } = settings;
  const environments = new VectorEnvironment(make, copies);
  using cloning = new Cloning(device, model, environments, rounds * labels, settings);
  using learner = new Actor(device, model, environments, { seed });
  for (let round = 0; round < rounds; round++) {
    const beta = 1 - round / rounds;
    const show = { labels, every, seed: seed + round, beta, learner };
    cloning.add(await demonstrate(environments, newExpert, show));
    const metrics = await cloning.fit(epochs);
    await onRound?.({ round, beta, labels: cloning.count, metrics });
  }
}

export interface DemonstrateOptions {
  readonly labels: number;
  readonly seed: number;
  /** Steps from one state that is labelled to the next; default 1, every state. */
  readonly every?: number;
  /** Probability that an action of the expert is taken, step by step; default 1. */
  readonly beta?: number;
  /** Acts otherwise. */
  readonly learner?: Pick<Actor, 'act'>;
}

/** New episodes, with the expert's action in their states. @throws ConfigError where beta is below 1 without a learner */
export async function demonstrate(
  environments: VectorEnvironment,
  newExpert: () => ScriptedPolicy,
  { labels, seed, every = 1, beta = 1, learner }: DemonstrateOptions,
): Promise<Demonstrations> {
  if (beta < 1 && !learner)
    throw new ConfigError(`demonstrate: beta is ${beta}, and there is no learner to act`);
  const coin = new RandomSequence({ seed, stream: STREAM });
  const experts = Array.from({ length: environments.count }, newExpert);
  const observations: Value[] = [];
  const actions: Value[] = [];
  let { observations: seen, infos } = environments.reset(seed);
  for (let t = 0; actions.length < labels; t++) {
    const told = seen.map((observation, i) => experts[i]!(observation, infos[i]!));
    if (t % every === 0) {
      observations.push(...seen);
      actions.push(...told);
    }
    const own = beta < 1 ? await learner!.act(seen, infos) : told;
    const taken = told.map((action, i) => (coin.uniform() < beta ? action : own[i]!));
    const step = environments.step(taken);
    for (const { copy } of step.episodes) experts[copy] = newExpert();
    [seen, infos] = [step.observations, step.infos];
  }
  return { observations: observations.slice(0, labels), actions: actions.slice(0, labels) };
}

const STREAM = 0x64616767; // 'dagg': who acts
