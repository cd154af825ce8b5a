// K4: a graph policy learns to swim with a chain, and swims with longer ones that it has never seen.

import {
  type Checks,
  listOf,
  nonNegativeInteger,
  positive,
  positiveInteger,
} from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { chainReport } from './chain_report.ts';
import { CHAIN_LIMIT, chain } from './env/chain.ts';
import type { Environment } from './environment.ts';
import { evaluateAgent } from './evaluate.ts';
import { randomPolicy, scriptedReturns } from './experts.ts';
import { chainGraph, GraphActorCritic } from './graph_policy.ts';
import { PPO_DEFAULTS, ppo } from './ppo.ts';
import { simulate } from './simulate.ts';
import { VectorEnvironment } from './vector.ts';

export interface ChainSettings {
  readonly seeds: readonly number[];
  /** Of the chain that the policy learns with. */
  readonly links: number;
  /** Of all chains that it is tried with. */
  readonly triedLinks: readonly number[];
  /** Environment steps of the training, all copies together. */
  readonly steps: number;
  readonly copies: number;
  readonly rolloutSteps: number;
  readonly minibatches: number;
  readonly epochs: number;
  readonly learningRate: number;
  /** Of the policy's hidden layers. */
  readonly width: number;
  readonly rounds: number;
  /** Per chain that is tried, and for random actions. */
  readonly episodes: number;
}

const DEFAULTS: ChainSettings = {
  seeds: [1, 2, 3],
  links: 3,
  triedLinks: [3, 4, 5],
  steps: 100_000,
  copies: 32,
  rolloutSteps: 64,
  minibatches: 4,
  epochs: 8,
  learningRate: 1e-3,
  width: 32,
  rounds: 3,
  episodes: 50,
};

const CHECKS: Checks<ChainSettings> = {
  seeds: listOf(nonNegativeInteger),
  links: positiveInteger,
  triedLinks: listOf(positiveInteger),
  steps: positiveInteger,
  copies: positiveInteger,
  rolloutSteps: positiveInteger,
  minibatches: positiveInteger,
  epochs: positiveInteger,
  learningRate: positive,
  width: positiveInteger,
  rounds: positiveInteger,
  episodes: positiveInteger,
};

/** Returns of whole episodes. */
export interface ChainScore {
  readonly links: number;
  readonly returns: readonly number[];
}

export interface ChainTraining {
  readonly seed: number;
  /** Mean return of the episodes that ended in an iteration, by environment steps; it begins where the first ones end. */
  readonly curve: readonly { readonly step: number; readonly return: number }[];
}

export interface ChainResults {
  /** Of uniformly random actions, by chain. */
  readonly random: readonly ChainScore[];
  readonly trainings: readonly ChainTraining[];
  /** Of each seed's policy, by chain. */
  readonly scores: readonly (ChainScore & { readonly seed: number })[];
}

export const chainExperiment: Experiment<ChainSettings, ChainResults> = {
  defaults: DEFAULTS,
  checks: CHECKS,
  count: ({ seeds, triedLinks }) => seeds.length * (1 + triedLinks.length) + triedLinks.length,
  run,
  report: chainReport,
};

const EVALUATION_SEED = 1_000_000;

async function run(device: Device, settings: ChainSettings, cells: Cells): Promise<ChainResults> {
  const { seeds, triedLinks, episodes } = settings;
  const told = ({ returns }: ChainScore) => `mean return ${meanOf(returns).toFixed(2)}`;
  const random: ChainScore[] = [];
  for (const links of triedLinks) {
    const score = async () => {
      const environment = (await chains(links))();
      const policy = randomPolicy(environment, EVALUATION_SEED + links);
      const options = { episodes, seed: EVALUATION_SEED };
      return { links, returns: scriptedReturns(environment, () => policy, options) };
    };
    random.push(await cells.cell(`random-links-${links}`, score, told));
  }
  const trainings: ChainTraining[] = [];
  const scores: (ChainScore & { seed: number })[] = [];
  for (const seed of seeds) {
    const trained = await cells.weights(
      `seed-${seed}`,
      () => train(device, settings, seed, cells.signal),
      ({ curve }) => `return ${curve.at(-1)?.return.toFixed(2)} while it learns`,
    );
    trainings.push(trained.about);
    for (const links of triedLinks) {
      const score = async () => {
        const make = await chains(links);
        const model = graphPolicy(device, make(), settings, { seed, links });
        model.load(trained.tensors);
        const options = { episodes, seed: EVALUATION_SEED };
        const { returns } = await evaluateAgent(device, model, make, options);
        model.dispose();
        return { seed, links, returns };
      };
      scores.push(await cells.cell(`seed-${seed}-links-${links}`, score, told));
    }
  }
  return { random, trainings, scores };
}

async function train(
  device: Device,
  settings: ChainSettings,
  seed: number,
  signal: AbortSignal,
): Promise<{ module: GraphActorCritic; about: ChainTraining }> {
  const { links, steps, copies, rolloutSteps } = settings;
  const environments = new VectorEnvironment(await chains(links), copies);
  const module = graphPolicy(device, environments, settings, { seed, links });
  const learner = ppo(device, module, environments, {
    ...PPO_DEFAULTS,
    ...settings,
    seed,
    entropyCoef: 0,
    normaliseRewards: true,
  });
  const size = copies * rolloutSteps;
  const count = Math.ceil(steps / size);
  const curve: { step: number; return: number }[] = [];
  for (let i = 0; i < count; i++) {
    signal.throwIfAborted();
    const { episodes } = await learner.iterate(i, count);
    if (episodes.length === 0) continue;
    curve.push({ step: (i + 1) * size, return: meanOf(episodes.map((each) => each.return)) });
  }
  learner.dispose();
  return { module, about: { seed, curve } };
}

function graphPolicy(
  device: Device,
  spaces: Pick<Environment, 'observationSpace' | 'actionSpace'>,
  { width, rounds }: ChainSettings,
  { seed, links }: { seed: number; links: number },
): GraphActorCritic {
  const graph = chainGraph(links);
  return new GraphActorCritic(device, spaces, {
    seed,
    graph,
    width,
    rounds,
    normaliseObservations: true,
    logStd: -0.5,
  });
}

async function chains(links: number): Promise<() => Environment> {
  const dynamics = await chain({ links });
  return () => simulate(dynamics, { limit: CHAIN_LIMIT }) as Environment;
}

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, x) => sum + x, 0) / values.length;
