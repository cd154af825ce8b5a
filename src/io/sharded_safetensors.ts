// The weights of a model's folder as Hugging Face lays them out: model.safetensors, or shards with an index.
//
//   model.safetensors.index.json   {"metadata":{…},"weight_map":{"lm_head.weight":"model-00002-of-00002.safetensors",…}}
//
// Only headers are read here; a tensor's bytes are read when they are wanted.

import { DataError } from '../errors.ts';
import type { Folder } from './folder.ts';
import type { HostTensor } from './host_tensor.ts';
import { decodeUtf8, formatJson, type ParsedObject, parseJson, quoted } from './json.ts';
import {
  parseSafetensorsHeader,
  type SafetensorsEntry,
  safetensorsHeaderLength,
  writeSafetensors,
} from './safetensors.ts';

export const WHOLE = 'model.safetensors';
export const INDEX = 'model.safetensors.index.json';
/** PyTorch's library refuses files without it. */
const METADATA = new Map([['format', 'pt']]);

/** A tensor in a file; `begin` and `end` are bytes of the file. */
export interface StoredTensor extends SafetensorsEntry {
  readonly path: string;
}

/**
 * The tensors of a folder by name, every header checked, and the index against the headers.
 * @throws DataError that names the file and the reason
 */
export async function findTensors(folder: Folder): Promise<Map<string, StoredTensor>> {
  if (await folder.exists(WHOLE)) return readHeader(folder, WHOLE);
  if (!(await folder.exists(INDEX))) {
    throw new DataError(
      `neither ${WHOLE} nor ${INDEX} in ${folder.location}; other formats (pytorch_model.bin, gguf) are not read`,
    );
  }
  const shardOf = await readIndex(folder);
  const found = new Map<string, StoredTensor>();
  for (const path of new Set(shardOf.values())) {
    for (const [name, tensor] of await readHeader(folder, path)) {
      const said = shardOf.get(name);
      if (said !== path) {
        const says = said === undefined ? 'does not list it' : `says that it is in ${quoted(said)}`;
        throw new DataError(`${path}: tensor ${quoted(name)}: ${INDEX} ${says}`);
      }
      found.set(name, tensor);
    }
  }
  for (const [name, path] of shardOf) {
    if (!found.has(name)) throw new DataError(`${INDEX}: ${path} has no tensor ${quoted(name)}`);
  }
  return found;
}

/** A JSON file of the folder, an object. @throws DataError for anything else, and for more than `maxBytes`. */
export async function readJsonObject(
  folder: Folder,
  path: string,
  maxBytes: number,
): Promise<ParsedObject> {
  const size = await folder.size(path);
  if (size > maxBytes)
    throw new DataError(`${path}: ${size} bytes exceed the limit of ${maxBytes}`);
  const parsed = parseJson(decodeUtf8(await folder.read(path), path), { what: path });
  if (!(parsed instanceof Map)) throw new DataError(`${path}: not an object`);
  return parsed;
}

const MAX_INDEX_BYTES = 1 << 26;

/** Which shard holds a tensor. */
async function readIndex(folder: Folder): Promise<Map<string, string>> {
  const map = (await readJsonObject(folder, INDEX, MAX_INDEX_BYTES)).get('weight_map');
  if (!(map instanceof Map)) throw new DataError(`${INDEX}: weight_map is not an object`);
  for (const [name, path] of map) {
    // A plain name: nothing that could lead out of the folder.
    if (typeof path !== 'string' || !/^[\w-][\w.-]*\.safetensors$/.test(path)) {
      const shown = typeof path === 'string' ? quoted(path) : 'no string';
      throw new DataError(
        `${INDEX}: tensor ${quoted(name)} is in ${shown}, expected the name of a .safetensors file in the folder`,
      );
    }
  }
  return map as Map<string, string>;
}

async function readHeader(folder: Folder, path: string): Promise<Map<string, StoredTensor>> {
  const fileBytes = await folder.size(path);
  const first = await folder.readRange(path, 0, Math.min(8, fileBytes));
  const headerBytes = 8 + safetensorsHeaderLength(first, fileBytes, path);
  const bytes = await folder.readRange(path, 0, headerBytes);
  const { tensors, dataStart } = parseSafetensorsHeader(bytes, { fileBytes, what: path });
  const at = (entry: SafetensorsEntry): StoredTensor => ({
    ...entry,
    path,
    begin: dataStart + entry.begin,
    end: dataStart + entry.end,
  });
  return new Map([...tensors].map(([name, entry]) => [name, at(entry)]));
}

/**
 * Writes tensors as one file, or as shards of up to `maxBytes` with an index, one shard in memory at a time.
 * @param bytesOf at most how many bytes `tensorsOf(key)` gives, by key; what a key gives stays in one file
 */
export async function writeShards(
  folder: Folder,
  bytesOf: ReadonlyMap<string, number>,
  tensorsOf: (key: string) => Promise<ReadonlyMap<string, HostTensor>>,
  maxBytes: number,
): Promise<void> {
  const shards = shardsOf(bytesOf, maxBytes);
  const weightMap: Record<string, string> = {};
  let total = 0;
  for (const [i, keys] of shards.entries()) {
    const [number, count] = [i + 1, shards.length].map((n) => String(n).padStart(5, '0'));
    const path = shards.length === 1 ? WHOLE : `model-${number}-of-${count}.safetensors`;
    const tensors = new Map<string, HostTensor>();
    for (const key of keys) {
      for (const [name, tensor] of await tensorsOf(key)) {
        tensors.set(name, tensor);
        weightMap[name] = path;
        total += tensor.data.byteLength;
      }
    }
    await folder.write(path, writeSafetensors(tensors, METADATA));
  }
  if (shards.length === 1) return;
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  await folder.write(INDEX, new TextEncoder().encode(formatJson(index, INDEX)));
}

/** Keys in their order, as many to a shard as fit; at least one. */
function shardsOf(bytesOf: ReadonlyMap<string, number>, maxBytes: number): string[][] {
  const shards: string[][] = [];
  let room = 0;
  for (const [key, bytes] of bytesOf) {
    if (shards.length === 0 || bytes > room) {
      shards.push([]);
      room = maxBytes;
    }
    shards.at(-1)!.push(key);
    room -= bytes;
  }
  return shards;
}
