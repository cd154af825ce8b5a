// idx files of unsigned bytes, as MNIST's.

/** A header for the shape, and the values. */
export function idxFile(shape: readonly number[], values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  bytes.set([0, 0, 8, shape.length]);
  const header = new DataView(bytes.buffer);
  for (const [axis, length] of shape.entries()) header.setUint32(4 + 4 * axis, length);
  bytes.set(Uint8Array.from(values), 4 + 4 * shape.length);
  return bytes;
}
