// The manifest of a checkpoint: written last, it says which bytes make the checkpoint whole.
//
//   {"version":1,"serial":7,"step":120,"best":false,
//    "files":[{"name":"model.safetensors","bytes":714248,"sha256":"…"},…],"sha256":"…"}
//
// `serial` counts the saves of a run: it tells which is the latest, also after a run went back to an earlier step.
// The last `sha256` is that of the manifest itself without it.

import { CheckpointError } from '../errors.ts';
import type { Folder } from './folder.ts';
import { decodeUtf8, formatJson, type ParsedObject, parseJson, toPlain } from './json.ts';

export const CHECKPOINTS = 'checkpoints';
export const MANIFEST = 'manifest.json';
const VERSION = 1;
const CHECKPOINT_NAME = /^step-\d{6,}(?:\.\d+)?$/;

export interface FileDigest {
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

export interface Manifest {
  readonly serial: number;
  readonly step: number;
  readonly best: boolean;
  readonly files: readonly FileDigest[];
}

/** A checkpoint's folder; `fault` says why its manifest cannot be used. */
export type FoundCheckpoint =
  | { readonly name: string; readonly manifest: Manifest; readonly fault?: undefined }
  | { readonly name: string; readonly manifest?: undefined; readonly fault: string };

export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export async function sha256OfText(text: string): Promise<string> {
  return sha256(new TextEncoder().encode(text));
}

export async function formatManifest({ serial, step, best, files }: Manifest): Promise<string> {
  const body = { version: VERSION, serial, step, best, files };
  return formatJson({ ...body, sha256: await sha256OfText(formatJson(body, MANIFEST)) }, MANIFEST);
}

/** @throws CheckpointError or DataError for a manifest that is not exactly as it was written */
export async function parseManifest(bytes: Uint8Array): Promise<Manifest> {
  const parsed = parseJson(decodeUtf8(bytes, MANIFEST), {
    what: MANIFEST,
    numbers: 'naturals',
    maxDepth: 3,
  });
  if (!(parsed instanceof Map)) throw new CheckpointError(`${MANIFEST}: not an object`);
  const own = parsed.get('sha256');
  parsed.delete('sha256');
  if (own !== (await sha256OfText(formatJson(toPlain(parsed), MANIFEST)))) {
    throw new CheckpointError(`${MANIFEST}: its SHA-256 differs from the one it holds`);
  }
  if (parsed.get('version') !== VERSION) {
    throw new CheckpointError(
      `${MANIFEST}: version ${parsed.get('version')}, this program reads ${VERSION}`,
    );
  }
  return checkManifest(parsed);
}

// The hash shows that nothing changed by accident; a forged manifest must still not give a value of another type.
function checkManifest(parsed: ParsedObject): Manifest {
  const [serial, step, best] = [parsed.get('serial'), parsed.get('step'), parsed.get('best')];
  const list = parsed.get('files');
  if (typeof serial !== 'number' || typeof step !== 'number' || typeof best !== 'boolean') {
    throw new CheckpointError(`${MANIFEST}: serial, step or best is missing`);
  }
  if (!Array.isArray(list)) throw new CheckpointError(`${MANIFEST}: files is missing`);
  return { serial, step, best, files: list.map(checkDigest) };
}

function checkDigest(entry: unknown): FileDigest {
  if (entry instanceof Map) {
    const [name, bytes, sha256] = [entry.get('name'), entry.get('bytes'), entry.get('sha256')];
    if (typeof name === 'string' && typeof bytes === 'number' && typeof sha256 === 'string') {
      return { name, bytes, sha256 };
    }
  }
  throw new CheckpointError(`${MANIFEST}: an entry of files is not { name, bytes, sha256 }`);
}

/** The checkpoints of a run, the latest save first, before them those whose manifest cannot be used. */
export async function findCheckpoints(folder: Folder): Promise<FoundCheckpoint[]> {
  const found: FoundCheckpoint[] = [];
  for (const name of await folder.list(CHECKPOINTS)) {
    if (CHECKPOINT_NAME.test(name) && !(await isUnfinished(folder, name)))
      found.push(await find(folder, name));
  }
  const serial = ({ manifest }: FoundCheckpoint) => manifest?.serial ?? Number.POSITIVE_INFINITY;
  return found.sort((a, b) => (serial(a) < serial(b) ? 1 : -1));
}

async function find(folder: Folder, name: string): Promise<FoundCheckpoint> {
  try {
    return {
      name,
      manifest: await parseManifest(await folder.read(`${CHECKPOINTS}/${name}/${MANIFEST}`)),
    };
  } catch (error) {
    return { name, fault: (error as Error).message };
  }
}

/** What a save that did not finish has left behind. */
export async function findUnfinished(folder: Folder): Promise<string[]> {
  const unfinished: string[] = [];
  for (const name of await folder.list(CHECKPOINTS)) {
    const ours = CHECKPOINT_NAME.test(name.replace(/\.tmp$/, ''));
    if (ours && (await isUnfinished(folder, name))) unfinished.push(name);
  }
  return unfinished;
}

// Where folders can be renamed, a checkpoint gets its name when it is whole: one without a manifest was damaged.
async function isUnfinished(folder: Folder, name: string): Promise<boolean> {
  if (name.endsWith('.tmp')) return true;
  return !folder.rename && !(await folder.exists(`${CHECKPOINTS}/${name}/${MANIFEST}`));
}
