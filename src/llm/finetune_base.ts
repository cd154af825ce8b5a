// The model that is tuned, and how it is written afterwards: a run of `shadegrad train` becomes another such run, a Hugging
// Face folder another such folder.

import { ConfigError, DataError } from '../errors.ts';
import { saveCheckpoint } from '../io/checkpoint.ts';
import type { Folder } from '../io/folder.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import type { Device } from '../ops/device.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { FinetuneSettings } from './finetune_settings.ts';
import { type Frozen, packModel } from './frozen_weights.ts';
import { loadHuggingFace } from './hugging_face.ts';
import { modelTypeOf } from './hugging_face_config.ts';
import { parsed } from './hugging_face_config_writer.ts';
import { saveHuggingFace } from './hugging_face_save.ts';
import type { PeftNames } from './peft.ts';
import { huggingFaceNames } from './peft_names.ts';
import { loadRun } from './saved_model.ts';
import type { Transformer } from './transformer.ts';

export interface FinetuneBase {
  readonly model: Transformer;
  readonly tokenizer: Tokenizer;
  /** What PEFT calls its layers. */
  readonly peftNames: PeftNames;
  /** Whether a model that LoRA was merged into can be written: of Hugging Face's, and of 8 bits, the adapter alone is. */
  readonly savesMerged: boolean;
  /** Writes the model itself, without adapters. */
  saveModel(folder: Folder, step: number): Promise<void>;
}

/**
 * Where the method leaves the model's own weights as they are, a Hugging Face model's are kept in half precision if the
 * folder has them so, or any model's in 8 bits if the settings say so.
 * @throws CheckpointError or DataError that says what the folder lacks, ConfigError for 8 bits that would be trained.
 */
export async function openFinetuneBase(
  device: Device,
  folder: Folder,
  { method, weights }: Pick<FinetuneSettings, 'method' | 'weights'>,
): Promise<FinetuneBase> {
  const adapts = method === 'lora' || method === 'adapter';
  if (weights === '8bit' && !adapts) {
    throw new ConfigError(
      `weights in 8bit are not trained, which ${method} does; choose the method lora or adapter, or weights=stored`,
    );
  }
  const frozen = weights === '8bit' ? weights : adapts;
  if (!(await folder.exists('config.json')) || (await folder.exists('checkpoints')))
    return baseOfRun(device, folder, frozen === '8bit');
  return baseOfHuggingFace(device, folder, frozen);
}

async function baseOfRun(device: Device, folder: Folder, packed: boolean): Promise<FinetuneBase> {
  const { model, tokenizer, settings } = await loadRun(device, folder);
  if (packed) await packModel(model);
  return {
    model,
    tokenizer,
    peftNames: {},
    savesMerged: !packed,
    async saveModel(folder, step) {
      const tensors = await tensorsOf(model);
      // One alone: a run that was stopped, and then went on, has written one before.
      const only = { best: true, keep: 1 };
      await saveCheckpoint(folder, { step, tensors, state: {}, config: settings }, only);
      const description = `${JSON.stringify({ settings, tokenizer }, null, 2)}\n`;
      await folder.write('config.json', new TextEncoder().encode(description));
    },
  };
}

async function baseOfHuggingFace(
  device: Device,
  folder: Folder,
  frozen: Frozen,
): Promise<FinetuneBase> {
  const loaded = await loadHuggingFace(device, folder, { frozen });
  const { model, tokenizer, config } = loaded;
  if (!tokenizer) {
    model.dispose();
    throw new DataError(`${folder.location} has no tokenizer.json`);
  }
  return {
    model,
    tokenizer,
    peftNames: huggingFaceNames(modelTypeOf(parsed(config)), model.config),
    savesMerged: false,
    saveModel: (folder) => saveHuggingFace(folder, loaded),
  };
}

/** The tensors of the model itself, without those of adapters. */
async function tensorsOf(model: Transformer): Promise<Map<string, HostTensor>> {
  const own = [...model.namedTensors()].filter(([name]) => !name.includes('.adapters.'));
  const tensors = new Map<string, HostTensor>();
  for (const [name, x] of own)
    tensors.set(name, { dtype: 'f32', shape: x.shape, data: await x.data() });
  return tensors;
}
