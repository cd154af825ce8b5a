// Element types, and the typed arrays that carry them to and from the GPU.

import { DTypeError } from '../errors.ts';
import { floatToHalf, halfToFloat } from './half.ts';

/** f16 is for storage: kernels compute and accumulate in f32. Comparisons give u32. */
export type DType = 'f32' | 'f16' | 'i32' | 'u32';

/** What `tensor.data()` gives: f16 arrives as the Float32Array of the same values. */
export type DataOf<T extends DType = DType> = T extends 'i32'
  ? Int32Array
  : T extends 'u32'
    ? Uint32Array
    : Float32Array;

export const BYTES: { readonly [T in DType]: number } = { f32: 4, f16: 2, i32: 4, u32: 4 };

export const isFloat = (dtype: DType): boolean => dtype === 'f32' || dtype === 'f16';

/** The bytes to upload, padded to a multiple of 4. */
export function encode(values: ArrayLike<number>, dtype: DType): Uint8Array<ArrayBuffer> {
  const buffer = new ArrayBuffer(Math.ceil((values.length * BYTES[dtype]) / 4) * 4);
  if (dtype === 'f32') new Float32Array(buffer).set(values);
  else if (dtype === 'i32') new Int32Array(buffer).set(values);
  else if (dtype === 'u32') new Uint32Array(buffer).set(values);
  else {
    const halves = new Uint16Array(buffer);
    for (let i = 0; i < values.length; i++) halves[i] = floatToHalf(values[i]!);
  }
  return new Uint8Array(buffer);
}

/** The values in the bytes that were read back. */
export function decode<T extends DType>(buffer: ArrayBuffer, dtype: T, size: number): DataOf<T> {
  return decoders[dtype](buffer, size) as DataOf<T>;
}

const decoders: { readonly [T in DType]: (buffer: ArrayBuffer, size: number) => DataOf } = {
  f32: (buffer, size) => new Float32Array(buffer, 0, size),
  i32: (buffer, size) => new Int32Array(buffer, 0, size),
  u32: (buffer, size) => new Uint32Array(buffer, 0, size),
  f16: (buffer, size) => Float32Array.from(new Uint16Array(buffer, 0, size), halfToFloat),
};

/** The type in which a kernel's parameter carries a number to a tensor of the type. */
export const CARRIER: { readonly [T in DType]: 'f32' | 'i32' | 'u32' } = {
  f32: 'f32',
  f16: 'f32',
  i32: 'i32',
  u32: 'u32',
};

/** The bits of a number in the carrier of a type. @throws DTypeError for one that the type cannot hold. */
export function scalarBits(op: string, value: number, dtype: DType): number {
  const carrier = CARRIER[dtype];
  const array = { f32: Float32Array, i32: Int32Array, u32: Uint32Array }[carrier].of(value);
  if (carrier !== 'f32' && array[0] !== value) {
    throw new DTypeError(`${op}: ${value} is no ${dtype}; cast() the tensor to f32 first`);
  }
  return new Uint32Array(array.buffer)[0]!;
}
