// Floats in the formats that files keep them in.

import { DataError } from '../errors.ts';
import { floatToHalf, halfToFloat } from '../tensor/half.ts';
import type { HostDType, HostTensor } from './host_tensor.ts';

/** The float formats that weights are kept in. */
export type FloatType = 'f32' | 'f16' | 'bf16';

/** Their elements; f16 and bf16 as bits. */
export type FloatData = Float32Array | Uint16Array;

export interface FloatTensor extends HostTensor {
  readonly dtype: FloatType;
  readonly data: FloatData;
}

export const isFloatType = (dtype: HostDType): dtype is FloatType =>
  dtype === 'f32' || dtype === 'f16' || dtype === 'bf16';

/** The value of each half's bits; 256 KiB, made when first needed. */
const halves = () =>
  (halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => halfToFloat(bits)));
let halfTable: Float32Array | null = null;

/** The values as f32, which holds all of them exactly. */
export function toFloats({ dtype, data }: HostTensor): Float32Array {
  if (dtype === 'f32') return data as Float32Array;
  const bits = data as Uint16Array;
  const floats = new Float32Array(bits.length);
  if (dtype === 'bf16') {
    const words = new Uint32Array(floats.buffer);
    for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
    return floats;
  }
  if (dtype !== 'f16') throw new DataError(`${dtype} is no format of weights`);
  const values = halves();
  for (let i = 0; i < bits.length; i++) floats[i] = values[bits[i]!]!;
  return floats;
}

/** The values in a format, or null where it does not hold all of them exactly. */
export function fromFloats(floats: Float32Array, dtype: FloatType): FloatData | null {
  if (dtype === 'f32') return floats;
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const values = new Uint32Array(halves().buffer);
  const result = new Uint16Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    const bits = dtype === 'f16' ? floatToHalf(floats[i]!) : words[i]! >>> 16;
    const back = dtype === 'f16' ? values[bits]! : bits << 16;
    if (back >>> 0 !== words[i]) return null;
    result[i] = bits;
  }
  return result;
}

/** [rows, columns] -> [columns, rows]. */
export function transposedData<T extends FloatData>(data: T, rows: number, columns: number): T {
  const turned = new (data.constructor as new (length: number) => T)(data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j]!;
  }
  return turned;
}
