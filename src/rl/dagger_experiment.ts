// Cloning and DAgger with as many labels of the expert, and what reinforcement learning makes of a clone (lecture rows D3, D4, D5).
//
// 1. For each seed three policies from the same number of labels and updates and the same initial weights: a clone of one
//    demonstration, a clone of demonstrations that begin where DAgger's rounds do, and DAgger. The second tells what DAgger's
//    many beginnings are worth from what its own states are worth.
// 2. An expert that acts at random some of the time: its clone is no better than it is. PPO goes on from the clone, and
//    begins from scratch, until its episodes return `threshold`.

import { between, nonNegativeInteger, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { presetSettings } from './algorithms.ts';
import { CLONING_DEFAULTS, Cloning } from './cloning.ts';
import { dagger, demonstrate } from './dagger.ts';
import { daggerReport } from './dagger_report.ts';
import { evaluateAgent } from './evaluate.ts';
import { expertFor, noisy, scriptedReturns } from './experts.ts';
import { MlpActorCritic } from './networks.ts';
import { PPO_DEFAULTS, ppo } from './ppo.ts';
import { makeEnvironment } from './registry.ts';
import { VectorEnvironment } from './vector.ts';

export const DAGGER_EXPERIMENT_DEFAULTS = {
  environment: 'CartPole-v1',
  rounds: 15,
  /** Of the expert, per round. */
  labels: 15,
  epochs: 30,
  hidden: [32, 32],
  seeds: [11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
  evaluationEpisodes: 50,
  /** Of the noisy expert, its clone and PPO. */
  warmEnvironment: 'Acrobot-v1',
  /** Share of random actions of the noisy expert. */
  noise: 0.5,
  noisyLabels: 2000,
  noisyEpochs: 10,
  warmSeeds: [11, 12, 13, 14, 15, 16],
  /** Mean return of the last 20 episodes that ended, at which PPO is there. */
  threshold: -100,
  /** Environment steps after which it is stopped. */
  mostSteps: 60_000,
};

export type DaggerExperimentSettings = typeof DAGGER_EXPERIMENT_DEFAULTS;

const CHECKS = {
  rounds: positiveInteger,
  labels: positiveInteger,
  epochs: positiveInteger,
  evaluationEpisodes: positiveInteger,
  noise: between(0, 1),
  noisyLabels: positiveInteger,
  noisyEpochs: nonNegativeInteger,
  mostSteps: positiveInteger,
};

/** How a policy came by its labels. */
export const METHODS = ['cloning', 'same-starts', 'dagger'] as const;
export type Method = (typeof METHODS)[number];

/** One policy, from all its labels. */
export interface ImitationResult {
  readonly seed: number;
  readonly method: Method;
  /** Mean of the evaluation's episodes, likeliest actions. */
  readonly mean: number;
  readonly returns: readonly number[];
}

/** The clone of a noisy expert; both return means over 100 episodes, the clone's actions drawn. */
export interface NoisyClone {
  readonly seed: number;
  readonly expert: number;
  readonly clone: number;
}

export interface WarmStart {
  readonly seed: number;
  readonly from: 'clone' | 'scratch';
  /** Steps until the threshold; `mostSteps` where it was not reached. */
  readonly steps: number;
  readonly reached: boolean;
  /** Mean return of the last 20 episodes, after each iteration; null before there are 20. */
  readonly curve: readonly { readonly step: number; readonly mean: number | null }[];
}

export interface DaggerResults {
  readonly imitation: readonly ImitationResult[];
  readonly clones: readonly NoisyClone[];
  readonly starts: readonly WarmStart[];
}

export const daggerExperiment: Experiment<DaggerExperimentSettings, DaggerResults> = {
  defaults: DAGGER_EXPERIMENT_DEFAULTS,
  checks: CHECKS,
  count: ({ seeds, warmSeeds }) => METHODS.length * seeds.length + 3 * warmSeeds.length,
  run,
  report: daggerReport,
};

async function run(
  device: Device,
  settings: DaggerExperimentSettings,
  cells: Cells,
): Promise<DaggerResults> {
  const imitation: ImitationResult[] = [];
  for (const seed of settings.seeds)
    for (const method of METHODS)
      imitation.push(
        await cells.cell(
          `seed-${seed}-${method}`,
          () => imitate(device, settings, seed, method),
          ({ mean }) => `${mean.toFixed(1)}`,
        ),
      );

  const clones: NoisyClone[] = [];
  const starts: WarmStart[] = [];
  for (const seed of settings.warmSeeds) {
    const { tensors, about } = await cells.weights(
      `seed-${seed}-clone`,
      () => cloneOfNoisy(device, settings, seed),
      ({ expert, clone }) => `expert ${expert.toFixed(1)}, its clone ${clone.toFixed(1)}`,
    );
    clones.push(about);
    for (const from of ['clone', 'scratch'] as const)
      starts.push(
        await cells.cell(
          `seed-${seed}-from-${from}`,
          () => train(device, settings, seed, from, cells.signal, (model) => model.load(tensors)),
          ({ steps, reached }) => `${reached ? '' : 'over '}${steps} steps`,
        ),
      );
  }
  return { imitation, clones, starts };
}

async function imitate(
  device: Device,
  { environment, rounds, labels, epochs, hidden, evaluationEpisodes }: DaggerExperimentSettings,
  seed: number,
  method: Method,
): Promise<ImitationResult> {
  const make = () => makeEnvironment(environment);
  const newExpert = expertFor(environment);
  const model = new MlpActorCritic(device, make(), { seed, hidden });
  const own = { ...CLONING_DEFAULTS, seed: SEEDS * seed };
  if (method === 'dagger') {
    await dagger(device, model, make, newExpert, { settings: { ...own, rounds, labels, epochs } });
  } else {
    using cloning = new Cloning(device, model, make(), rounds * labels, own);
    const parts = method === 'same-starts' ? rounds : 1;
    for (let part = 0; part < parts; part++) {
      const show = { labels: (rounds * labels) / parts, seed: own.seed + part };
      cloning.add(await demonstrate(new VectorEnvironment(make, 1), newExpert, show));
    }
    await cloning.fit(epochsOfAsManyUpdates({ rounds, labels, epochs }, own.batch));
  }
  const { mean, returns } = await evaluateAgent(device, model, make, {
    episodes: evaluationEpisodes,
    seed: own.seed + EVALUATION,
  });
  model.dispose();
  return { seed, method, mean, returns };
}

/** Seeds of demonstrations, rounds and evaluations lie apart. */
const SEEDS = 1000;
const EVALUATION = 500;

/** Of cloning on all labels, for the updates that DAgger makes in all rounds. */
function epochsOfAsManyUpdates(
  { rounds, labels, epochs }: { rounds: number; labels: number; epochs: number },
  batch: number,
): number {
  let updates = 0;
  for (let round = 1; round <= rounds; round++)
    updates += epochs * Math.ceil((round * labels) / batch);
  return Math.round(updates / Math.ceil((rounds * labels) / batch));
}

// ---- reinforcement learning from a clone

/** PPO's fast settings, for both starts. */
function ppoSettings(environment: string, seed: number) {
  return { ...PPO_DEFAULTS, ...presetSettings('ppo', environment, 'fast'), seed };
}

async function cloneOfNoisy(
  device: Device,
  { warmEnvironment: environment, noise, noisyLabels, noisyEpochs }: DaggerExperimentSettings,
  seed: number,
) {
  const make = () => makeEnvironment(environment);
  const newExpert = noisy(make(), expertFor(environment), { noise, seed: SEEDS * seed });
  const module = new MlpActorCritic(device, make(), ppoSettings(environment, seed));
  const own = { ...CLONING_DEFAULTS, seed: SEEDS * seed };
  using cloning = new Cloning(device, module, make(), noisyLabels, own);
  const show = { labels: noisyLabels, seed: own.seed };
  cloning.add(await demonstrate(new VectorEnvironment(make, 1), newExpert, show));
  await cloning.fit(noisyEpochs);
  const test = { episodes: 100, seed: own.seed + EVALUATION };
  const returns = scriptedReturns(make(), newExpert, test);
  const expert = returns.reduce((sum, x) => sum + x, 0) / returns.length;
  const { mean: clone } = await evaluateAgent(device, module, make, { ...test, sampled: true });
  return { module, about: { seed, expert, clone } };
}

const WINDOW = 20; // episodes

async function train(
  device: Device,
  { warmEnvironment: environment, threshold, mostSteps }: DaggerExperimentSettings,
  seed: number,
  from: 'clone' | 'scratch',
  signal: AbortSignal,
  loadClone: (model: MlpActorCritic) => void,
): Promise<WarmStart> {
  const settings = ppoSettings(environment, seed);
  const copies = new VectorEnvironment(() => makeEnvironment(environment), settings.copies);
  const model = new MlpActorCritic(device, copies, settings);
  if (from === 'clone') loadClone(model);
  const learner = ppo(device, model, copies, settings);
  const curve: { step: number; mean: number | null }[] = [];
  const size = learner.stepsPerIteration;
  const count = Math.ceil(mostSteps / size);
  let recent: number[] = [];
  let reached = false;
  for (let done = 0; done < count && !reached; done++) {
    signal.throwIfAborted();
    const { episodes } = await learner.iterate(done, count);
    recent = [...recent, ...episodes.map((episode) => episode.return)].slice(-WINDOW);
    const mean = recent.length < WINDOW ? null : recent.reduce((sum, x) => sum + x, 0) / WINDOW;
    curve.push({ step: (done + 1) * size, mean });
    reached = mean !== null && mean >= threshold;
  }
  learner.dispose();
  model.dispose();
  return { seed, from, steps: curve.at(-1)!.step, reached, curve };
}
