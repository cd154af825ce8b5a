// The folder of a fine-tuning: finetune.json with its settings, metrics.jsonl, and what was learned; until it is done,
// unfinished/checkpoints, from which it continues.
//
// A model that was trained itself is written as its base was, so that whatever takes the base takes this one; into a run of
// `shadegrad train` LoRA is merged. LoRA is there in PEFT's format too. Bottlenecks have a file of their own, and there is
// no model beside: they do not fit into one.

import { CheckpointError } from '../errors.ts';
import { type Folder, subfolder } from '../io/folder.ts';
import { findCheckpoints, sha256, sha256OfText } from '../io/manifest.ts';
import { mergeAdapter, unmergeAdapter } from '../nn/linear.ts';
import type { Module } from '../nn/module.ts';
import type { Device } from '../ops/device.ts';
import { saveBottlenecks } from './bottleneck_file.ts';
import { ADAPTER, type FinetuneResult } from './finetune.ts';
import type { FinetuneBase } from './finetune_base.ts';
import { readFinetuneDescription, writeFinetuneDescription } from './finetune_description.ts';
import { type FinetuneSettings, methodOf } from './finetune_settings.ts';
import { checkPeftTargets, savePeft } from './peft.ts';
import { openRunLog, type RunLog } from './run_log.ts';
import { type Method, matchingTargets } from './trainable.ts';

/** Where the checkpoints of a run lie that is not done: of what is trained, not of a model that others could load. */
const UNFINISHED = 'unfinished';

export interface FinetuneRun extends RunLog {
  /** Writes what was learned, and removes the checkpoints of a run that is done. */
  finish(result: Pick<FinetuneResult, 'step' | 'stopped'>): Promise<void>;
}

export interface FinetuneRunOptions {
  readonly device: Device;
  readonly settings: FinetuneSettings;
  /** Where the model came from. A run that is resumed must have the same values, wherever they are. */
  readonly base: string;
  /** The examples: their name, where they are, and what they are. */
  readonly data: string;
  readonly dataFile: string;
  readonly text: string;
  /** Continue from the folder's newest checkpoint. Default false. */
  readonly resume?: boolean;
  readonly onNote?: (line: string) => void;
}

/**
 * @throws CheckpointError where the folder holds a run already and `resume` is off, where there is nothing to resume, and where
 *   it was of another base, other settings or examples; ConfigError for targets that cannot be saved.
 */
export async function openFinetuneRun(
  folder: Folder,
  base: FinetuneBase,
  { device, settings, text, resume = false, onNote, ...places }: FinetuneRunOptions,
): Promise<FinetuneRun> {
  if (!resume && (await holdsRun(folder)))
    throw new CheckpointError(`${folder.location} holds a run already; choose another --out`);
  const { kind, targets } = { targets: settings.targets, ...methodOf(settings) };
  if (kind === 'lora') checkPeftTargets(matchingTargets(base.model, targets), base.peftNames);
  const { logEvery, checkpointEvery, checkpointSeconds, ...shared } = settings;
  const checkpoints = subfolder(folder, UNFINISHED);
  const before = await readFinetuneDescription(folder);
  if (resume && before && before.step > 0 && (await findCheckpoints(checkpoints)).length === 0) {
    throw new CheckpointError(
      `${folder.location} is done, after ${before.step} steps; there is nothing to resume`,
    );
  }
  const log = await openRunLog(folder, {
    device,
    config: {
      ...shared,
      baseSha256: await sha256OfModel(base.model),
      data: places.data,
      dataSha256: await sha256OfText(text),
    },
    checkpoints,
    resume,
    onNote,
  });
  const describe = (step: number) =>
    writeFinetuneDescription(folder, { ...places, step, settings });
  let described = false;
  return {
    ...log,
    async save(point) {
      // With what a resumed run needs to know, from the first checkpoint on.
      if (!described) await describe(before?.step ?? 0);
      described = true;
      await log.save(point);
    },
    async finish({ step, stopped }) {
      await log.flush();
      await saveTuned(folder, base, { kind, step, baseModel: places.base });
      // Last, so that a folder that says so holds what was learned.
      await describe(step);
      if (!stopped) await folder.remove(UNFINISHED);
    },
  };
}

/** Of the names, shapes and bits of the model's tensors, without those of adapters. */
export async function sha256OfModel(model: Module): Promise<string> {
  const own = [...model.namedTensors()].filter(([name]) => !name.includes('.adapters.'));
  const lines: string[] = [];
  for (const [name, x] of own) {
    const { buffer, byteOffset, byteLength } = await x.data();
    lines.push(
      `${name} ${x.shape} ${await sha256(new Uint8Array(buffer, byteOffset, byteLength))}`,
    );
  }
  return sha256OfText(lines.join('\n'));
}

/** A model, or a fine-tuning that has come to one; what was killed before its first checkpoint may be begun again. */
async function holdsRun(folder: Folder): Promise<boolean> {
  const tuned = await readFinetuneDescription(folder);
  if (tuned && tuned.step > 0) return true;
  return (await folder.exists('config.json')) || (await findCheckpoints(folder)).length > 0;
}

/** Writes what a method has trained: the adapter under `ADAPTER`, or the model as its base was written. */
export async function saveTuned(
  folder: Folder,
  base: FinetuneBase,
  { kind, ...about }: { kind: Method['kind']; step: number; baseModel: string },
): Promise<void> {
  if (kind === 'adapter') await saveBottlenecks(folder, base.model, { name: ADAPTER });
  else if (kind === 'lora') await saveLora(folder, base, about);
  else await base.saveModel(folder, about.step);
}

async function saveLora(
  folder: Folder,
  base: FinetuneBase,
  { step, baseModel }: { readonly step: number; readonly baseModel: string },
): Promise<void> {
  const { model, peftNames, savesMerged } = base;
  await savePeft(folder, model, { name: ADAPTER, baseModel, ...peftNames });
  if (!savesMerged) return;
  mergeAdapter(model, ADAPTER);
  try {
    await base.saveModel(folder, step);
  } finally {
    unmergeAdapter(model);
  }
}
