// The folder of a run that learns by trial: config.json, metrics.jsonl, checkpoints/. What is learned, and how, is the caller's.

import { CheckpointError } from '../errors.ts';
import type { Device } from '../ops/device.ts';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import type { Folder } from './folder.ts';
import type { HostTensor } from './host_tensor.ts';
import type { Json } from './json.ts';
import { findCheckpoints } from './manifest.ts';
import { type MetricRecord, MetricsLog, readMetrics, truncateMetrics } from './metrics.ts';
import { chooseAsBefore, kernelsOf } from './run_kernels.ts';

export const RUN_CONFIG = 'config.json';

export interface LearningRunOptions {
  readonly device: Device;
  /** What config.json says, besides the adapter and its kernels. */
  readonly description: object;
  /** What a run that continues must share. */
  readonly config: object;
  /** Where the checkpoints are, if not in the run's own folder. */
  readonly checkpoints?: Folder;
  /** Continue from the newest checkpoint. Default false. */
  readonly resume?: boolean;
  readonly onNote?: ((line: string) => void) | undefined;
}

export interface LearningState {
  readonly step: number;
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** JSON. */
  readonly state: object;
}

export interface LearningRun {
  /** Where to continue; null at the beginning. */
  readonly saved: LearningState | null;
  log(record: MetricRecord): Promise<void>;
  save(state: LearningState): Promise<void>;
  /** Writes what waits, and config.json again, now with all kernels that it took. @returns all metrics */
  close(): Promise<readonly MetricRecord[]>;
}

/**
 * @throws CheckpointError when the folder holds another run and `resume` is off, when there is nothing to resume, or when the
 *   checkpoint is of another configuration
 */
export async function openLearningRun(
  folder: Folder,
  options: LearningRunOptions,
): Promise<LearningRun> {
  const { device, description, config, checkpoints = folder, resume = false } = options;
  const onWarning = options.onNote ?? (() => {});
  const checkpoint = resume ? await loadCheckpoint(checkpoints, { config, onWarning }) : null;
  if (resume && !checkpoint)
    throw new CheckpointError(
      `${folder.location} holds no checkpoint to resume from; start without --resume`,
    );
  if (!resume && (await findCheckpoints(checkpoints)).length > 0)
    throw new CheckpointError(
      `${folder.location} holds a run already; continue it with --resume, or choose another --out`,
    );
  if (checkpoint) chooseAsBefore(device, checkpoint.state.kernels);
  // A run that was killed leaves metrics of steps after its last checkpoint.
  await truncateMetrics(folder, checkpoint?.step ?? 0);
  const metrics = new MetricsLog(folder);
  const describe = () => {
    const all = { ...description, adapter: device.adapter, kernels: kernelsOf(device) };
    return folder.write(RUN_CONFIG, new TextEncoder().encode(`${JSON.stringify(all, null, 2)}\n`));
  };
  await describe();
  return {
    saved: checkpoint && {
      step: checkpoint.step,
      tensors: checkpoint.tensors,
      state: checkpoint.state.learner as object,
    },
    log: (record) => metrics.append(record),
    async save({ step, tensors, state }) {
      await metrics.flush();
      const all = { learner: state as Json, kernels: kernelsOf(device) };
      await saveCheckpoint(checkpoints, { step, tensors, state: all, config });
    },
    async close() {
      await metrics.flush();
      await describe();
      return readMetrics(folder);
    },
  };
}
