// What a Hugging Face folder holds, by its config.json and the headers of its weights: before anything large is read.

import { DataError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import type { HostDType } from '../io/host_tensor.ts';
import { findTensors, readJsonObject } from '../io/sharded_safetensors.ts';
import { sizeOf } from '../tensor/shape.ts';
import { CONFIG, MAX_CONFIG_BYTES, TOKENIZER } from './hugging_face.ts';
import { type ModelType, modelTypeOf, readConfig } from './hugging_face_config.ts';
import { isIgnored } from './hugging_face_names.ts';
import type { TransformerConfig } from './transformer_config.ts';

export interface HuggingFaceSummary {
  readonly type: ModelType;
  readonly config: TransformerConfig;
  /** Values of the model's tensors. */
  readonly parameters: number;
  /** Of the files, for these. */
  readonly bytes: number;
  /** Kinds in which they are stored. */
  readonly dtypes: readonly HostDType[];
}

/** @throws DataError for a folder that `loadHuggingFace` would refuse for what its headers say, or that has no tokenizer. */
export async function describeHuggingFace(folder: Folder): Promise<HuggingFaceSummary> {
  const file = await readJsonObject(folder, CONFIG, MAX_CONFIG_BYTES);
  const config = readConfig(file);
  const type = modelTypeOf(file);
  const stored = [...(await findTensors(folder))].filter(
    ([name]) => !isIgnored(type, name, config),
  );
  if (!(await folder.exists(TOKENIZER)))
    throw new DataError(`${folder.location} has no ${TOKENIZER}`);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    type,
    config,
    parameters: sum(stored.map(([, { shape }]) => sizeOf(shape))),
    bytes: sum(stored.map(([, { begin, end }]) => end - begin)),
    dtypes: [...new Set(stored.map(([, { dtype }]) => dtype))],
  };
}
