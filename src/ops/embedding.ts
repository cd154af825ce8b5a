// Rows of a table by their ids; its transpose, which is its gradient; and one-hot rows.

import source from '../../kernels/embedding.wgsl' with { type: 'text' };
import { ConfigError, ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { full } from './copy.ts';
import {
  allocate,
  expectDType,
  expectShape,
  groupsFor,
  kernelFile,
  lanesFor,
  launch,
} from './launch.ts';
import { packedType, unpackWeight } from './packed.ts';
import { rowBlocks } from './row_blocks.ts';
import { sortedPairs } from './sort.ts';

const kernel = kernelFile('embedding', source);

/**
 * y[..., :] = weight[ids[...], :]. The gradient sums the occurrences of an id in their order: the same bits every run.
 * A weight over the adapter's binding limit is read and differentiated in blocks of rows.
 * @param weight [V, D], f32 or f16; or packed in u32 (`packWeight`), which has no gradient.
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
  const [V, D] = weight.shape as [number, number]; // packed, D words
  const output = allocate(weight.runtime, [...ids.shape, D], weight.dtype);
  const packed = weight.dtype === 'u32';
  if (packed) output.storage.packed = packedType('embedding', weight);
  const table = weight.runtime.dense(weight);
  for (const { view, first, count } of rowBlocks(table)) {
    const { params, constants, workgroups } = shareRows(output, ids.size, D);
    launch(kernel, 'forward', {
      inputs: [view, ids],
      outputs: [output],
      params: { ...params, V, T: ids.size, firstRow: first, rows: count },
      constants: { ...constants, Id: ids.dtype },
      workgroups,
      fault: `embedding: an id is out of range [0, ${V})`,
    });
    view.dispose();
  }
  if (table !== weight) table.dispose();
  if (packed) {
    using rows = output;
    return unpackWeight(rows);
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
 * @param fault what the next awaited call throws where an id is out of range. Default: nothing.
 * @returns [V, D]
 */
export function scatterRows(
  y: Tensor,
  ids: Tensor,
  V: number,
  fault: string | null = null,
): Tensor {
  const D = y.shape.at(-1)!;
  expectShape('scatterRows', 'y', y, [...ids.shape, D]);
  const output = y.size === 0 ? full(y.runtime, [V, D], 0, y.dtype) : sumsByRow(y, ids, V, fault);
  return record({
    name: 'scatterRows',
    inputs: [y],
    output,
    saved: [ids],
    backward: (dx, [ids]) => [embedding(dx, ids)],
  });
}

function sumsByRow(y: Tensor, ids: Tensor, V: number, fault: string | null): Tensor {
  using pairs = sortedPairs(ids, V);
  using starts = rowStarts(pairs, ids.size, V, fault);
  const D = y.shape.at(-1)!;
  const output = allocate(y.runtime, [V, D], y.dtype);
  for (const { view, first, count } of rowBlocks(output)) {
    const { params, constants, workgroups } = shareRows(view, count, D);
    launch(kernel, 'scatter_rows', {
      inputs: [y, pairs, starts],
      outputs: [view],
      params: { ...params, V, T: ids.size, firstRow: first, rows: count, fault: 0 },
      constants,
      workgroups,
      flops: view.size + y.size,
    });
    view.dispose();
  }
  return output;
}

/** [V + 1]: where in the sorted pairs each id begins, and the last one ends. */
function rowStarts(pairs: Tensor, T: number, V: number, fault: string | null): Tensor {
  const starts = allocate(pairs.runtime, [V + 1], 'u32');
  launch(kernel, 'row_starts', {
    inputs: [pairs],
    outputs: [starts],
    params: { size: V + 1, D: 1, V, T, firstRow: 0, rows: V, perGroup: 1 },
    workgroups: groupsFor(V + 1),
    fault,
  });
  return starts;
}

/** Vectors of a workgroup on a CPU adapter, where a workgroup costs about as much as copying a hundred. */
const CPU_VECTORS = 512;

/** How rows of D are shared out: a few to a workgroup, and in fours, where a row has whole ones. */
function shareRows({ runtime, dtype, size }: Tensor, rows: number, D: number) {
  const width = D % 4 === 0 ? 4 : 1;
  const fitting = runtime.gpu.adapter.software ? Math.floor((CPU_VECTORS * width) / D) : 1;
  const perGroup = Math.max(1, fitting);
  const types =
    width === 4 ? { Element: `vec4<${dtype}>`, Sum: 'vec4f' } : { Element: dtype, Sum: 'f32' };
  return {
    params: { size: size / width, D: D / width, perGroup },
    constants: { ...types, LANES: lanesFor(runtime) },
    workgroups: D === 0 ? 0 : Math.ceil(rows / perGroup),
  };
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
    params: {
      size: output.size,
      D: 1,
      V: depth,
      T: ids.size,
      firstRow: 0,
      rows: depth,
      perGroup: 1,
    },
    constants: { Id: ids.dtype },
    workgroups: groupsFor(output.size),
    fault: `oneHot: an id is out of range [0, ${depth})`,
  });
  return output;
}
