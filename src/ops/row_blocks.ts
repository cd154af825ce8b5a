// Tensors over the adapter's binding limit, cut into blocks of rows that it can bind.

import { BYTES } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Rows from `first` on: a view [count, cols] of the tensor's memory, outside the tape. */
export interface RowBlock {
  readonly view: Tensor;
  readonly first: number;
  readonly count: number;
}

const BINDING_ALIGN = 256; // bytes

/**
 * A dense tensor, seen as rows of its last axis, in blocks that start where a binding may and fit the limit;
 * one block if the tensor fits as it is. The caller disposes the views.
 */
export function rowBlocks(x: Tensor): RowBlock[] {
  const cols = x.shape.at(-1)!;
  const rows = cols === 0 ? 0 : x.size / cols;
  const limit = x.runtime.gpu.limits.maxStorageBufferBindingSize;
  const rowBytes = cols * BYTES[x.dtype];
  // The fewest rows whose bytes are a multiple of the alignment.
  const step = BINDING_ALIGN / greatestCommonDivisor(rowBytes, BINDING_ALIGN);
  const fitting = Math.max(step, Math.floor(limit / rowBytes / step) * step);
  const most = rows * rowBytes <= limit ? rows : fitting;
  const blocks: RowBlock[] = [];
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    const view = x.alias([count, cols], [cols, 1], x.offset + first * cols);
    blocks.push({ view, first, count });
  }
  return blocks;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
