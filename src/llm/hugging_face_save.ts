// A model as a folder that Hugging Face's libraries read.

import { ConfigError } from '../errors.ts';
import {
  type FloatData,
  type FloatType,
  fromFloats,
  isFloatType,
  transposedData,
} from '../io/float_tensors.ts';
import type { Folder } from '../io/folder.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { formatJson, type JsonObject } from '../io/json.ts';
import { writeShards } from '../io/sharded_safetensors.ts';
import { sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { CONFIG, type HuggingFaceModel, TOKENIZER } from './hugging_face.ts';
import { modelTypeOf } from './hugging_face_config.ts';
import { isSameModel, parsed, writeConfig } from './hugging_face_config_writer.ts';
import { prefixIn, type Source, sourcesOf } from './hugging_face_names.ts';

export interface SaveOptions {
  /** Larger models are written in several files, each of which is in memory until it is written. Default 1 GiB. */
  readonly maxFileBytes?: number;
}

/**
 * Writes config.json, model.safetensors (or shards with an index) and tokenizer.json into a folder that holds no model yet.
 * What `loadHuggingFace` gave is written back in the formats that it had, bit for bit, except for tensors whose values these
 * no longer hold exactly: they are F32, as is a model that was not read from a folder.
 * @throws ConfigError for a folder that holds a model, a model that Hugging Face's libraries do not have, or one with
 *   adapters, which this format has no place for. After any failure nothing of the model is left in the folder.
 */
export async function saveHuggingFace(
  folder: Folder,
  source: Pick<HuggingFaceModel, 'model'> & Partial<HuggingFaceModel>,
  { maxFileBytes = 2 ** 30 }: SaveOptions = {},
): Promise<void> {
  const { model, tokenizer = null, dtypes = new Map() } = source;
  const config = source.config ?? writeConfig(model.config);
  if (!isSameModel(config, model.config)) {
    throw new ConfigError('saveHuggingFace: the config is not that of the model; leave it out');
  }
  const type = modelTypeOf(parsed(config));
  const tensors = model.namedTensors();
  const adapter = [...tensors.keys()].find((name) => name.includes('.adapters.'));
  if (adapter) throw new ConfigError(`saveHuggingFace: ${adapter} is of an adapter, save it apart`);
  const taken = (await folder.list('')).find(isOfModel);
  if (taken !== undefined) {
    throw new ConfigError(`saveHuggingFace: ${folder.location} already holds ${taken}`);
  }

  const prefix = prefixIn(type, dtypes.keys());
  const formats = new Set<FloatType>();
  const tensorsOf = async (name: string) => {
    const x = tensors.get(name)!;
    const sources = sourcesOf(type, name, shapeOf(x), model.config, prefix);
    const data = await x.data();
    const parts = new Map<string, HostTensor>();
    let begin = 0;
    for (const part of sources) {
      const count = sizeOf(part.shape);
      const host = partOf(x, data, begin, part, dtypes.get(part.name));
      formats.add(host.dtype as FloatType);
      parts.set(part.name, host);
      begin += count;
    }
    return parts;
  };
  const bytes = new Map([...tensors].map(([name, x]) => [name, 4 * x.size]));
  try {
    await writeShards(folder, bytes, tensorsOf, maxFileBytes);
    if (tokenizer !== null) await folder.write(TOKENIZER, new TextEncoder().encode(tokenizer));
    await folder.write(CONFIG, configFile(config, formats)); // the last: without it there is no model
  } catch (error) {
    for (const name of (await folder.list('')).filter(isOfModel)) await folder.remove(name);
    throw error;
  }
}

const isOfModel = (name: string) =>
  name === CONFIG || name === TOKENIZER || /^model.*\.safetensors(\.index\.json)?$/.test(name);

/** [out, in] also of pairs. */
function shapeOf(x: Tensor): readonly number[] {
  return x.storage.pairs ? [...x.shape.slice(0, -1), 2 * x.shape.at(-1)!] : x.shape;
}

/** A part of x, whose values from `begin` on it has, as the file keeps it. */
function partOf(
  x: Tensor,
  values: Float32Array | Int32Array | Uint32Array,
  begin: number,
  { shape, transposed }: Source,
  before: string | undefined,
): HostTensor {
  const { pairs } = x.storage;
  const all = pairs ? new Uint16Array(values.buffer, values.byteOffset, 2 * values.length) : values;
  const own = (all as FloatData).subarray(begin, begin + sizeOf(shape));
  const [inputs, outputs] = shape as [number, number];
  const data = transposed ? transposedData(own, outputs, inputs) : own;
  if (pairs) return { dtype: pairs, shape, data };
  const dtype = before && isFloatType(before as FloatType) ? (before as FloatType) : 'f32';
  const kept = fromFloats(data as Float32Array, dtype);
  return kept ? { dtype, shape, data: kept } : { dtype: 'f32', shape, data };
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
