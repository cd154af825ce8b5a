// The folder of a fine-tuning: finetune.json with its settings, metrics.jsonl, and what was learned.
//
// A model that was trained itself is written as its base was, so that whatever takes the base takes this one; into a run of
// `shadegrad train` LoRA is merged. LoRA is there in PEFT's format too. Bottlenecks have a file of their own, and there is
// no model beside: they do not fit into one.

import { CheckpointError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import { findCheckpoints } from '../io/manifest.ts';
import { MetricsLog } from '../io/metrics.ts';
import { mergeAdapter, unmergeAdapter } from '../nn/linear.ts';
import { saveBottlenecks } from './bottleneck_file.ts';
import { ADAPTER, type FinetuneProgress, type FinetuneResult } from './finetune.ts';
import type { FinetuneBase } from './finetune_base.ts';
import { readFinetuneDescription, writeFinetuneDescription } from './finetune_description.ts';
import { type FinetuneSettings, methodOf } from './finetune_settings.ts';
import { checkPeftTargets, savePeft } from './peft.ts';
import { matchingTargets } from './trainable.ts';

export interface FinetuneRun {
  log(progress: FinetuneProgress): Promise<void>;
  /** Writes what was learned. */
  finish(result: FinetuneResult): Promise<void>;
}

export interface FinetuneRunOptions {
  readonly settings: FinetuneSettings;
  /** Where the model came from. */
  readonly base: string;
  /** The examples' name. */
  readonly data: string;
}

/** @throws CheckpointError where the folder holds a run already, ConfigError for targets that cannot be saved. */
export async function openFinetuneRun(
  folder: Folder,
  base: FinetuneBase,
  { settings, ...places }: FinetuneRunOptions,
): Promise<FinetuneRun> {
  const found = (await readFinetuneDescription(folder)) ?? (await folder.exists('config.json'));
  if (found || (await findCheckpoints(folder)).length > 0)
    throw new CheckpointError(`${folder.location} holds a run already; choose another --out`);
  const { kind, targets } = { targets: settings.targets, ...methodOf(settings) };
  if (kind === 'lora') checkPeftTargets(matchingTargets(base.model, targets), base.peftNames);
  const metrics = new MetricsLog(folder);
  return {
    async log({ step, losses, learningRate, tokensPerSecond, evaluation }) {
      for (const [i, loss] of losses.entries()) {
        const at = step - losses.length + 1 + i;
        const validation = evaluation && { validationLoss: evaluation.loss };
        const rest = at === step ? { learningRate, tokensPerSecond, ...validation } : {};
        await metrics.append({ step: at, loss, ...rest });
      }
    },
    async finish({ step }) {
      await metrics.flush();
      if (kind === 'adapter') await saveBottlenecks(folder, base.model, { name: ADAPTER });
      else if (kind === 'lora') await saveLora(folder, base, { step, baseModel: places.base });
      else await base.saveModel(folder, step);
      // Last, so that a folder with it is whole.
      await writeFinetuneDescription(folder, { ...places, step, settings });
    },
  };
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
