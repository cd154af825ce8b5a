// What a run keeps as it goes: its metrics, and checkpoints. A run that is resumed takes the kernels that it began with.

import { CheckpointError } from '../errors.ts';
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from '../io/checkpoint.ts';
import type { Folder } from '../io/folder.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { findCheckpoints } from '../io/manifest.ts';
import { MetricsLog, truncateMetrics } from '../io/metrics.ts';
import { chooseAsBefore, kernelsOf } from '../io/run_kernels.ts';
import type { Device } from '../ops/device.ts';
import type { Evaluation, TrainProgress } from './run_steps.ts';

export interface SavePoint {
  readonly step: number;
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly evaluations: readonly Evaluation[];
  readonly best: boolean;
}

export interface RunLog {
  /** Where to continue; null at the beginning. */
  readonly checkpoint: Checkpoint | null;
  /** Those of before. */
  readonly evaluations: readonly Evaluation[];
  log(progress: TrainProgress): Promise<void>;
  save(point: SavePoint): Promise<void>;
  /** Writes the metrics that wait. */
  flush(): Promise<void>;
}

export interface RunLogOptions {
  readonly device: Device;
  /** What a run that continues must share. */
  readonly config: object;
  /** Where the checkpoints are, if not in the run's own folder. */
  readonly checkpoints?: Folder;
  readonly resume: boolean;
  /** More of an evaluation for the metrics, such as its perplexity. */
  readonly unitsOf?: (loss: number) => Readonly<Record<string, number | null>>;
  readonly onNote?: ((line: string) => void) | undefined;
}

/**
 * @throws CheckpointError when the folder holds another run and `resume` is off, when there is nothing to resume, or when the
 *   checkpoint is of another configuration.
 */
export async function openRunLog(
  folder: Folder,
  { device, config, checkpoints = folder, resume, unitsOf, onNote = () => {} }: RunLogOptions,
): Promise<RunLog> {
  const checkpoint = resume
    ? await loadCheckpoint(checkpoints, { config, onWarning: onNote })
    : null;
  if (resume && !checkpoint) {
    throw new CheckpointError(
      `${folder.location} holds no checkpoint to resume from; start without --resume`,
    );
  }
  if (!resume && (await findCheckpoints(checkpoints)).length > 0) {
    throw new CheckpointError(
      `${folder.location} holds a run already; continue it with --resume, or choose another --out`,
    );
  }
  if (checkpoint) chooseAsBefore(device, checkpoint.state.kernels);
  // A run that was killed leaves metrics of steps after its last checkpoint, or before its first.
  await truncateMetrics(folder, checkpoint?.step ?? 0);
  const metrics = new MetricsLog(folder);

  return {
    checkpoint,
    evaluations: (checkpoint?.state.evaluations ?? []) as unknown as Evaluation[],
    async log({ step, losses, learningRate, tokensPerSecond, evaluation }) {
      const validation = evaluation && {
        validationLoss: evaluation.loss,
        ...unitsOf?.(evaluation.loss),
        ...evaluation.metrics,
      };
      for (const [i, loss] of losses.entries()) {
        const at = step - losses.length + 1 + i;
        const rest = at === step ? { learningRate, tokensPerSecond, ...validation } : {};
        await metrics.append({ step: at, loss, ...rest });
      }
    },
    async save({ step, tensors, evaluations, best }) {
      await metrics.flush();
      const state = { evaluations, kernels: kernelsOf(device) };
      await saveCheckpoint(checkpoints, { step, tensors, state, config }, { best });
    },
    flush: () => metrics.flush(),
  };
}
