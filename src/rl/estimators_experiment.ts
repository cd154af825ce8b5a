// What makes a policy gradient less noisy, and what less noise is worth (lecture rows B8, B10, B11, B13): the whole return, the
// reward to go, that minus its mean at the time step, and that minus a learned value.
//
// Per seed: the variance of each estimate's gradient, by the same episodes of one half-trained policy; and a policy trained
// from the beginning with each, all settings alike.

import { between, listOf, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { AdamW } from '../optim/adamw.ts';
import { concatenated, EpisodeCollector, type PlayedEpisode, stepTensors } from './episodes.ts';
import { estimatorsReport } from './estimators_report.ts';
import { gradientVariance } from './gradient_variance.ts';
import { MlpActorCritic } from './networks.ts';
import type { Baseline, Estimator } from './policy_gradient.ts';
import { makeEnvironment } from './registry.ts';
import { REINFORCE_DEFAULTS, Reinforce } from './reinforce_learner.ts';
import { discountedReturns } from './returns.ts';
import { fitValues } from './value_regression.ts';

export const ESTIMATORS_DEFAULTS = {
  environment: 'CartPole-v1',
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  /** Of each training. */
  steps: 40_000,
  /** Episodes of a batch. */
  episodes: 8,
  learningRate: 0.03,
  valueRate: 0.01,
  valueSteps: 10,
  hidden: [32],
  /** Batches of training before the variance is measured, and batches that measure it. */
  warmupBatches: 10,
  varianceBatches: 40,
};

export type EstimatorsSettings = typeof ESTIMATORS_DEFAULTS;

export interface Choice {
  readonly label: string;
  readonly estimator: Estimator;
  readonly baseline: Baseline;
}

/** In the order that the lectures have them. */
export const CHOICES: readonly Choice[] = [
  { label: 'whole return', estimator: 'full', baseline: 'none' },
  { label: 'reward-to-go', estimator: 'reward-to-go', baseline: 'none' },
  { label: 'minus its mean at the step', estimator: 'reward-to-go', baseline: 'timestep' },
  { label: 'minus a learned value', estimator: 'reward-to-go', baseline: 'value' },
];

export interface VarianceResult {
  readonly seed: number;
  /** Mean return of the policy that it is measured at. */
  readonly return: number;
  /** As CHOICES. */
  readonly variances: readonly number[];
}

export interface LearningResult {
  readonly seed: number;
  readonly label: string;
  /** Steps taken, and the mean return of the last 24 episodes then. */
  readonly curve: readonly (readonly [step: number, mean: number])[];
  /** That return, averaged over all steps: the sooner it rises, the more. */
  readonly area: number;
}

export interface EstimatorsResults {
  readonly variances: readonly VarianceResult[];
  readonly learning: readonly LearningResult[];
}

export const estimatorsExperiment: Experiment<EstimatorsSettings, EstimatorsResults> = {
  defaults: ESTIMATORS_DEFAULTS,
  checks: {
    seeds: listOf(positiveInteger),
    steps: positiveInteger,
    episodes: between(2, 4096),
    learningRate: positive,
    valueRate: positive,
    valueSteps: positiveInteger,
    hidden: listOf(positiveInteger),
    warmupBatches: positiveInteger,
    varianceBatches: between(2, 4096),
  },
  count: ({ seeds }) => seeds.length * (1 + CHOICES.length),
  run,
  report: estimatorsReport,
};

async function run(
  device: Device,
  settings: EstimatorsSettings,
  cells: Cells,
): Promise<EstimatorsResults> {
  const variances: VarianceResult[] = [];
  const learning: LearningResult[] = [];
  for (const seed of settings.seeds) {
    variances.push(
      await cells.cell(
        `variance-seed-${seed}`,
        () => varianceOf(device, settings, seed),
        ({ variances }) => variances.map((v) => (v / variances[0]!).toFixed(3)).join(' : '),
      ),
    );
    for (const [i, choice] of CHOICES.entries())
      learning.push(
        await cells.cell(
          `learning-seed-${seed}-${i}`,
          () => learningOf(device, settings, { seed, choice, signal: cells.signal }),
          ({ area }) => `${choice.label}: mean return ${area.toFixed(1)} over the training`,
        ),
      );
  }
  return { variances, learning };
}

const EPISODES_SHOWN = 24;

/** A policy trained from the beginning. */
async function learningOf(
  device: Device,
  settings: EstimatorsSettings,
  { seed, choice, signal }: { seed: number; choice: Choice; signal: AbortSignal },
): Promise<LearningResult> {
  const learner = learnerOf(device, settings, seed, choice);
  const curve: [number, number][] = [];
  let [step, area] = [0, 0];
  let recent: number[] = [];
  while (step < settings.steps) {
    const { episodes, steps } = await learner.iterate();
    recent = [...recent, ...episodes.map((each) => each.return)].slice(-EPISODES_SHOWN);
    const mean = recent.reduce((a, b) => a + b, 0) / recent.length;
    area += mean * Math.min(steps!, settings.steps - step);
    step += steps!;
    curve.push([step, mean]);
    if (signal.aborted) break;
  }
  dispose(learner);
  signal.throwIfAborted();
  return { seed, label: choice.label, curve, area: area / settings.steps };
}

/** The variances at a policy that the last choice has trained for some batches; its critic is fitted to episodes of their own. */
async function varianceOf(
  device: Device,
  settings: EstimatorsSettings,
  seed: number,
): Promise<VarianceResult> {
  const learner = learnerOf(device, settings, seed, CHOICES.at(-1)!);
  for (let i = 0; i < settings.warmupBatches; i++) await learner.iterate();
  const { model } = learner;
  const make = () => makeEnvironment(settings.environment);
  const collector = new EpisodeCollector(device, model, make, {
    copies: settings.episodes,
    seed: seed + FRESH_SEEDS,
  });
  const batch = () => collector.collect(1);
  const fitting = (await batches(batch, FITTING_BATCHES)).flat();
  fitCritic(device, model, collector, fitting);
  const measured = await batches(batch, settings.varianceBatches);
  const found = await gradientVariance(device, model, CHOICES, {
    batches: measured,
    spaces: collector,
    parameters: [...model.actor.namedParameters().values()],
  });
  const lengths = measured.flat().map(({ rewards }) => rewards.reduce((a, b) => a + b, 0));
  collector.dispose();
  dispose(learner);
  return {
    seed,
    return: lengths.reduce((a, b) => a + b, 0) / lengths.length,
    variances: found.map(({ variance }) => variance),
  };
}

const FRESH_SEEDS = 2 ** 20;
const FITTING_BATCHES = 12;
const FITTING_STEPS = 300;

async function batches(
  batch: () => Promise<PlayedEpisode[]>,
  count: number,
): Promise<PlayedEpisode[][]> {
  const all: PlayedEpisode[][] = [];
  for (let i = 0; i < count; i++) all.push(await batch());
  return all;
}

function fitCritic(
  device: Device,
  model: MlpActorCritic,
  spaces: EpisodeCollector,
  episodes: readonly PlayedEpisode[],
): void {
  const { observations, actions, actionMask } = stepTensors(device, episodes, spaces);
  const G = episodes.map(({ rewards }) => discountedReturns({ rewards }));
  using returns = device.tensor(concatenated(G));
  using optimizer = new AdamW(model.critic.namedParameters(), { lr: 0.01, weightDecay: 0 });
  fitValues(device, model, optimizer, { observations, returns, steps: FITTING_STEPS });
  for (const x of [observations, actions, actionMask]) x?.dispose();
}

function learnerOf(
  device: Device,
  settings: EstimatorsSettings,
  seed: number,
  { estimator, baseline }: Choice,
): Reinforce {
  const make = () => makeEnvironment(settings.environment);
  const { environment, seeds, steps, episodes, warmupBatches, varianceBatches, ...own } = settings;
  const all = {
    ...REINFORCE_DEFAULTS,
    ...own,
    seed,
    estimator,
    baseline,
    copies: episodes,
    batchSteps: 1,
  };
  return new Reinforce(device, new MlpActorCritic(device, make(), all), make, all);
}

function dispose(learner: Reinforce): void {
  learner.dispose();
  learner.model.dispose();
}
