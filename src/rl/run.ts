// The folder of an agent's run: config.json, metrics.jsonl, checkpoints/, report.html.

import { CheckpointError } from '../errors.ts';
import { loadCheckpoint } from '../io/checkpoint.ts';
import type { Folder } from '../io/folder.ts';
import { decodeUtf8, parseJson, toPlain } from '../io/json.ts';
import { type LearningState, openLearningRun, RUN_CONFIG } from '../io/learning_run.ts';
import type { PlotLibrary } from '../io/report.ts';
import type { Device } from '../ops/device.ts';
import type { LearnerState } from './learner.ts';
import { agentReport } from './report.ts';
import type { AgentProgress, AgentResult, AgentSettings } from './train_agent.ts';

/** What is trained, where, and how. */
export interface AboutRun {
  readonly algorithm: string;
  readonly environment: string;
  readonly settings: AgentSettings;
}

export interface AgentSavePoint {
  /** Environment steps done. */
  readonly step: number;
  /** Returns of the last episodes. */
  readonly recent: readonly number[];
  readonly learner: LearnerState;
}

export interface AgentRun {
  /** Where to continue; null at the beginning. */
  readonly saved: AgentSavePoint | null;
  log(progress: AgentProgress): Promise<void>;
  save(point: AgentSavePoint): Promise<void>;
  finish(result: AgentResult): Promise<void>;
}

export interface AgentRunOptions {
  readonly device: Device;
  readonly about: AboutRun;
  readonly resume?: boolean;
  readonly onNote?: (line: string) => void;
  readonly plotLibrary?: PlotLibrary;
}

/** What a run's folder says of it; null where there is none. @throws CheckpointError if it is damaged */
export async function readAgentRun(folder: Folder): Promise<AboutRun | null> {
  if (!(await folder.exists(RUN_CONFIG))) return null;
  const what = `${folder.location}/${RUN_CONFIG}`;
  const saved = toPlain(parseJson(decodeUtf8(await folder.read(RUN_CONFIG), what), { what }));
  const { algorithm, environment, settings } = (saved ?? {}) as Record<string, unknown>;
  if (typeof algorithm === 'string' && typeof environment === 'string' && settings)
    return { algorithm, environment, settings: settings as AgentSettings };
  throw new CheckpointError(
    `${what} is not that of an agent's run: it lacks algorithm, environment or settings`,
  );
}

/** The newest state of a run that verifies. @throws CheckpointError where there is none */
export async function loadAgent(
  folder: Folder,
  onNote?: (line: string) => void,
): Promise<AgentSavePoint> {
  const checkpoint = await loadCheckpoint(folder, { onWarning: onNote ?? (() => {}) });
  if (!checkpoint) throw new CheckpointError(`${folder.location} holds no checkpoint`);
  const { step, tensors, state } = checkpoint;
  return savePoint({ step, tensors, state: state.learner as object });
}

/**
 * @throws CheckpointError when the folder holds another run and `resume` is off, when there is nothing to resume, or when
 *   the checkpoint is of another configuration
 */
export async function openAgentRun(
  folder: Folder,
  { device, about, resume = false, onNote, plotLibrary }: AgentRunOptions,
): Promise<AgentRun> {
  const { steps, evaluationEpisodes, checkpointEvery, ...shared } = about.settings;
  // The schedule of a run ends with it: steps are part of what a resumed run must share.
  const config = { ...about, settings: { ...shared, steps } };
  const run = await openLearningRun(folder, { device, description: about, config, resume, onNote });
  return {
    saved: run.saved && savePoint(run.saved),
    log: ({ step, return: mean, episodes, metrics: measured, stepsPerSecond }) =>
      run.log({ step, return: mean, episodes: episodes.length, ...measured, stepsPerSecond }),
    save: ({ step, recent, learner: { tensors, state } }) =>
      run.save({ step, tensors, state: { recent, agent: state } }),
    async finish(result) {
      const metrics = await run.close();
      if (!plotLibrary) return;
      const page = await agentReport(result, metrics, plotLibrary);
      await folder.write('report.html', new TextEncoder().encode(page));
    },
  };
}

function savePoint({ step, tensors, state }: LearningState): AgentSavePoint {
  const { recent, agent } = state as { readonly recent: number[]; readonly agent: object };
  return { step, recent, learner: { tensors, state: agent } };
}
