// The folder of a reward model in training: metrics.jsonl, reward.json with its settings, and until it is done
// unfinished/checkpoints, from which it continues; at the end reward.safetensors.

import { CheckpointError } from '../errors.ts';
import { type Folder, subfolder } from '../io/folder.ts';
import { sha256OfText } from '../io/manifest.ts';
import { sha256OfModel } from '../llm/finetune_run.ts';
import { openRunLog, type RunLog } from '../llm/run_log.ts';
import type { Transformer } from '../llm/transformer.ts';
import type { Device } from '../ops/device.ts';
import {
  type RewardDescription,
  readRewardDescription,
  saveRewardModel,
  writeRewardDescription,
} from './reward_file.ts';
import type { RewardModel } from './reward_model.ts';
import type { RewardSettings } from './reward_settings.ts';
import type { RewardResult } from './reward_training.ts';

const UNFINISHED = 'unfinished';

export interface RewardRun extends RunLog {
  /** Writes the reward model, and removes the checkpoints; of one that was stopped they stay, and it is not written. */
  finish(
    rewardModel: RewardModel,
    result: Pick<RewardResult, 'step' | 'stopped' | 'evaluation'>,
  ): Promise<void>;
}

export interface RewardRunOptions extends Pick<RewardDescription, 'base' | 'data' | 'dataFile'> {
  readonly device: Device;
  readonly settings: RewardSettings;
  /** What the preferences are. */
  readonly text: string;
  /** Continue from the folder's newest checkpoint. Default false. */
  readonly resume?: boolean;
  readonly onNote?: (line: string) => void;
}

/**
 * @param base before a LoRA is added to it
 * @throws CheckpointError where the folder holds a run already and `resume` is off, where there is nothing to resume, and where
 *   it was of another base, other settings or preferences.
 */
export async function openRewardRun(
  folder: Folder,
  base: Transformer,
  { device, settings, text, resume = false, onNote, ...places }: RewardRunOptions,
): Promise<RewardRun> {
  const before = await readRewardDescription(folder);
  const done = before !== null && before.step > 0;
  if (done)
    throw new CheckpointError(
      resume
        ? `${folder.location} is done, after ${before.step} steps; there is nothing to resume`
        : `${folder.location} holds a reward model already; choose another --out`,
    );
  const checkpoints = subfolder(folder, UNFINISHED);
  const baseSha256 = await sha256OfModel(base);
  const { logEvery, checkpointEvery, ...shared } = settings;
  const log = await openRunLog(folder, {
    device,
    config: { ...shared, baseSha256, data: places.data, dataSha256: await sha256OfText(text) },
    checkpoints,
    resume,
    onNote,
  });
  const description = { ...places, baseSha256, settings, step: 0, evaluation: null };
  // What a run that is resumed needs to know.
  await writeRewardDescription(folder, description);
  return {
    ...log,
    async finish(rewardModel, { step, stopped, evaluation }) {
      await log.flush();
      if (stopped) return;
      await saveRewardModel(folder, rewardModel, { ...description, step, evaluation });
      await folder.remove(UNFINISHED);
    },
  };
}
