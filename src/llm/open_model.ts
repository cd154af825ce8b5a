// A model from a folder, whoever wrote it: a run of `shadegrad train`, or Hugging Face's files.

import { CheckpointError, DataError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import type { JsonObject } from '../io/json.ts';
import { Initialiser } from '../nn/initialiser.ts';
import { setAdapter } from '../nn/linear.ts';
import type { Device } from '../ops/device.ts';
import { END_OF_TEXT, type Tokenizer } from '../text/tokenizer.ts';
import { BOTTLENECKS, loadBottlenecks } from './bottleneck_file.ts';
import { packModel } from './frozen_weights.ts';
import { type LoadOptions, loadHuggingFace } from './hugging_face.ts';
import { modelTypeOf } from './hugging_face_config.ts';
import { parsed } from './hugging_face_config_writer.ts';
import { loadPeft, PEFT_CONFIG, type PeftNames } from './peft.ts';
import { huggingFaceNames } from './peft_names.ts';
import { loadRun } from './saved_model.ts';
import type { Transformer } from './transformer.ts';

export interface OpenedModel {
  readonly model: Transformer;
  readonly tokenizer: Tokenizer;
  /** Tokens at which a text ends; none for models of characters. */
  readonly ends: readonly number[];
  /** What PEFT calls its layers. */
  readonly peftNames: PeftNames;
}

/**
 * @param frozen as of `loadHuggingFace`; a run of `shadegrad train` is in f32, or in 8 bits.
 * @throws CheckpointError or DataError that says what the folder lacks.
 */
export async function openModel(
  device: Device,
  folder: Folder,
  { frozen = false }: Pick<LoadOptions, 'frozen'> = {},
): Promise<OpenedModel> {
  if (await folder.exists('checkpoints')) {
    const { model, tokenizer } = await loadRun(device, folder);
    if (frozen === '8bit') await packModel(model);
    const end = tokenizer.specials.get(END_OF_TEXT);
    return { model, tokenizer, ends: end === undefined ? [] : [end], peftNames: {} };
  }
  if (!(await folder.exists('config.json'))) {
    throw new CheckpointError(
      `${folder.location} holds no model: expected a run of shadegrad train, or config.json, model.safetensors and tokenizer.json`,
    );
  }
  const { model, tokenizer, config } = await loadHuggingFace(device, folder, { frozen });
  const peftNames = huggingFaceNames(modelTypeOf(parsed(config)), model.config);
  if (tokenizer) return { model, tokenizer, ends: endsOf(config), peftNames };
  model.dispose();
  throw new DataError(`${folder.location} has no tokenizer.json`);
}

/**
 * Reads an adapter into the model, and selects it: a LoRA in PEFT's format, or bottlenecks, as `shadegrad finetune` leaves them.
 * @throws DataError, with nothing added to the model, where the folder holds none or one that does not fit.
 */
export async function applyAdapter(
  device: Device,
  { model, peftNames }: OpenedModel,
  folder: Folder,
): Promise<void> {
  const init = new Initialiser(device, 0);
  if (await folder.exists(PEFT_CONFIG))
    await loadPeft(folder, model, init, { ...peftNames, name: APPLIED });
  else if (await folder.exists(BOTTLENECKS))
    await loadBottlenecks(folder, model, init, { name: APPLIED });
  else {
    throw new DataError(
      `${folder.location} holds no adapter: neither ${PEFT_CONFIG} of a LoRA in PEFT's format, nor ${BOTTLENECKS}`,
    );
  }
  setAdapter(model, APPLIED);
}

/** The name of an adapter that was applied. */
export const APPLIED = 'applied';

/** `eos_token_id`: an id, or a list of them. */
function endsOf({ eos_token_id: ends }: JsonObject): number[] {
  const list = Array.isArray(ends) ? ends : [ends];
  return list.filter((id) => typeof id === 'number');
}
