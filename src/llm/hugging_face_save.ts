// A model as a folder that Hugging Face's libraries read.

import { ConfigError } from '../errors.ts';
import {
  type FloatData,
  type FloatTensor,
  type FloatType,
  fromFloats,
  transposedData,
} from '../io/float_tensors.ts';
import type { Folder } from '../io/folder.ts';
import { formatJson, type JsonObject } from '../io/json.ts';
import { writeShards } from '../io/sharded_safetensors.ts';
import { weightShape } from '../ops/packed.ts';
import { sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { CONFIG, type HuggingFaceModel, TOKENIZER } from './hugging_face.ts';
import { modelTypeOf } from './hugging_face_config.ts';
import { isSameModel, parsed, writeConfig } from './hugging_face_config_writer.ts';
import { prefixIn, type Source, sourcesOf } from './hugging_face_names.ts';
import type { Transformer } from './transformer.ts';

export interface SaveOptions {
  /** Larger models are written in several files, each of which is in memory until it is written. Default 1 GiB. */
  readonly maxFileBytes?: number;
}

/**
 * Writes config.json, model.safetensors (or shards with an index) and tokenizer.json into a folder that holds no model yet.
 * What `loadHuggingFace` gave is written back in the formats that it had, bit for bit, except for tensors whose values these
 * no longer hold exactly: they are F32, as is a model that was not read from a folder: `{ model, tokenizerJson }` with
 * the JSON of a byte-level BPE tokenizer.
 * @throws ConfigError for a folder that holds a model, a model that Hugging Face's libraries do not have, or one in 8 bits or
 *   with adapters, which this format has no place for. After any failure nothing of the model is left in the folder.
 */
export async function saveHuggingFace(
  folder: Folder,
  source: Pick<HuggingFaceModel, 'model'> & Partial<HuggingFaceModel>,
  { maxFileBytes = 2 ** 30 }: SaveOptions = {},
): Promise<void> {
  const { model, tokenizerJson = null, dtypes = new Map<string, FloatType>() } = source;
  const config = source.config ?? writeConfig(model.config);
  await checkSavable(folder, model, config);
  const type = modelTypeOf(parsed(config));
  const prefix = prefixIn(type, dtypes.keys());
  const tensors = model.namedTensors();
  const formats = new Set<FloatType>();
  const partsOf = async (name: string) => {
    const x = tensors.get(name)!;
    const sources = sourcesOf(type, name, weightShape(x), model.config, prefix);
    const parts = await readParts(x, sources, dtypes);
    for (const { dtype } of parts.values()) formats.add(dtype);
    return parts;
  };
  const mostBytes = new Map([...tensors].map(([name, x]) => [name, 4 * x.size]));
  try {
    await writeShards(folder, mostBytes, partsOf, maxFileBytes);
    if (tokenizerJson !== null)
      await folder.write(TOKENIZER, new TextEncoder().encode(tokenizerJson));
    await folder.write(CONFIG, configFile(config, formats)); // the last: without it there is no model
  } catch (error) {
    for (const name of (await folder.list('')).filter(isOfModel)) await folder.remove(name);
    throw error;
  }
}

async function checkSavable(folder: Folder, model: Transformer, config: JsonObject): Promise<void> {
  if (!isSameModel(config, model.config)) {
    throw new ConfigError('saveHuggingFace: the config is not that of the model; leave it out');
  }
  const adapter = [...model.namedTensors().keys()].find((name) => name.includes('.adapters.'));
  if (adapter) throw new ConfigError(`saveHuggingFace: ${adapter} is of an adapter, save it apart`);
  const rounded = [...model.namedTensors()].find(([, x]) => x.storage.packed === 'int8')?.[0];
  if (rounded !== undefined)
    throw new ConfigError(
      `saveHuggingFace: ${rounded} is in 8 bits, which are rounded; load the model without`,
    );
  const taken = (await folder.list('')).find(isOfModel);
  if (taken === undefined) return;
  throw new ConfigError(`saveHuggingFace: ${folder.location} already holds ${taken}`);
}

const isOfModel = (name: string) =>
  name === CONFIG || name === TOKENIZER || /^model.*\.safetensors(\.index\.json)?$/.test(name);

/** The tensors of the file that x is made of. */
async function readParts(
  x: Tensor,
  sources: readonly Source[],
  dtypes: ReadonlyMap<string, FloatType>,
): Promise<Map<string, FloatTensor>> {
  const halves = x.storage.packed as 'f16' | 'bf16' | null; // bytes are refused before
  const values = await x.data();
  const all = (halves ? new Uint16Array(values.buffer) : values) as FloatData;
  const parts = new Map<string, FloatTensor>();
  let begin = 0;
  for (const { name, shape, transposed } of sources) {
    const own = all.subarray(begin, begin + sizeOf(shape));
    const data = transposed ? transposedData(own, shape[1]!, shape[0]!) : own;
    const as = halves ? { dtype: halves, data } : inFormat(data as Float32Array, dtypes.get(name));
    parts.set(name, { ...as, shape });
    begin += own.length;
  }
  return parts;
}

/** In the format given, if that holds the values exactly, else in f32. */
function inFormat(floats: Float32Array, dtype: FloatType = 'f32'): Omit<FloatTensor, 'shape'> {
  const data = fromFloats(floats, dtype);
  return data ? { dtype, data } : { dtype: 'f32', data: floats };
}

const TORCH_NAMES = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' };

/** The file says in which type PyTorch shall load the weights: one that holds them all. */
function configFile(config: JsonObject, formats: ReadonlySet<FloatType>): Uint8Array {
  const [only, ...others] = formats;
  const torchDtype = TORCH_NAMES[others.length === 0 && only ? only : 'f32'];
  const said = ['torch_dtype', 'dtype'].filter((key) => Object.hasOwn(config, key));
  const renewed = Object.fromEntries(said.map((key) => [key, torchDtype]));
  const text = formatJson({ ...config, ...renewed }, CONFIG);
  return new TextEncoder().encode(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
}
