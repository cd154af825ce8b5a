// Models in Hugging Face's folders: config.json, model.safetensors (or shards), tokenizer.json. Everything that the files say
// is checked before memory is taken on the device; then tensor by tensor goes there, by ranged reads.

import { DataError } from '../errors.ts';
import {
  type FloatData,
  type FloatType,
  isFloatType,
  toFloats,
  transposedData,
} from '../io/float_tensors.ts';
import type { Folder } from '../io/folder.ts';
import { elementBytes, type HostTensor } from '../io/host_tensor.ts';
import { decodeUtf8, type JsonObject, toPlain } from '../io/json.ts';
import { tensorFromBytes } from '../io/safetensors.ts';
import { findTensors, readJsonObject, type StoredTensor } from '../io/sharded_safetensors.ts';
import { ShapesOnly } from '../nn/initialiser.ts';
import type { Device } from '../ops/device.ts';
import { allocatePacked, packedWords } from '../ops/packed.ts';
import { slice } from '../ops/view.ts';
import { format, type Shape, sameShape } from '../tensor/shape.ts';
import { noGrad } from '../tensor/tape.ts';
import { allocate, type PackedType } from '../tensor/tensor.ts';
import { readTokenizer } from '../text/read_tokenizer.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type Frozen, isPackable } from './frozen_weights.ts';
import { type ModelType, modelTypeOf, readConfig } from './hugging_face_config.ts';
import { isIgnored, prefixIn, type Source, sourcesOf } from './hugging_face_names.ts';
import { Transformer } from './transformer.ts';
import type { TransformerConfig } from './transformer_config.ts';

export const CONFIG = 'config.json';
export const TOKENIZER = 'tokenizer.json';
export const MAX_CONFIG_BYTES = 1 << 20;
const MAX_TOKENIZER_BYTES = 1 << 26;
/** Bytes of a file that are in memory at a time; of matrices that are transposed, a whole one is. */
const CHUNK_BYTES = 1 << 25;

export interface HuggingFaceModel {
  readonly model: Transformer;
  /** Null where the folder has none, or it was not to be read. */
  readonly tokenizer: Tokenizer | null;
  /** tokenizer.json as it is; null where the folder has none. */
  readonly tokenizerJson: string | null;
  /** config.json as it is: also what the model does not need, such as eos_token_id. */
  readonly config: JsonObject;
  /** How the folder keeps each of its tensors: `saveHuggingFace` keeps to it where it can. */
  readonly dtypes: ReadonlyMap<string, FloatType>;
}

export interface LoadOptions extends Partial<Pick<TransformerConfig, 'dropout' | 'checkpointing'>> {
  /**
   * No tensor of the model is trained, and matrices that the folder keeps in F16 or BF16 stay so, as pairs in u32: half the
   * memory and the same values on any adapter. '8bit': matrices are rounded to bytes with a scale per row (`packWeight`), a
   * quarter of the memory of f32. Adapters (`Lora`) are trained on top. Default false: all in f32, trained.
   */
  readonly frozen?: Frozen;
  /** Whether to read tokenizer.json: false for one of a kind that `readTokenizer` refuses. Default true. */
  readonly tokenizer?: boolean;
}

/**
 * Reads a Llama-like (Llama, SmolLM, Qwen2, Qwen3) or GPT-2 model. Dropout is 0 unless given, whatever the folder says.
 * @throws DataError that names the file and the reason for what is malformed, missing, left over, or not supported; no
 *   memory of the device is kept then.
 */
export async function loadHuggingFace(
  device: Device,
  folder: Folder,
  {
    frozen = false,
    tokenizer: readsTokenizer = true,
    dropout = 0,
    checkpointing = false,
  }: LoadOptions = {},
): Promise<HuggingFaceModel> {
  const file = await readJsonObject(folder, CONFIG, MAX_CONFIG_BYTES);
  const config = { ...readConfig(file), dropout, checkpointing };
  const stored = await findTensors(folder);
  const tokenizerJson = await readTokenizerJson(folder);
  const tokenizer =
    readsTokenizer && tokenizerJson ? readTokenizer(tokenizerJson, TOKENIZER) : null;
  const model = new Transformer(new ShapesOnly(device), config);
  try {
    const plan = planLoading(modelTypeOf(file), model, stored);
    for (const [name, parts] of plan) await loadTensor(folder, model, name, parts, frozen);
  } catch (error) {
    model.dispose();
    throw error;
  }
  const dtypes = formatsOf(stored);
  return { model, tokenizer, tokenizerJson, config: toPlain(file) as JsonObject, dtypes };
}

function formatsOf(stored: ReadonlyMap<string, StoredTensor>): Map<string, FloatType> {
  const formats = new Map<string, FloatType>();
  for (const [name, { dtype }] of stored) if (isFloatType(dtype)) formats.set(name, dtype);
  return formats;
}

async function readTokenizerJson(folder: Folder): Promise<string | null> {
  if (!(await folder.exists(TOKENIZER))) return null;
  const size = await folder.size(TOKENIZER);
  if (size > MAX_TOKENIZER_BYTES) {
    throw new DataError(`${TOKENIZER}: ${size} bytes exceed the limit of ${MAX_TOKENIZER_BYTES}`);
  }
  return decodeUtf8(await folder.read(TOKENIZER), TOKENIZER);
}

/** A part of one of our tensors, and where it lies. */
interface Part extends Source {
  readonly stored: StoredTensor;
}

/** The parts of each of the model's tensors. @throws DataError unless the files hold these tensors and no others. */
function planLoading(
  type: ModelType,
  model: Transformer,
  stored: ReadonlyMap<string, StoredTensor>,
): Map<string, Part[]> {
  const { config } = model;
  const prefix = prefixIn(type, stored.keys());
  const sources = [...model.namedTensors()].map(
    ([name, { shape }]) => [name, sourcesOf(type, name, shape, config, prefix)] as const,
  );
  const wanted = new Set(sources.flatMap(([, parts]) => parts.map(({ name }) => name)));
  const missing = [...wanted].filter((name) => !stored.has(name));
  const extra = [...stored.keys()].filter(
    (name) => !wanted.has(name) && !isIgnored(type, name, config),
  );
  if (missing.length > 0 || extra.length > 0) {
    const some = (names: string[]) =>
      `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
    const faults = [
      ...(missing.length > 0 ? [`missing: ${some(missing)}`] : []),
      ...(extra.length > 0 ? [`not of this model: ${some(extra)}`] : []),
    ];
    throw new DataError(
      `the tensors are not those of a ${type} of ${CONFIG}; ${faults.join('; ')}`,
    );
  }
  return new Map(
    sources.map(([name, parts]) => [name, parts.map((part) => located(part, stored))]),
  );
}

function located(source: Source, stored: ReadonlyMap<string, StoredTensor>): Part {
  const found = stored.get(source.name)!;
  const fail = (reason: string): never => {
    throw new DataError(`${found.path}: tensor ${source.name} ${reason}`);
  };
  if (!sameShape(found.shape, source.shape)) {
    fail(`is ${format(found.shape)}, expected ${format(source.shape)} by ${CONFIG}`);
  }
  if (!isFloatType(found.dtype)) fail(`is ${found.dtype}, expected f32, f16 or bf16`);
  return { ...source, stored: found };
}

/** Puts the tensor in the place of the model's, and fills it. */
async function loadTensor(
  folder: Folder,
  model: Transformer,
  name: string,
  parts: readonly Part[],
  frozen: Frozen,
): Promise<void> {
  const { runtime, shape, requiresGrad } = model.namedTensors().get(name)!;
  const type = frozen ? packedTypeOf(name, shape, parts, frozen) : null;
  const x = type ? allocatePacked(runtime, shape, type) : allocate(runtime, shape, 'f32');
  model.replace(name, x);
  let row = 0;
  for (const part of parts) {
    for await (const chunk of chunksOf(folder, part)) {
      const rows = chunk.shape[0]!;
      using target = noGrad(() => slice(x, { start: [row], end: [row + rows] }));
      target.write(type ? wordsOf(part.name, chunk, type) : toFloats(chunk));
      await runtime.gpu.sync(); // uploads wait in memory until they are taken
      row += rows;
    }
  }
  if (!type) x.requireGrad(requiresGrad && !frozen);
}

/** In what a frozen matrix is kept; null for f32. Halves are those of the folder, if all its parts are of one kind. */
function packedTypeOf(
  name: string,
  shape: Shape,
  parts: readonly Part[],
  frozen: Frozen,
): PackedType | null {
  if (frozen === '8bit' && isPackable(name, shape, 'int8')) return 'int8';
  const [dtype, ...others] = new Set(parts.map(({ stored }) => stored.dtype));
  const same = others.length === 0 && (dtype === 'f16' || dtype === 'bf16');
  return same && isPackable(name, shape, dtype) ? dtype : null;
}

function wordsOf(name: string, chunk: HostTensor, type: PackedType): Uint32Array {
  if (type === 'int8') return packedWords(name, toFloats(chunk), chunk.shape[1]!, type);
  const { buffer, byteOffset, byteLength } = chunk.data;
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

/** A part's rows, as we have them, a few at a time. */
async function* chunksOf(
  folder: Folder,
  { stored, shape, transposed }: Part,
): AsyncGenerator<HostTensor> {
  const { dtype } = stored;
  const [count, columns] = [shape[0]!, shape[1] ?? 1];
  const rowBytes = columns * elementBytes(dtype);
  const most = transposed ? count : Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  for (let first = 0; first < count; first += most) {
    const rows = Math.min(most, count - first);
    const begin = stored.begin + first * rowBytes;
    const end = begin + rows * rowBytes;
    const bytes = await folder.readRange(stored.path, begin, end);
    const chunk = tensorFromBytes({ dtype, shape: [rows, columns], begin, end }, bytes);
    const data = chunk.data as FloatData;
    if (!transposed) yield chunk;
    else yield { dtype, shape: [columns, rows], data: transposedData(data, rows, columns) };
  }
}
