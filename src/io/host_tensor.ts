// A named array outside the GPU: what files hold and what is uploaded or read back.

// Highest alignment first, and the order within equal sizes that Hugging Face's writer has: it orders the tensors.
export const ELEMENT_TYPES = {
  u64: { code: 'U64', array: BigUint64Array },
  i64: { code: 'I64', array: BigInt64Array },
  f64: { code: 'F64', array: Float64Array },
  f32: { code: 'F32', array: Float32Array },
  u32: { code: 'U32', array: Uint32Array },
  i32: { code: 'I32', array: Int32Array },
  bf16: { code: 'BF16', array: Uint16Array }, // its bits
  f16: { code: 'F16', array: Uint16Array }, // its bits
  u16: { code: 'U16', array: Uint16Array },
  i16: { code: 'I16', array: Int16Array },
  i8: { code: 'I8', array: Int8Array },
  u8: { code: 'U8', array: Uint8Array },
  bool: { code: 'BOOL', array: Uint8Array }, // one byte each, 0 or 1
} as const;

export type HostDType = keyof typeof ELEMENT_TYPES;

/** A named array outside the GPU. */
export interface HostTensor {
  readonly dtype: HostDType;
  readonly shape: readonly number[];
  /** Row-major elements in the typed array of the dtype; f16 and bf16 as their bits in a Uint16Array. */
  readonly data: ArrayBufferView;
}

export const DTYPES = Object.keys(ELEMENT_TYPES) as HostDType[];

/** Bytes of one element. */
export function elementBytes(dtype: HostDType): number {
  return ELEMENT_TYPES[dtype].array.BYTES_PER_ELEMENT;
}

// A float is NaN or infinite where all bits of its exponent are set: on bits, as everywhere in this project.
const EXPONENTS: Partial<Record<HostDType, { mask: number; bytes: 2 | 4 | 8 }>> = {
  f16: { mask: 0x7c00, bytes: 2 },
  bf16: { mask: 0x7f80, bytes: 2 },
  f32: { mask: 0x7f800000, bytes: 4 },
  f64: { mask: 0x7ff00000, bytes: 8 }, // of the upper half
};

/** The first element that is NaN or infinite, or -1. */
export function indexOfNonFinite({ dtype, data }: HostTensor): number {
  const exponent = EXPONENTS[dtype];
  if (!exponent) return -1;
  const { mask, bytes } = exponent;
  const words =
    bytes === 2
      ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
      : new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  const wordsPerElement = bytes === 8 ? 2 : 1;
  for (let i = wordsPerElement - 1; i < words.length; i += wordsPerElement) {
    if ((words[i]! & mask) === mask) return Math.floor(i / wordsPerElement);
  }
  return -1;
}
