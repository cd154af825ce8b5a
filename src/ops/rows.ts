// Rows along one axis of a dense tensor, for the kernels that take (outer, cols, inner).

import type { Constants } from '../gpu/wgsl.ts';
import { resolveAxis, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { lanesFor, WORKGROUP } from './launch.ts';

/** The elements along an axis form a row: cols of them, inner apart. */
export interface Rows {
  readonly axis: number;
  /** How many rows: the elements on the other axes. */
  readonly rows: number;
  readonly cols: number;
  readonly inner: number;
  readonly workgroups: number;
  /** Whether a thread takes a row, or a workgroup, and of how many threads: the constants of lib/rows.wgsl. */
  readonly constants: Constants;
}

/** Up to this length a row is read faster by one thread than by a workgroup that has to reduce. */
const SHORT_ROW = 32;

/** Rows of x along `axis`, which may be negative. @throws ShapeError for an axis that x does not have. */
export function rowsAlong(op: string, x: Tensor, axis: number): Rows {
  const at = resolveAxis(op, axis, x.rank);
  const cols = x.shape[at]!;
  const inner = sizeOf(x.shape.slice(at + 1));
  const rows = sizeOf(x.shape.slice(0, at)) * inner;
  const lanes = lanesFor(x.runtime);
  const short = cols <= SHORT_ROW || (inner > 1 && rows >= cols);
  // A software adapter's barriers cost more than its loads; it is busy with a few SIMD groups of rows.
  const many = x.runtime.gpu.adapter.software && rows >= 4 * lanes;
  const perThread = short || many;
  const threads = short ? WORKGROUP : lanes;
  return {
    axis: at,
    rows,
    cols,
    inner,
    workgroups: perThread ? Math.ceil(rows / threads) : rows,
    constants: { ROW_PER_THREAD: String(perThread), LANES: threads },
  };
}

/** Rows that a kernel reads in vectors: of four elements where these are adjacent and fill them, else of one. */
export interface RowVectors extends Rows {
  readonly width: 1 | 4;
}

/** Rows of x along `axis`; `constants` also has the kernel's Element. @throws ShapeError as `rowsAlong`. */
export function rowVectorsAlong(op: string, x: Tensor, axis: number): RowVectors {
  const along = rowsAlong(op, x, axis);
  const { constants } = along;
  if (along.inner > 1 || along.cols % 4 !== 0) {
    return { ...along, width: 1, constants: { ...constants, Element: x.dtype } };
  }
  const fours = { Floats: 'vec4f', FLOATS: 4, PLACES: 'vec4f(0f, 1f, 2f, 3f)' };
  return { ...along, width: 4, constants: { ...constants, ...fours, Element: `vec4<${x.dtype}>` } };
}
