// The folder of an agent's run: config.json, metrics.jsonl, checkpoints/, report.html.

import { CheckpointError } from '../errors.ts';
import { loadCheckpoint, saveCheckpoint } from '../io/checkpoint.ts';
import type { Folder } from '../io/folder.ts';
import { decodeUtf8, parseJson, toPlain } from '../io/json.ts';
import { findCheckpoints } from '../io/manifest.ts';
import { MetricsLog, readMetrics, truncateMetrics } from '../io/metrics.ts';
import type { PlotLibrary } from '../io/report.ts';
import { chooseAsBefore, kernelsOf } from '../io/run_kernels.ts';
import type { Device } from '../ops/device.ts';
import type { LearnerState } from './learner.ts';
import { agentReport } from './report.ts';
import type { AgentProgress, AgentResult, AgentSettings } from './train_agent.ts';

const CONFIG = 'config.json';

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
  if (!(await folder.exists(CONFIG))) return null;
  const what = `${folder.location}/${CONFIG}`;
  const saved = toPlain(parseJson(decodeUtf8(await folder.read(CONFIG), what), { what }));
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
  const { recent, learner } = state as unknown as { recent: number[]; learner: object };
  return { step, recent, learner: { tensors, state: learner } };
}

/**
 * @throws CheckpointError when the folder holds another run and `resume` is off, when there is nothing to resume, or when
 *   the checkpoint is of another configuration
 */
export async function openAgentRun(
  folder: Folder,
  { device, about, resume = false, onNote = () => {}, plotLibrary }: AgentRunOptions,
): Promise<AgentRun> {
  const { steps, evaluationEpisodes, checkpointEvery, ...shared } = about.settings;
  // The schedule of a run ends with it: steps are part of what a resumed run must share.
  const config = { ...about, settings: { ...shared, steps } };
  const checkpoint = resume ? await loadCheckpoint(folder, { config, onWarning: onNote }) : null;
  if (resume && !checkpoint)
    throw new CheckpointError(
      `${folder.location} holds no checkpoint to resume from; start without --resume`,
    );
  if (!resume && (await findCheckpoints(folder)).length > 0)
    throw new CheckpointError(
      `${folder.location} holds a run already; continue it with --resume, or choose another --out`,
    );
  const state = checkpoint?.state as unknown as
    | { recent: number[]; learner: object; kernels: unknown }
    | undefined;
  if (state) chooseAsBefore(device, state.kernels);
  await truncateMetrics(folder, checkpoint?.step ?? 0);
  const metrics = new MetricsLog(folder);
  const describe = () => {
    const description = { ...about, adapter: device.adapter, kernels: kernelsOf(device) };
    return folder.write(
      CONFIG,
      new TextEncoder().encode(`${JSON.stringify(description, null, 2)}\n`),
    );
  };
  await describe();
  return {
    saved: checkpoint && {
      step: checkpoint.step,
      recent: state!.recent,
      learner: { tensors: checkpoint.tensors, state: state!.learner },
    },
    log: ({ step, return: mean, episodes, metrics: measured, stepsPerSecond }) =>
      metrics.append({
        step,
        return: mean,
        episodes: episodes.length,
        ...measured,
        stepsPerSecond,
      }),
    async save({ step, recent, learner: { tensors, state } }) {
      await metrics.flush();
      const rest = { recent, learner: state, kernels: kernelsOf(device) };
      await saveCheckpoint(folder, { step, tensors, state: rest, config });
    },
    async finish(result) {
      await metrics.flush();
      await describe(); // now with all kernels that it took
      if (!plotLibrary) return;
      const page = await agentReport(result, await readMetrics(folder), plotLibrary);
      await folder.write('report.html', new TextEncoder().encode(page));
    },
  };
}
