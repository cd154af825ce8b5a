// Rows of a table by their ids; its transpose, which is its gradient; and one-hot rows.

import source from '../../kernels/embedding.wgsl' with { type: 'text' };
import { ConfigError, ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { full } from './copy.ts';
import { unpackHalf } from './half_pairs.ts';
import {
  allocate,
  expectDType,
  expectShape,
  groupsFor,
  kernelFile,
  lanesFor,
  launch,
} from './launch.ts';
import { rowBlocks } from './row_blocks.ts';
import { sortedPairs } from './sort.ts';

const kernel = kernelFile('embedding', source);

/**
 * y[..., :] = weight[ids[...], :]. The gradient sums the occurrences of an id in their order: the same bits every run.
 * A weight over the adapter's binding limit is read and differentiated in blocks of rows.
 * @param weight [V, D], f32 or f16; or half precision in pairs, u32 [V, D / 2] (`packHalf`), which has no gradient.
 * @param ids [...], i32 or u32. An id out of range gives zeros, and a DataError from the next awaited call.
 * @returns [..., D]
 * @throws ShapeError or DTypeError when the arguments are not of that kind.
 */
export function embedding(weight: Tensor, ids: Tensor): Tensor {
  expectDType('embedding', 'weight', weight, 'f32', 'f16', 'u32');
  expectDType('embedding', 'ids', ids, 'i32', 'u32');
  if (weight.rank !== 2) {
    throw new ShapeError(`embedding: weight is ${format(weight.shape)}, expected [rows, width]`);
  }
  const [V, D] = weight.shape as [number, number];
  const output = allocate(weight.runtime, [...ids.shape, D], weight.dtype);
  const table = weight.runtime.dense(weight);
  for (const { view, first, count } of rowBlocks(table)) {
    launch(kernel, 'forward', {
      inputs: [view, ids],
      outputs: [output],
      params: { size: output.size, D, V, T: ids.size, firstRow: first, rows: count },
      constants: { Element: weight.dtype, Id: ids.dtype, LANES: lanesFor(weight.runtime) },
      workgroups: D > 0 ? ids.size : 0,
      fault: `embedding: an id is out of range [0, ${V})`,
    });
    view.dispose();
  }
  if (table !== weight) table.dispose();
  if (weight.dtype === 'u32') {
    using packed = output;
    return unpackHalf(packed);
  }
  return record({
    name: 'embedding',
    inputs: [weight],
    output,
    saved: [ids],
    backward: (dy, [ids]) => [scatterRows(dy, ids, V)],
  });
}

/**
 * The transpose of embedding: x[v, :] = Σ { y[..., :] : ids[...] = v }, in the order of the ids. Rows without an id are
 * 0; ids out of range are left out.
 * @param y [..., D]   @param ids [...], i32 or u32   @param V rows of the result
 * @returns [V, D]
 */
export function scatterRows(y: Tensor, ids: Tensor, V: number): Tensor {
  const D = y.shape.at(-1)!;
  expectShape('scatterRows', 'y', y, [...ids.shape, D]);
  if (y.size === 0) return full(y.runtime, [V, D], 0, y.dtype);
  using pairs = sortedPairs(ids, V);
  const output = allocate(y.runtime, [V, D], y.dtype);
  for (const { view, first, count } of rowBlocks(output)) {
    launch(kernel, 'scatter_rows', {
      inputs: [y, pairs],
      outputs: [view],
      params: { size: view.size, D, V, T: ids.size, firstRow: first, rows: count, fault: 0 },
      constants: { Element: y.dtype, LANES: lanesFor(y.runtime) },
      workgroups: count,
      flops: view.size + y.size,
    });
    view.dispose();
  }
  return record({
    name: 'scatterRows',
    inputs: [y],
    output,
    saved: [ids],
    backward: (dx, [ids]) => [embedding(dx, ids)],
  });
}

/**
 * y[..., d] = 1 where ids[...] = d, else 0; f32 [..., depth]. It has no gradient.
 * @param ids [...], i32 or u32. An id out of range gives zeros, and a DataError from the next awaited call.
 */
export function oneHot(ids: Tensor, { depth }: { depth: number }): Tensor {
  expectDType('oneHot', 'ids', ids, 'i32', 'u32');
  if (!Number.isInteger(depth) || depth < 1) {
    throw new ConfigError(`oneHot: depth is ${depth}, expected a whole number from 1 on`);
  }
  const output = allocate(ids.runtime, [...ids.shape, depth], 'f32');
  launch(kernel, 'one_hot', {
    inputs: [ids],
    outputs: [output],
    params: { size: output.size, D: 1, V: depth, T: ids.size, firstRow: 0, rows: depth },
    constants: { Id: ids.dtype },
    workgroups: groupsFor(output.size),
    fault: `oneHot: an id is out of range [0, ${depth})`,
  });
  return output;
}
