// Unpacks what the npm package @sparticuz/chromium carries (brotli, tar) into the user's cache folder.

import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { DataError } from '../errors.ts';
import { cacheRoot, writeWhole } from './store_node.ts';

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
  for await (const file of files())
    await writeWhole(join(folder, file.path), file.bytes, file.mode);
  return folder;
}
