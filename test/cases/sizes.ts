// The sizes and values at which kernels break: around the widths of subgroups, workgroups and vectors, empty,
// over the grid's limit; and floats at the ends of f32's range.

/** One axis: empty, one element, and around the powers of two that workgroups are made of. */
export const LENGTHS = [0, 1, 3, 31, 33, 63, 65, 127, 257, 1025];

/** One element more than 65,535 workgroups of 64, the grid's limit along one axis. */
export const OVER_THE_GRID = 65_535 * 64 + 1;

export const MAX_F32 = 3.4028234663852886e38;

/** Both signs of: zero, tiny, subnormal, where exp over- and underflows, f16's largest, and the largest of all. */
export const EXTREMES = [0, 1, 1e-6, 1e-38, 20, 88, 89, 1e4, 65504, 1e30, MAX_F32].flatMap((v) => [
  v,
  -v,
]);

export const describeShape = (shape: readonly number[]) => `[${shape.join(', ')}]`;
