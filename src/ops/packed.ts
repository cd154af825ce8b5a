// Frozen weights in u32 tensors, on any adapter: halves in pairs, or bytes in fours with a scale per row. They have no
// gradient.

import source from '../../kernels/packed.wgsl' with { type: 'text' };
import { DataError, DTypeError, ShapeError } from '../errors.ts';
import { floatToBfloat, floatToHalf } from '../tensor/half.ts';
import { format, type Shape, sizeOf } from '../tensor/shape.ts';
import type { PackedType, Runtime, Tensor } from '../tensor/tensor.ts';
import { allocate, groupsFor, kernelFile, launch } from './launch.ts';
import { rowBlocks } from './row_blocks.ts';

const kernel = kernelFile('packed', source);

/** Words at the end of a row of bytes, of which the first holds the scale: four, so that rows start on vectors. */
const TAIL = 4;
/** The largest byte: the range is symmetric. */
const LARGEST = 127;

/**
 * Values rounded on the CPU (GPUs differ in how they round), and kept in u32 words along the last axis:
 * - 'f16', 'bf16': halves, [..., n] -> u32 [..., n / 2].
 * - 'int8': w = scale q with q from -127 to 127 and scale = max |w| / 127 of the row, so that no value moves by more than
 *   half its row's scale: [..., n] -> u32 [..., n / 4 + 4].
 *
 * `linear`, `loraLinear`, `embedding` and `linearCrossEntropy` take such weights as they are.
 * @throws ShapeError when the last axis is no multiple of 2, for bytes of 16; DataError for a row of bytes that is not finite.
 */
export function packWeight(
  runtime: Runtime,
  values: ArrayLike<number>,
  shape: Shape,
  type: PackedType = 'f16',
): Tensor {
  if (sizeOf(shape) !== values.length) {
    throw new ShapeError(`packWeight: ${values.length} values do not fill ${format(shape)}`);
  }
  const packed = allocatePacked(runtime, shape, type);
  packed.write(packedWords('packWeight', values, shape.at(-1) ?? 1, type));
  return packed;
}

/** Whether rows of that length can be packed. */
export function packsInto(shape: Shape, type: PackedType): boolean {
  return (shape.at(-1) ?? 1) % multipleOf(type) === 0;
}

const multipleOf = (type: PackedType) => (type === 'int8' ? 16 : 2);

/** Room for `shape` [..., n] in the words of its type. */
export function allocatePacked(runtime: Runtime, shape: Shape, type: PackedType): Tensor {
  if (!packsInto(shape, type)) {
    throw new ShapeError(
      `packWeight: the last axis of ${format(shape)} must be a multiple of ${multipleOf(type)}`,
    );
  }
  const n = shape.at(-1) ?? 1;
  const words = type === 'int8' ? n / 4 + TAIL : n / 2;
  const packed = allocate(runtime, [...shape.slice(0, -1), words], 'u32');
  packed.storage.packed = type;
  return packed;
}

/** The words of whole rows of n values. @throws DataError, that begins with `what`, for bytes of what is not finite. */
export function packedWords(
  what: string,
  values: ArrayLike<number>,
  n: number,
  type: PackedType,
): Uint32Array {
  if (type === 'int8') return rowsOfBytes(what, values, n);
  const bits = type === 'f16' ? floatToHalf : floatToBfloat;
  const pairs = new Uint32Array(values.length / 2);
  for (let i = 0; i < pairs.length; i++) {
    pairs[i] = bits(values[2 * i]!) | (bits(values[2 * i + 1]!) << 16);
  }
  return pairs;
}

// scale = max |w| / 127     q = round(w / scale)
function rowsOfBytes(what: string, values: ArrayLike<number>, n: number): Uint32Array {
  const rows = values.length / n;
  const rowBytes = n + 4 * TAIL;
  const view = new DataView(new ArrayBuffer(rows * rowBytes));
  for (let row = 0; row < rows; row++) {
    let largest = 0;
    for (let i = row * n; i < (row + 1) * n; i++) largest = Math.max(largest, Math.abs(values[i]!));
    if (!Number.isFinite(largest))
      throw new DataError(`${what}: ${largest} cannot be rounded to 8 bits`);
    const scale = Math.fround(largest / LARGEST);
    for (let i = 0; i < n; i++) {
      const q = scale === 0 ? 0 : Math.round(values[row * n + i]! / scale);
      view.setInt8(row * rowBytes + i, Math.max(-LARGEST, Math.min(LARGEST, q)));
    }
    view.setFloat32(row * rowBytes + n, scale, true);
  }
  return new Uint32Array(view.buffer);
}

/** What the words are. @throws DTypeError for a tensor that was not made by `packWeight`. */
export function packedType(op: string, x: Tensor): PackedType {
  const { packed } = x.storage;
  if (x.dtype === 'u32' && packed) return packed;
  throw new DTypeError(
    `${op}: a ${x.dtype} tensor ${format(x.shape)} holds no packed weight; make it with packWeight`,
  );
}

/** The shape of a weight as its user sees it: [..., n], packed or not. */
export function weightShape(x: Tensor): Shape {
  const words = x.shape.at(-1) ?? 1;
  if (x.dtype !== 'u32') return x.shape;
  return [...x.shape.slice(0, -1), x.storage.packed === 'int8' ? 4 * (words - TAIL) : 2 * words];
}

/** The values of a packed weight in f32 [..., n]. @throws DTypeError for a tensor that was not made by `packWeight`. */
export function unpackWeight(x: Tensor): Tensor {
  const type = packedType('unpackWeight', x);
  const words = x.shape.at(-1)!;
  const table = x.runtime.dense(x);
  const y = allocate(x.runtime, weightShape(x), 'f32');
  for (const { view, first, count } of rowBlocks(y)) {
    using rows = table.alias([count, words], [words, 1], table.offset + first * words);
    unpackRows(view, rows, type);
    view.dispose();
  }
  if (table !== x) table.dispose();
  return y;
}

function unpackRows(y: Tensor, rows: Tensor, type: PackedType): void {
  const perRow = rows.shape[1]! / 4 - 1; // of bytes
  // Loads of four words: 2.2 times as fast for halves and 5.7 for bfloat16 as loads of one, on lavapipe.
  const inFours = rows.size % 4 === 0;
  const [entry, threads] =
    type === 'int8'
      ? ['unpack_bytes', rows.shape[0]! * perRow]
      : [inFours ? 'unpack_fours' : 'unpack', inFours ? rows.size / 4 : rows.size];
  launch(kernel, entry, {
    inputs: [rows],
    outputs: [y],
    params: { threads, perRow: Math.max(0, Math.floor(perRow)) },
    constants: { WEIGHT: `WEIGHT_${type.toUpperCase()}` },
    workgroups: groupsFor(threads),
  });
}
