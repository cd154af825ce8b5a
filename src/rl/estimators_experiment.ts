// What makes a policy gradient less noisy, and what less noise is worth (lecture rows B8, B10, B11, B13): the whole return,
// the reward to go, that minus the mean of the batch's other episodes, and that minus a learned value.
//
// Per seed: the variance of each estimate's gradient, by the same episodes of one half-trained policy; and a policy trained
// from the beginning with each, all settings alike.

import { between, listOf, positive, positiveInteger } from '../io/config.ts';
import type { Cells, Experiment } from '../io/experiment.ts';
import type { Device } from '../ops/device.ts';
import { concatenated, type PlayedEpisode, stepTensors } from './episodes.ts';
import { CHOICES, type Choice } from './estimator_choices.ts';
import { estimatorsReport } from './estimators_report.ts';
import { valuesOf } from './gradient_variance.ts';
import { returnOf } from './reinforce.ts';
import { disposeLearner, learnerOf, returnsOf, VarianceProbe } from './variance_probe.ts';

export const ESTIMATORS_DEFAULTS = {
  environment: 'CartPole-v1',
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  /** Of each training. */
  steps: 20_000,
  /** Episodes of a batch. */
  episodes: 8,
  learningRate: 0.03,
  valueRate: 0.05,
  valueSteps: 20,
  hidden: [32],
  /** Batches of training before the variance is measured, and batches that measure it. */
  warmupBatches: 8,
  varianceBatches: 64,
  /** What the critic is fitted to before that, and for how long. */
  fittingEpisodes: 128,
  fittingSteps: 300,
};

export type EstimatorsSettings = typeof ESTIMATORS_DEFAULTS;

export interface VarianceResult {
  readonly seed: number;
  /** Mean return of the policy that it is measured at. */
  readonly return: number;
  /** As CHOICES, then ALSO_MEASURED: E ‖ĝ - E ĝ‖², and ‖mean ĝ‖². */
  readonly variances: readonly number[];
  readonly squaredMeans: readonly number[];
  /** Share of the returns' variance that the critic explains in episodes that it was not fitted to. */
  readonly explained: number;
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
    fittingEpisodes: positiveInteger,
    fittingSteps: positiveInteger,
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
  disposeLearner(learner);
  signal.throwIfAborted();
  return { seed, label: choice.label, curve, area: area / settings.steps };
}

/** The variances at a policy that the last choice has trained for some batches. */
async function varianceOf(
  device: Device,
  settings: EstimatorsSettings,
  seed: number,
): Promise<VarianceResult> {
  const probe = await VarianceProbe.open(device, settings, seed);
  const batches = await probe.play(settings.varianceBatches);
  const found = await probe.measure(batches);
  const explained = await explainedBy(device, probe, batches.flat());
  probe.dispose();
  const returns = batches.flat().map(returnOf);
  return {
    seed,
    return: returns.reduce((a, b) => a + b, 0) / returns.length,
    variances: found.map(({ variance }) => variance),
    squaredMeans: found.map(({ squaredMean }) => squaredMean),
    explained,
  };
}

/** 1 - Σ (G - V)² / Σ (G - mean G)². */
async function explainedBy(
  device: Device,
  { model, collector }: VarianceProbe,
  episodes: readonly PlayedEpisode[],
): Promise<number> {
  const { observations, actions, actionMask } = stepTensors(device, episodes, collector);
  const V = concatenated(await valuesOf(device, model, episodes, observations));
  for (const x of [observations, actions, actionMask]) x?.dispose();
  const G = concatenated(returnsOf(episodes));
  const mean = G.reduce((a, b) => a + b, 0) / G.length;
  const left = G.reduce((sum, g, i) => sum + (g - V[i]!) ** 2, 0);
  return 1 - left / G.reduce((sum, g) => sum + (g - mean) ** 2, 0);
}
