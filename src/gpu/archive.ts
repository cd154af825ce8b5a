// Unpacks what the npm package @sparticuz/chromium carries (brotli, tar) into a cache folder of the user.

import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { DataError, DeviceError } from '../errors.ts';

export interface NpmPackage {
  /** The folder that holds its package.json. */
  readonly folder: string;
  readonly version: string;
}

export interface PackedFile {
  /** Relative, with forward slashes, never outside the archive's folder. */
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** The installed @sparticuz/chromium, an optional dependency; null if it is not there. */
export function chromiumPackage(): NpmPackage | null {
  let folder: string;
  try {
    folder = dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium'));
  } catch {
    return null;
  }
  // Its "exports" hide package.json, so the entry's parents are searched for it.
  while (!existsSync(join(folder, 'bin'))) {
    if (dirname(folder) === folder) return null;
    folder = dirname(folder);
  }
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return { folder, version };
}

/** The bytes of a brotli-compressed file. */
export async function readBrotli(path: string): Promise<Uint8Array> {
  return promisify(brotliDecompress)(await readFile(path));
}

const BLOCK = 512; // bytes: a tar header, and the unit that contents are padded to

/** The regular files of a tar archive (ustar). Throws `DataError` on damage, links, and paths that lead outside. */
export function* tarFiles(archive: Uint8Array): Generator<PackedFile> {
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0; ) {
    const header = archive.subarray(at, at + BLOCK);
    const path = [tarText(header, 345, 155), tarText(header, 0, 100)].filter(Boolean).join('/');
    const size = tarOctal(header, 124, 12);
    const kind = tarText(header, 156, 1) || '0';
    checkTarHeader(header, path, kind);
    const bytes = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (bytes.length !== size) {
      throw new DataError(`tar: ${path} has ${size} bytes, the archive ends after ${bytes.length}`);
    }
    if (kind === '0') yield { path, mode: tarOctal(header, 100, 8) & 0o755, bytes };
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
}

function checkTarHeader(header: Uint8Array, path: string, kind: string): void {
  // The checksum counts its own eight bytes as spaces.
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (sum !== tarOctal(header, 148, 8)) throw new DataError(`tar: damaged header of ${path}`);
  if (path.startsWith('/') || path.split('/').includes('..')) {
    throw new DataError(`tar: ${path} leads outside the archive`);
  }
  if (kind !== '0' && kind !== '5') {
    throw new DataError(`tar: ${path} is of type ${kind}; expected a file (0) or a folder (5)`);
  }
}

function tarText(header: Uint8Array, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function tarOctal(header: Uint8Array, start: number, length: number): number {
  const digits = tarText(header, start, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw new DataError(`tar: '${digits}' is no octal number`);
  return Number.parseInt(digits, 8);
}

/**
 * A folder `name` in the user's cache with all of `needed` in it. If one is missing, `files` is asked for everything.
 * Each file is written beside its place, synced and renamed, so that a file that is there is whole, several processes
 * can do this at once, and what a cleaner of temporary folders took away comes back.
 */
export async function cached(
  name: string,
  needed: readonly string[],
  files: () => AsyncIterable<PackedFile>,
): Promise<string> {
  const folder = join(await cacheRoot(), name);
  if (needed.every((path) => existsSync(join(folder, path)))) return folder;
  for await (const file of files()) await writeWhole(join(folder, file.path), file);
  return folder;
}

async function writeWhole(path: string, { bytes, mode }: PackedFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${randomUUID()}`;
  try {
    const file = await open(unfinished, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** The user's cache folder, else a folder of the user's own among the temporary files. */
async function cacheRoot(): Promise<string> {
  const places = [
    // A user without a name in the system and without HOME has no home folder: homedir() throws.
    () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shadegrad'),
    () => join(tmpdir(), `shadegrad-${process.getuid?.()}`),
  ];
  const tried: unknown[] = [];
  for (const place of places) {
    try {
      const folder = place();
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await checkOwner(folder);
      return folder;
    } catch (error) {
      tried.push(error);
    }
  }
  throw new DeviceError(
    `no cache folder could be made (${tried.join('; ')}); set XDG_CACHE_HOME to a folder that can be written`,
  );
}

/** Libraries are loaded from here, so nobody else may be able to put one there. */
async function checkOwner(folder: string): Promise<void> {
  const found = await lstat(folder);
  const own = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
  if (!own) throw new Error(`${folder} can be written by other users`);
  // On a full or read-only file system the folder may exist and still take no files.
  const probe = join(folder, randomUUID());
  await mkdir(probe);
  await rm(probe, { recursive: true });
}
