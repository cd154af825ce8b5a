// Training an agent: iterations of an algorithm in an environment, with a run folder from which it continues bit for bit.

import {
  type Checks,
  checkSettings,
  nonNegativeInteger,
  positiveInteger,
  resolveSettings,
} from '../io/config.ts';
import type { Folder } from '../io/folder.ts';
import type { PlotLibrary } from '../io/report.ts';
import type { Device } from '../ops/device.ts';
import { algorithmNamed } from './algorithms.ts';
import { type EvaluationResult, evaluateAgent } from './evaluate.ts';
import type { Learner } from './learner.ts';
import { environmentEntry, makeEnvironment } from './registry.ts';
import { openAgentRun } from './run.ts';
import type { Episode } from './vector.ts';

/** What every algorithm is told besides its own settings. */
export interface RunSettings {
  /** Of the environments, all copies together; the last iteration is run whole. */
  readonly steps: number;
  readonly seed: number;
  /** After the last step, with the likeliest actions; 0: none. */
  readonly evaluationEpisodes: number;
  /** Environment steps between checkpoints. */
  readonly checkpointEvery: number;
}

export const RUN_DEFAULTS: RunSettings = {
  steps: 100_000,
  seed: 0,
  evaluationEpisodes: 100,
  checkpointEvery: 50_000,
};

const RUN_CHECKS: Checks<RunSettings> = {
  steps: positiveInteger,
  seed: nonNegativeInteger,
  evaluationEpisodes: nonNegativeInteger,
  checkpointEvery: positiveInteger,
};

export type AgentSettings = RunSettings & Readonly<Record<string, unknown>>;

export interface AgentStart {
  readonly settings: AgentSettings;
  readonly learner: Learner;
  /** Environment steps done before: 0 unless the run is resumed. */
  readonly step: number;
  /** Of the whole run: `settings.steps`, up to whole iterations. */
  readonly steps: number;
}

export interface AgentProgress {
  /** Environment steps done. */
  readonly step: number;
  readonly steps: number;
  /** Mean of the last 100 episodes; null before the first has ended. */
  readonly return: number | null;
  /** Ended since the last report. */
  readonly episodes: readonly Episode[];
  readonly metrics: Readonly<Record<string, number>>;
  readonly stepsPerSecond: number;
}

export interface TrainAgentOptions {
  /** Default 'ppo'. */
  readonly algorithm?: string;
  /** An id, such as 'CartPole-v1'. */
  readonly environment: string;
  /** The run's and the algorithm's. */
  readonly settings?: object;
  /** Where checkpoints, metrics and the report go; default nowhere. */
  readonly folder?: Folder | null;
  /** Continue from the folder's newest checkpoint. Default false. */
  readonly resume?: boolean;
  /** Told once all is checked, before the first step. */
  readonly onStart?: (start: AgentStart) => void;
  readonly onProgress?: (progress: AgentProgress) => void | Promise<void>;
  readonly onNote?: (line: string) => void;
  /** Stops after the iteration under way, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** uPlot's source, inlined in the report; without it there is none. */
  readonly plotLibrary?: PlotLibrary;
  /** Milliseconds; default `performance.now`. */
  readonly clock?: () => number;
}

export interface AgentResult {
  readonly algorithm: string;
  readonly environment: string;
  readonly settings: AgentSettings;
  readonly steps: number;
  readonly stopped: boolean;
  /** Null where it was stopped, or none was asked for. */
  readonly evaluation: EvaluationResult | null;
  /** Mean of the last 100 training episodes; null where none has ended. */
  readonly trainingReturn: number | null;
  readonly seconds: number;
  readonly stepsPerSecond: number;
  readonly adapter: string;
}

/** Evaluation takes other episodes than training. */
const EVALUATION_SEEDS = 2 ** 32;
const RECENT_EPISODES = 100;

/** All settings of an algorithm's run with their defaults, checked. @throws ConfigError */
export function agentSettings(algorithm: string, ...layers: readonly object[]): AgentSettings {
  const { defaults, checks } = algorithmNamed(algorithm);
  const all = { ...RUN_DEFAULTS, ...defaults };
  const settings = resolveSettings(all, ...(layers as Record<string, unknown>[]));
  return checkSettings(settings, { ...RUN_CHECKS, ...checks }) as AgentSettings;
}

/**
 * @throws ConfigError for an unknown name or a bad setting, before anything is trained; CheckpointError where `resume`
 *   finds none that fits; DataError for a loss that is not finite: the last checkpoint stays.
 */
export async function trainAgent(device: Device, options: TrainAgentOptions): Promise<AgentResult> {
  const { algorithm = 'ppo', environment, folder = null } = options;
  const { clock = () => performance.now(), signal, onProgress } = options;
  environmentEntry(environment);
  const settings = agentSettings(algorithm, options.settings ?? {});
  const learner = await algorithmNamed(algorithm).create(device, environment, settings);
  try {
    const about = { algorithm, environment, settings };
    const run = folder && (await openAgentRun(folder, { ...options, device, about }));
    const size = learner.stepsPerIteration;
    const steps = Math.ceil(settings.steps / size) * size;
    if (run?.saved) learner.load(run.saved.learner);
    const first = run?.saved?.step ?? 0;
    let recent: number[] = [...(run?.saved?.recent ?? [])];
    options.onStart?.({ settings, learner, step: first, steps });
    const save = async () => run?.save({ step, recent, learner: await learner.save() });

    const begin = clock();
    let [step, last] = [first, begin];
    let unsaved = 0;
    while (step < steps && !signal?.aborted) {
      const {
        episodes,
        metrics,
        steps: taken = size,
      } = await learner.iterate(step / size, steps / size);
      step += taken;
      recent = [...recent, ...episodes.map((episode) => episode.return)].slice(-RECENT_EPISODES);
      const now = clock();
      const progress = {
        step,
        steps: Math.max(step, steps),
        return: mean(recent),
        episodes,
        metrics,
        stepsPerSecond: (taken * 1000) / (now - last),
      };
      last = now;
      unsaved += taken;
      await run?.log(progress);
      if (step >= steps || unsaved >= settings.checkpointEvery) {
        await save();
        unsaved = 0;
      }
      await onProgress?.(progress);
    }
    if (step < steps) await save();
    const seconds = (clock() - begin) / 1000;
    const { evaluationEpisodes: episodes, seed } = settings;
    const evaluates = step >= steps && episodes > 0;
    const evaluation = evaluates
      ? await evaluateAgent(device, learner.model, () => makeEnvironment(environment), {
          episodes,
          seed: seed + EVALUATION_SEEDS,
        })
      : null;
    const result: AgentResult = {
      ...about,
      steps: step,
      stopped: step < steps,
      evaluation,
      trainingReturn: mean(recent),
      seconds,
      stepsPerSecond: (step - first) / seconds,
      adapter: device.adapter.name,
    };
    if (!result.stopped) await run?.finish(result);
    return result;
  } finally {
    learner.dispose();
    learner.model.dispose();
  }
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, x) => sum + x, 0) / values.length;
