// idx, the format of MNIST and the data sets made like it:
//
//   0 | 0 | type | number of axes | each axis's length, u32 big-endian | the elements, row-major
//
// Read are unsigned bytes (type 8), which all of these data sets hold; the file may be packed by gzip.

import { DataError } from '../errors.ts';

export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Types of the format, by the third byte. */
const TYPES: Readonly<Record<number, string>> = {
  8: 'unsigned bytes',
  9: 'signed bytes',
  11: '16-bit integers',
  12: '32-bit integers',
  13: 'float32',
  14: 'float64',
};
const UNSIGNED_BYTES = 8;

/**
 * Reads a whole file, packed or not.
 * @param what names the file in errors
 * @param options `maximumBytes` bounds what gzip unpacks to, which nothing tells before; default 2^28, MNIST has 47 MB
 * @throws DataError for a header that is not of the format, another type, and a file that is longer or shorter than its
 *   header says
 */
export async function readIdx(
  bytes: Uint8Array,
  what = 'idx',
  { maximumBytes = 1 << 28 }: { readonly maximumBytes?: number } = {},
): Promise<IdxArray> {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return parse(isPacked ? await unpacked(bytes, what, maximumBytes) : bytes, what);
}

function parse(bytes: Uint8Array, what: string): IdxArray {
  const refuse = (why: string): never => {
    throw new DataError(`${what}: ${why}`);
  };
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) {
    refuse('not an idx file: it does not begin with two zero bytes, a type and a number of axes');
  }
  const [type, rank] = [bytes[2]!, bytes[3]!];
  if (type !== UNSIGNED_BYTES) {
    const known = TYPES[type];
    refuse(known ? `holds ${known}; only unsigned bytes are read` : `no idx file has type ${type}`);
  }
  const start = 4 + 4 * rank;
  if (rank === 0 || bytes.length < start) {
    refuse(`${rank} axes in a file of ${bytes.length} bytes; the header is cut off, or no header`);
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, start);
  const shape = Array.from({ length: rank }, (_, axis) => header.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, length) => product * length, 1);
  const data = bytes.subarray(start);
  if (data.length !== size) {
    refuse(
      `[${shape.join(', ')}] takes ${size} bytes after the header, the file has ${data.length}`,
    );
  }
  return { shape, data };
}

async function unpacked(
  bytes: Uint8Array,
  what: string,
  maximumBytes: number,
): Promise<Uint8Array> {
  const packed = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (const reader = packed.pipeThrough(new DecompressionStream('gzip')).getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      length += value.length;
      if (length <= maximumBytes) continue;
      await reader.cancel();
      throw new DataError(`${what}: unpacks to more than ${maximumBytes} bytes`);
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${what}: the gzip file is damaged or cut off`, { cause });
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
