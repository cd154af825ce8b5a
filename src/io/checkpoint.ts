// Checkpoints that survive a crash at any moment: each is a folder of its own beside the older ones.
//
//   checkpoints/step-000120/   model.safetensors  state.json  config.json  manifest.json
//
// A save writes and syncs the files under step-000120.tmp, the manifest with their sizes and SHA-256 last, and renames the
// folder in one step; only then are older ones removed. Where folders cannot be renamed (browsers) the files go to their
// final place, and the manifest, written last, is what makes them a checkpoint. Loading takes the latest that verifies.
// One save or load at a time for a run.

import { CheckpointError, ConfigError } from '../errors.ts';
import type { Folder } from './folder.ts';
import { type HostTensor, indexOfNonFinite } from './host_tensor.ts';
import { decodeUtf8, formatJson, type Json, type JsonObject, parseJson, toPlain } from './json.ts';
import {
  CHECKPOINTS,
  type FileDigest,
  type FoundCheckpoint,
  findCheckpoints,
  findUnfinished,
  formatManifest,
  MANIFEST,
  type Manifest,
  sha256,
} from './manifest.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';

const MODEL = 'model.safetensors';
const STATE = 'state.json';
const CONFIG = 'config.json';

export interface CheckpointContent {
  /** Steps done. */
  readonly step: number;
  /** Every array: parameters, moments, environments, buffers. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** The rest, as JSON: counters, data position, running statistics. */
  readonly state: object;
  /** The settings that a resumed run must share, as JSON. */
  readonly config: object;
}

export interface Checkpoint extends CheckpointContent {
  /** Its folder, e.g. `checkpoints/step-000120`. */
  readonly path: string;
  readonly best: boolean;
  readonly state: JsonObject;
  readonly config: JsonObject;
}

/**
 * Saves a checkpoint, then removes all but those of the last `keep` steps and the last one saved with `best`.
 * @returns its folder, e.g. `checkpoints/step-000120`
 * @throws CheckpointError where it cannot be saved (a tensor with NaN or infinity, state that JSON cannot hold, a full
 *   disk): the checkpoints saved before are still there, unchanged.
 */
export async function saveCheckpoint(
  folder: Folder,
  content: CheckpointContent,
  { keep = 2, best = false }: { keep?: number; best?: boolean } = {},
): Promise<string> {
  const { step } = content;
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new ConfigError(`saveCheckpoint: step is ${step}, expected 0, 1, 2, …`);
  }
  if (!Number.isSafeInteger(keep) || keep < 1) {
    throw new ConfigError(`saveCheckpoint: keep is ${keep}, expected at least 1`);
  }
  let path: string;
  try {
    path = await commit(folder, content, best);
  } catch (cause) {
    const reason = `saving the checkpoint of step ${step} failed: ${(cause as Error).message}`;
    throw new CheckpointError(`${reason}; the checkpoints saved before it are unchanged`, {
      cause,
    });
  }
  try {
    await removeOld(folder, keep);
  } catch (cause) {
    const reason = `removing older ones failed: ${(cause as Error).message}`;
    throw new CheckpointError(`the checkpoint of step ${step} is saved in ${path}, but ${reason}`, {
      cause,
    });
  }
  return path;
}

async function commit(folder: Folder, content: CheckpointContent, best: boolean): Promise<string> {
  const files = encode(content);
  for (const name of await findUnfinished(folder)) await folder.remove(`${CHECKPOINTS}/${name}`);
  const earlier = await findCheckpoints(folder);
  const path = `${CHECKPOINTS}/${await freeName(folder, content.step)}`;
  const staging = folder.rename ? `${path}.tmp` : path;
  const digests: FileDigest[] = [];
  try {
    for (const [name, bytes] of files) {
      await folder.write(`${staging}/${name}`, bytes);
      digests.push({ name, bytes: bytes.length, sha256: await sha256(bytes) });
    }
    const manifest: Manifest = {
      serial: Math.max(0, ...earlier.map(({ manifest }) => manifest?.serial ?? 0)) + 1,
      step: content.step,
      best,
      files: digests,
    };
    await folder.write(
      `${staging}/${MANIFEST}`,
      new TextEncoder().encode(await formatManifest(manifest)),
    );
    await folder.rename?.(staging, path);
  } catch (error) {
    // Gives a full disk its space back. Should this fail too, the next save does it, and the first error is the news.
    await folder.remove(staging).catch(() => {});
    throw error;
  }
  return path;
}

function encode({
  tensors,
  state,
  config,
}: CheckpointContent): [name: string, bytes: Uint8Array][] {
  const model = writeSafetensors(tensors);
  for (const [name, tensor] of tensors) {
    const index = indexOfNonFinite(tensor);
    if (index >= 0) {
      throw new CheckpointError(`tensor ${name} holds NaN or infinity at element ${index}`);
    }
  }
  const text = new TextEncoder();
  return [
    [MODEL, model],
    [STATE, text.encode(formatJson(state, 'state'))],
    [CONFIG, text.encode(formatJson(config, 'config'))],
  ];
}

/** A second save of a step gets a name of its own, so that the first stays until the second is whole. */
async function freeName(folder: Folder, step: number): Promise<string> {
  const taken = new Set(await folder.list(CHECKPOINTS));
  const base = `step-${String(step).padStart(6, '0')}`;
  let name = base;
  for (let n = 2; taken.has(name); n++) name = `${base}.${n}`;
  return name;
}

async function removeOld(folder: Folder, keep: number): Promise<void> {
  const found = await findCheckpoints(folder);
  const steps = new Set<number>();
  const best = found.find(({ manifest }) => manifest?.best);
  for (const checkpoint of found) {
    const { name, manifest } = checkpoint;
    if (!manifest) continue; // perhaps of a later version of this program: not ours to remove
    const superseded = steps.has(manifest.step) || steps.size >= keep;
    if (!superseded) steps.add(manifest.step);
    else if (checkpoint !== best) await discard(folder, `${CHECKPOINTS}/${name}`);
  }
}

/** Takes the checkpoint's validity away in one step, then its files: a crash in between leaves none that is half there. */
async function discard(folder: Folder, path: string): Promise<void> {
  if (!folder.rename) await folder.remove(`${path}/${MANIFEST}`);
  await folder.rename?.(path, `${path}.tmp`);
  await folder.remove(folder.rename ? `${path}.tmp` : path);
}

/**
 * Loads the latest checkpoint, or the last one saved with `best`; a damaged one is passed over for the next older.
 * @param config if given, what the checkpoint must have been saved with
 * @param onWarning is told of each damaged file that was passed over; default `console.warn`
 * @returns null where the run has no checkpoints
 * @throws CheckpointError where none can be loaded, or where it is of another configuration: the message lists the
 *   keys that differ with both values
 */
export async function loadCheckpoint(
  folder: Folder,
  {
    config,
    which = 'latest',
    onWarning = console.warn,
  }: { config?: object; which?: 'latest' | 'best'; onWarning?: (message: string) => void } = {},
): Promise<Checkpoint | null> {
  const found = await findCheckpoints(folder);
  if (found.length === 0) return null;
  const candidates = found.filter(
    ({ manifest }) => which === 'latest' || !manifest || manifest.best,
  );
  const faults: string[] = [];
  for (const candidate of candidates) {
    const loaded = await verified(folder, candidate).catch((error: unknown) => {
      faults.push(`${CHECKPOINTS}/${candidate.name}: ${(error as Error).message}`);
      onWarning(`a damaged checkpoint is passed over: ${faults.at(-1)}`);
      return null;
    });
    if (!loaded) continue;
    if (config) requireConfig(loaded, config);
    return loaded;
  }
  const reason =
    faults.length > 0 ? faults.join('; ') : `none of ${found.length} was saved as the best`;
  throw new CheckpointError(
    `no ${which} checkpoint in ${folder.location} can be loaded: ${reason}`,
  );
}

/** The checkpoint, if every file is exactly as it was written. */
async function verified(
  folder: Folder,
  { name, manifest, fault }: FoundCheckpoint,
): Promise<Checkpoint> {
  if (!manifest) throw new CheckpointError(fault);
  const path = `${CHECKPOINTS}/${name}`;
  const read = (file: string) => readVerified(folder, path, file, manifest);
  const { tensors } = readSafetensors(await read(MODEL), MODEL);
  const state = parseObject(await read(STATE), STATE);
  const config = parseObject(await read(CONFIG), CONFIG);
  return { path, step: manifest.step, best: manifest.best, tensors, state, config };
}

async function readVerified(
  folder: Folder,
  path: string,
  file: string,
  { files }: Manifest,
): Promise<Uint8Array> {
  const expected = files.find(({ name }) => name === file);
  if (!expected) throw new CheckpointError(`${MANIFEST} does not list ${file}`);
  const bytes = await folder.read(`${path}/${file}`);
  if (bytes.length !== expected.bytes) {
    throw new CheckpointError(`${file} has ${bytes.length} bytes, expected ${expected.bytes}`);
  }
  if ((await sha256(bytes)) !== expected.sha256) {
    throw new CheckpointError(`${file}: its SHA-256 differs from the manifest's`);
  }
  return bytes;
}

function parseObject(bytes: Uint8Array, what: string): JsonObject {
  const parsed = parseJson(decodeUtf8(bytes, what), { what });
  if (!(parsed instanceof Map)) throw new CheckpointError(`${what}: not an object`);
  return toPlain(parsed) as JsonObject;
}

function requireConfig({ path, config }: Checkpoint, given: object): void {
  const wanted = toPlain(parseJson(formatJson(given, 'config'), { what: 'config' }));
  const differences = differencesOf(config, wanted, '');
  if (differences.length === 0) return;
  throw new CheckpointError(
    `${path} is of another configuration: ${differences.join('; ')}. Resume with its settings, or start a new run`,
  );
}

/** One line for each entry that differs, `optimizer.lr is 0.001 in the checkpoint, 0.01 now`. */
function differencesOf(saved: Json | undefined, now: Json | undefined, path: string): string[] {
  if (isObject(saved) && isObject(now)) {
    const keys = [...new Set([...Object.keys(saved), ...Object.keys(now)])].sort();
    return keys.flatMap((key) =>
      differencesOf(own(saved, key), own(now, key), path ? `${path}.${key}` : key),
    );
  }
  const [before, after] = [saved, now].map((value) =>
    value === undefined ? 'absent' : formatJson(value, path, { sortKeys: true }),
  );
  return before === after ? [] : [`${path} is ${before} in the checkpoint, ${after} now`];
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
