// Rows along one axis of a dense tensor, for the kernels that take (outer, cols, inner).

import { resolveAxis, type Shape, sizeOf } from '../tensor/shape.ts';
import { WORKGROUP } from './launch.ts';

/** The elements along an axis form a row: cols of them, inner apart. */
export interface Rows {
  readonly axis: number;
  /** How many rows: the elements on the other axes. */
  readonly rows: number;
  readonly cols: number;
  readonly inner: number;
  /** A thread takes a whole row: rows are short, or lie across memory and are many. Else a workgroup takes one. */
  readonly perThread: boolean;
  readonly workgroups: number;
}

/** Up to this length a row is read faster by one thread than by a workgroup that has to reduce. */
const SHORT_ROW = 32;

export function rowsAlong(op: string, shape: Shape, axis: number): Rows {
  const at = resolveAxis(op, axis, shape.length);
  const cols = shape[at]!;
  const inner = sizeOf(shape.slice(at + 1));
  const rows = sizeOf(shape.slice(0, at)) * inner;
  const perThread = cols <= SHORT_ROW || (inner > 1 && rows >= cols);
  const workgroups = perThread ? Math.ceil(rows / WORKGROUP) : rows;
  return { axis: at, rows, cols, inner, perThread, workgroups };
}
