// Sums of rows that belong together, as messages that meet at a node of a graph.

import { ConfigError, ShapeError } from '../errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { scatterRows } from './embedding.ts';
import { expectDType, expectShape } from './launch.ts';

/**
 * y[s, :] = Σ { values[e, :] : segments[e] = s }, in the order of e: the same bits on every run. A segment without rows
 * is 0. The gradient is embedding: dvalues[e, :] = dy[segments[e], :].
 * @param values [E, D], f32 or f16   @param segments [E], i32 or u32, in any order. One out of range is left out, and is
 *   a DataError from the next awaited call.
 * @param options.count segments of the result
 * @returns [count, D]
 * @throws ShapeError or DTypeError when the arguments do not fit, ConfigError for a count that is none.
 */
export function segmentSum(values: Tensor, segments: Tensor, { count }: { count: number }): Tensor {
  expectDType('segmentSum', 'values', values, 'f32', 'f16');
  expectDType('segmentSum', 'segments', segments, 'i32', 'u32');
  if (values.rank !== 2)
    throw new ShapeError(`segmentSum: values is ${format(values.shape)}, expected [rows, width]`);
  expectShape('segmentSum', 'segments', segments, [values.shape[0]!]);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new ConfigError(`segmentSum: count is ${count}, expected a whole number from 1 on`);
  const fault = `segmentSum: a segment is out of range [0, ${count})`;
  return scatterRows(values, segments, count, fault);
}
