// Where the variance of gradient estimates is measured: at a policy that is half trained, with a critic that was fitted to other
// episodes than those that measure.

import type { Device } from '../ops/device.ts';
import { AdamW } from '../optim/adamw.ts';
import { concatenated, EpisodeCollector, type PlayedEpisode, stepTensors } from './episodes.ts';
import { ALSO_MEASURED, CHOICES, type Choice } from './estimator_choices.ts';
import { type GradientVariance, gradientVariance } from './gradient_variance.ts';
import { MlpActorCritic } from './networks.ts';
import { makeEnvironment } from './registry.ts';
import { REINFORCE_DEFAULTS, Reinforce } from './reinforce_learner.ts';
import { discountedReturns } from './returns.ts';
import { fitValues } from './value_regression.ts';

export interface ProbeSettings {
  readonly environment: string;
  /** Of a batch, N. */
  readonly episodes: number;
  readonly learningRate: number;
  readonly valueRate: number;
  readonly valueSteps: number;
  readonly hidden: readonly number[];
  /** Batches of training before. */
  readonly warmupBatches: number;
  /** What the critic is fitted to, and for how long. */
  readonly fittingEpisodes: number;
  readonly fittingSteps: number;
}

export class VarianceProbe {
  private constructor(
    private readonly device: Device,
    private readonly learner: Reinforce,
    readonly collector: EpisodeCollector,
    private readonly episodes: number,
  ) {}

  /**
   * Trains the policy by the last of CHOICES, and fits the critic.
   * @param turn waited for after each batch of the training
   */
  static async open(
    device: Device,
    settings: ProbeSettings,
    seed: number,
    turn?: () => Promise<void>,
  ): Promise<VarianceProbe> {
    const learner = learnerOf(device, settings, seed, CHOICES.at(-1)!);
    for (let i = 0; i < settings.warmupBatches; i++) {
      await learner.iterate();
      await turn?.();
    }
    const make = () => makeEnvironment(settings.environment);
    const collector = new EpisodeCollector(device, learner.model, make, {
      copies: settings.fittingEpisodes,
      seed: seed + FRESH_SEEDS,
    });
    fitCritic(device, learner.model, collector, {
      episodes: await collector.collect(1),
      rate: settings.valueRate,
      steps: settings.fittingSteps,
    });
    return new VarianceProbe(device, learner, collector, settings.episodes);
  }

  get model(): MlpActorCritic {
    return this.learner.model;
  }

  /** So many batches of new episodes, in rounds of one episode per copy. */
  async play(batches: number): Promise<PlayedEpisode[][]> {
    const { collector, episodes: N } = this;
    const played: PlayedEpisode[] = [];
    while (played.length < batches * N) played.push(...(await collector.collect(1)));
    return Array.from({ length: batches }, (_, k) => played.slice(k * N, (k + 1) * N));
  }

  /** By the policy's parameters: as CHOICES, then ALSO_MEASURED. */
  measure(batches: readonly (readonly PlayedEpisode[])[]): Promise<GradientVariance[]> {
    const { device, model, collector } = this;
    return gradientVariance(device, model, [...CHOICES, ...ALSO_MEASURED], {
      batches,
      spaces: collector,
      parameters: [...model.actor.namedParameters().values()],
    });
  }

  dispose(): void {
    this.collector.dispose();
    disposeLearner(this.learner);
  }
}

const FRESH_SEEDS = 2 ** 20;

function fitCritic(
  device: Device,
  model: MlpActorCritic,
  spaces: EpisodeCollector,
  { episodes, rate, steps }: { episodes: readonly PlayedEpisode[]; rate: number; steps: number },
): void {
  const { observations, actions, actionMask } = stepTensors(device, episodes, spaces);
  using returns = device.tensor(concatenated(returnsOf(episodes)));
  using optimizer = new AdamW(model.critic.namedParameters(), { lr: rate, weightDecay: 0 });
  fitValues(device, model, optimizer, { observations, returns, steps });
  for (const x of [observations, actions, actionMask]) x?.dispose();
}

export const returnsOf = (episodes: readonly PlayedEpisode[]): Float64Array[] =>
  episodes.map(({ rewards }) => discountedReturns({ rewards }));

/** Of one estimate, with settings that all of them share. */
export function learnerOf(
  device: Device,
  settings: ProbeSettings,
  seed: number,
  { estimator, baseline }: Choice,
): Reinforce {
  const make = () => makeEnvironment(settings.environment);
  const { episodes, learningRate, valueRate, valueSteps, hidden } = settings;
  const all = {
    ...REINFORCE_DEFAULTS,
    learningRate,
    valueRate,
    valueSteps,
    hidden,
    seed,
    estimator,
    baseline,
    copies: episodes,
    batchSteps: 1,
  };
  return new Reinforce(device, new MlpActorCritic(device, make(), all), make, all);
}

export function disposeLearner(learner: Reinforce): void {
  learner.dispose();
  learner.model.dispose();
}
