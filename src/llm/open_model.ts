// A model from a folder, whoever wrote it: a run of `shadegrad train`, or Hugging Face's files.

import { CheckpointError, DataError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import type { JsonObject } from '../io/json.ts';
import type { Device } from '../ops/device.ts';
import { END_OF_TEXT, type Tokenizer } from '../text/tokenizer.ts';
import { type LoadOptions, loadHuggingFace } from './hugging_face.ts';
import { loadRun } from './saved_model.ts';
import type { Transformer } from './transformer.ts';

export interface OpenedModel {
  readonly model: Transformer;
  readonly tokenizer: Tokenizer;
  /** Tokens at which a text ends; none for models of characters. */
  readonly ends: readonly number[];
}

/**
 * @param options for Hugging Face's folders; `frozen` keeps half-precision weights as they are.
 * @throws CheckpointError or DataError that says what the folder lacks.
 */
export async function openModel(
  device: Device,
  folder: Folder,
  options: Pick<LoadOptions, 'frozen'> = {},
): Promise<OpenedModel> {
  if (await folder.exists('checkpoints')) {
    const { model, tokenizer } = await loadRun(device, folder);
    const end = tokenizer.specials.get(END_OF_TEXT);
    return { model, tokenizer, ends: end === undefined ? [] : [end] };
  }
  if (!(await folder.exists('config.json'))) {
    throw new CheckpointError(
      `${folder.location} holds no model: expected a run of shadegrad train, or config.json, model.safetensors and tokenizer.json`,
    );
  }
  const { model, tokenizer, config } = await loadHuggingFace(device, folder, options);
  if (tokenizer) return { model, tokenizer, ends: endsOf(config) };
  model.dispose();
  throw new DataError(`${folder.location} has no tokenizer.json`);
}

/** `eos_token_id`: an id, or a list of them. */
function endsOf({ eos_token_id: ends }: JsonObject): number[] {
  const list = Array.isArray(ends) ? ends : [ends];
  return list.filter((id) => typeof id === 'number');
}
