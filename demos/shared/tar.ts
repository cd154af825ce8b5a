// Folders as tar files (POSIX ustar): what leaves the browser is one file, which `tar -xf` makes a run's folder of again. A
// Blob is put together of other Blobs, so that no file is read into memory.

const BLOCK = 512;
/** Bytes of a file that is opened: more is no run of ours. */
const LARGEST_FILE = 4 * 2 ** 30;

export interface PackedBlob {
  /** Relative, with `/`. */
  readonly path: string;
  readonly content: Blob;
}

/** @throws RangeError for a path over 100 bytes, or one that is not ASCII */
export function packTar(files: readonly PackedBlob[]): Blob {
  const parts = files.flatMap(({ path, content }) => [
    header(path, content.size),
    content,
    new Uint8Array((BLOCK - (content.size % BLOCK)) % BLOCK),
  ]);
  return new Blob([...parts, new Uint8Array(2 * BLOCK)], { type: 'application/x-tar' });
}

function header(path: string, size: number): Uint8Array<ArrayBuffer> {
  if (path.length > 100 || !/^[\x20-\x7e]+$/.test(path))
    throw new RangeError(`${path} cannot be packed: expected up to 100 ASCII characters`);
  const block = new Uint8Array(BLOCK);
  const write = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  write(path, 0);
  write(`${octal(0o644, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100); // mode, owner, group
  write(`${octal(size, 11)}\0${octal(0, 11)}\0`, 124); // size, time
  write('0', 156); // a plain file
  write('ustar\x0000', 257);
  write(`${octal(checksum(block), 6)}\0 `, 148);
  return block;
}

/** The sum of the header's bytes, its own field counted as spaces. */
function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
}

/** The plain files of an archive. @throws Error that says what is wrong with it */
export async function readTar(archive: Blob, name: string): Promise<PackedBlob[]> {
  const files: PackedBlob[] = [];
  for (let at = 0; at + BLOCK <= archive.size; ) {
    const block = new Uint8Array(await archive.slice(at, at + BLOCK).arrayBuffer());
    if (block.every((byte) => byte === 0)) return files;
    const { path, size, plain } = parseHeader(block, name);
    const end = at + BLOCK + size;
    if (end > archive.size) throw new Error(`${name} is cut off: ${path} is not whole`);
    if (plain) files.push({ path, content: archive.slice(at + BLOCK, end) });
    at = at + BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  if (files.length > 0) throw new Error(`${name} is cut off: its end is missing`);
  throw new Error(`${name} is not a tar file, or an empty one`);
}

function parseHeader(block: Uint8Array, name: string) {
  const text = (from: number, length: number) =>
    new TextDecoder()
      .decode(block.subarray(from, from + length))
      .replace(/\0.*$/s, '')
      .trim();
  const octal = (from: number, length: number) => Number.parseInt(text(from, length), 8);
  const size = octal(124, 12);
  if (octal(148, 8) !== checksum(block) || !(size >= 0 && size <= LARGEST_FILE))
    throw new Error(`${name} is not a tar file, or is damaged`);
  const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
  const path = (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`).replace(/^\.\//, '');
  return { path, size, plain: block[156] === 0x30 || block[156] === 0 };
}
