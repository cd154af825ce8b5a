// safetensors, the format of Hugging Face's weights:
//
//   u64 little-endian n | n bytes of JSON, padded with spaces | the tensors' bytes, little-endian, without gaps
//   {"__metadata__":{"format":"pt"},"wte.weight":{"dtype":"F32","shape":[377,64],"data_offsets":[0,96512]}}
//
// A file comes from outside: everything that the header says is checked before a byte of data is looked at, and
// nothing is allocated by a size that the file merely claims. Hosts are little-endian, as WebGPU's are.

import { DataError } from '../errors.ts';
import {
  DTYPES,
  ELEMENT_TYPES,
  elementBytes,
  type HostDType,
  type HostTensor,
} from './host_tensor.ts';
import {
  decodeUtf8,
  formatJson,
  type ParsedJson,
  type ParsedObject,
  parseJson,
  quoted,
} from './json.ts';

export type { HostDType, HostTensor };

/** Where a tensor lies; bytes from the beginning of the data section. */
export interface SafetensorsEntry {
  readonly dtype: HostDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: Map<string, SafetensorsEntry>;
  readonly metadata: Map<string, string>;
  /** First byte of the data section in the file. */
  readonly dataStart: number;
}

const MAX_HEADER_BYTES = 100_000_000; // as Hugging Face's reader
// Ours, to bound the work that a header can ask for. A Llama of 70 billion parameters has 723 tensors.
const MAX_TENSORS = 32_768;
const MAX_DIMENSIONS = 64; // PyTorch's
const MAX_NAME_CHARACTERS = 4_096;
const METADATA = '__metadata__';
const DTYPE_OF_CODE = new Map<ParsedJson, HostDType>(
  DTYPES.map((dtype) => [ELEMENT_TYPES[dtype].code, dtype]),
);

/**
 * Reads a whole file. Tensors come in the header's order and share memory with `bytes` where their alignment allows.
 * @param what names the file in errors
 * @throws DataError that names the tensor and the reason, for anything that the format does not allow
 */
export function readSafetensors(
  bytes: Uint8Array,
  what = 'safetensors',
): { tensors: Map<string, HostTensor>; metadata: Map<string, string> } {
  const header = parseSafetensorsHeader(bytes, { what });
  const tensors = new Map<string, HostTensor>();
  for (const [name, entry] of header.tensors) {
    const data = bytes.subarray(header.dataStart + entry.begin, header.dataStart + entry.end);
    tensors.set(name, tensorFromBytes(entry, data));
  }
  return { tensors, metadata: header.metadata };
}

/** The tensor of an entry, from exactly its bytes; they are copied only where they are not aligned. */
export function tensorFromBytes(
  { dtype, shape, begin, end }: SafetensorsEntry,
  bytes: Uint8Array,
): HostTensor {
  const { array } = ELEMENT_TYPES[dtype];
  if (bytes.length !== end - begin) {
    throw new DataError(`a tensor of ${end - begin} bytes was given ${bytes.length}`);
  }
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  const data = new array(
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    bytes.length / array.BYTES_PER_ELEMENT,
  );
  return { dtype, shape, data };
}

/**
 * The header's length in bytes from a file's first 8 bytes, checked against the file's size. With it, a reader of ranges
 * fetches 8 + length bytes for `parseSafetensorsHeader` and then the tensors that it wants.
 */
export function safetensorsHeaderLength(
  bytes: Uint8Array,
  fileBytes: number,
  what = 'safetensors',
): number {
  if (bytes.length < 8) {
    throw new DataError(
      `${what}: ${bytes.length} bytes, too short for the 8 bytes of the header's length`,
    );
  }
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (claimed > BigInt(MAX_HEADER_BYTES)) {
    throw new DataError(
      `${what}: a header of ${claimed} bytes exceeds the limit of ${MAX_HEADER_BYTES}`,
    );
  }
  const length = Number(claimed);
  if (length < 2) throw new DataError(`${what}: a header of ${length} bytes cannot hold {}`);
  if (8 + length > fileBytes) {
    throw new DataError(
      `${what}: the header should end at byte ${8 + length}, the file at ${fileBytes} (truncated?)`,
    );
  }
  return length;
}

/**
 * Parses and checks the header.
 * @param bytes the file, or its beginning up to the header's end
 * @param fileBytes the size of the whole file, which the tensors must fill exactly; default `bytes.length`
 * @throws DataError
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  { fileBytes = bytes.length, what = 'safetensors' } = {},
): SafetensorsHeader {
  const dataStart = 8 + safetensorsHeaderLength(bytes, fileBytes, what);
  if (bytes.length < dataStart) {
    throw new DataError(`${what}: ${bytes.length} bytes given, the header needs ${dataStart}`);
  }
  const text = decodeUtf8(bytes.subarray(8, dataStart), `${what}: header`);
  if (!text.startsWith('{')) throw new DataError(`${what}: the header does not begin with {`);
  if (occursMoreOften(text, '"data_offsets"', MAX_TENSORS)) {
    throw new DataError(`${what}: more than ${MAX_TENSORS} tensors`); // found in a tenth of the time that parsing takes
  }
  const parsed = parseJson(text, {
    what: `${what}: header`,
    numbers: 'naturals',
    maxDepth: 3,
    maxEntries: MAX_TENSORS,
  }) as ParsedObject;
  const tensors = new Map<string, SafetensorsEntry>();
  for (const [name, entry] of parsed) {
    if (name !== METADATA) tensors.set(name, checkEntry(name, entry, what));
  }
  checkTiling(tensors, fileBytes - dataStart, what);
  return { tensors, metadata: checkMetadata(parsed.get(METADATA), what), dataStart };
}

function occursMoreOften(text: string, word: string, times: number): boolean {
  let count = 0;
  for (let at = text.indexOf(word); at >= 0 && count <= times; at = text.indexOf(word, at + 1))
    count++;
  return count > times;
}

function checkMetadata(parsed: ParsedJson | undefined, what: string): Map<string, string> {
  if (parsed === undefined) return new Map();
  if (!(parsed instanceof Map)) throw new DataError(`${what}: ${METADATA} is not an object`);
  for (const [key, value] of parsed) {
    if (typeof value !== 'string') {
      throw new DataError(`${what}: ${METADATA} ${quoted(key)} is not a string`);
    }
  }
  return parsed as Map<string, string>;
}

function checkEntry(name: string, entry: ParsedJson, what: string): SafetensorsEntry {
  const fail = (reason: string): never => {
    throw new DataError(`${what}: tensor ${quoted(name)}: ${reason}`);
  };
  if (name.length > MAX_NAME_CHARACTERS) fail(`its name exceeds ${MAX_NAME_CHARACTERS} characters`);
  if (!(entry instanceof Map)) return fail('its entry is not an object');
  for (const key of entry.keys()) {
    if (key !== 'dtype' && key !== 'shape' && key !== 'data_offsets') {
      fail(`unknown field ${quoted(key)}`);
    }
  }
  const [code, shape, offsets] = [
    entry.get('dtype'),
    entry.get('shape'),
    entry.get('data_offsets'),
  ];
  if (code === undefined || shape === undefined || offsets === undefined) {
    return fail('needs dtype, shape and data_offsets');
  }
  const dtype = DTYPE_OF_CODE.get(code);
  if (dtype === undefined) {
    return fail(
      `dtype ${typeof code === 'string' ? quoted(code) : 'is not a string'}; known are ${[...DTYPE_OF_CODE.keys()].join(' ')}`,
    );
  }
  if (!isNaturals(shape)) return fail('shape is not a list of integers');
  if (shape.length > MAX_DIMENSIONS) fail(`${shape.length} dimensions exceed ${MAX_DIMENSIONS}`);
  if (!isNaturals(offsets) || offsets.length !== 2) {
    return fail('data_offsets are not two integers');
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) fail(`data_offsets [${begin}, ${end}] are reversed`);
  const bytes = checkedProduct([...shape, elementBytes(dtype)]);
  if (bytes === undefined) return fail(`shape [${shape}] is beyond 2^53 - 1 bytes`);
  if (bytes !== end - begin) {
    fail(
      `shape [${shape}] of ${code} takes ${bytes} bytes, data_offsets [${begin}, ${end}] hold ${end - begin}`,
    );
  }
  return { dtype, shape, begin, end };
}

function isNaturals(value: ParsedJson): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}

/** The product, or undefined where it or a part of it leaves the exact integers. */
function checkedProduct(factors: readonly number[]): number | undefined {
  let product = 1;
  for (const factor of factors) {
    if (factor !== 0 && product > Number.MAX_SAFE_INTEGER / factor) return undefined;
    product *= factor;
  }
  return product;
}

/** By offset, tensors follow one another from 0 to the last byte: overlaps would make a small file a big one. */
function checkTiling(
  tensors: Map<string, SafetensorsEntry>,
  dataBytes: number,
  what: string,
): void {
  const byOffset = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [name, { begin, end }] of byOffset) {
    if (begin !== covered) {
      const fault = begin < covered ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new DataError(
        `${what}: tensor ${quoted(name)}: begins at byte ${begin} and ${fault}, which ends at ${covered}`,
      );
    }
    if (end > dataBytes) {
      throw new DataError(
        `${what}: tensor ${quoted(name)}: ends at byte ${end} of ${dataBytes} (truncated?)`,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new DataError(`${what}: ${dataBytes - covered} bytes after the last tensor`);
  }
}

/**
 * Writes a file, byte for byte as Hugging Face's library does: tensors by alignment and dtype, then by name;
 * metadata by key.
 * @throws DataError for data that does not fit its shape, and for names that cannot be read back
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  if (tensors.size >= MAX_TENSORS) {
    throw new DataError(`writeSafetensors: ${tensors.size} tensors exceed ${MAX_TENSORS - 1}`);
  }
  const ordered = [...tensors].sort(
    ([a, { dtype: left }], [b, { dtype: right }]) =>
      DTYPES.indexOf(left) - DTYPES.indexOf(right) || byCodePoint(a, b),
  );
  const entries: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => byCodePoint(a, b));
    const members = pairs.map((pair) => pair.map((part) => formatJson(part, METADATA)).join(':'));
    entries.push(`"${METADATA}":{${members.join(',')}}`);
  }
  let dataBytes = 0;
  for (const [name, tensor] of ordered) {
    checkWritable(name, tensor);
    const end = dataBytes + tensor.data.byteLength;
    const key = formatJson(name, `writeSafetensors: the name ${quoted(name)}`);
    entries.push(
      `${key}:{"dtype":"${ELEMENT_TYPES[tensor.dtype].code}","shape":[${tensor.shape}],"data_offsets":[${dataBytes},${end}]}`,
    );
    dataBytes = end;
  }
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, 8, 8 + headerBytes);
  file.set(json, 8);
  let at = 8 + headerBytes;
  for (const [, { data }] of ordered) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

function checkWritable(name: string, { dtype, shape, data }: HostTensor): void {
  const fail = (reason: string): never => {
    throw new DataError(`writeSafetensors: tensor ${quoted(name)}: ${reason}`);
  };
  if (name === METADATA || name.length > MAX_NAME_CHARACTERS) fail('this name cannot be read back');
  const { array } = ELEMENT_TYPES[dtype];
  if (!(data instanceof array)) fail(`the data of ${dtype} is not a ${array.name}`);
  if (shape.length > MAX_DIMENSIONS) fail(`${shape.length} dimensions exceed ${MAX_DIMENSIONS}`);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    fail(`shape [${shape}] is not a list of sizes`);
  }
  const bytes = checkedProduct([...shape, elementBytes(dtype)]);
  if (bytes !== data.byteLength) {
    fail(`shape [${shape}] of ${dtype} takes ${bytes} bytes, the data has ${data.byteLength}`);
  }
}

/** The order of UTF-8 bytes, which JavaScript's `<` on UTF-16 is not. */
function byCodePoint(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  // Inside a pair, the whole code point decides.
  const isLow = (code: number) => code >= 0xdc00 && code < 0xe000;
  if (i > 0 && (isLow(a.charCodeAt(i)) || isLow(b.charCodeAt(i)))) i--;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}
