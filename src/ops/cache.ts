// Writing keys and values into a cache, where each sequence has come on the device.

import source from '../../kernels/cache.wgsl' with { type: 'text' };
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { spansOf } from './elements.ts';
import { bindingStart, expectDType, expectShape, kernelFile, launch } from './launch.ts';
import { withDenseRows } from './layout.ts';

const kernel = kernelFile('cache', source);

/** Both [B, H, S, D], f32, row-major. */
export interface CacheTensors {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/**
 * keys[b, :, lengths[b] + t, :] = k[b, :, t, :], and values of v likewise; in place and outside the tape.
 * @param k [B, H, T, D]   @param v of k's shape   @param lengths [B] i32 or u32, in 0 … S - T. What would lie past the
 *   cache's end is left out, and the next awaited call throws a DataError.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function appendToCache(
  { keys, values }: CacheTensors,
  k: Tensor,
  v: Tensor,
  lengths: Tensor,
): void {
  const [B, H, S, D] = keys.shape as [number, number, number, number];
  const T = k.shape[2]!;
  expectShape('appendToCache', 'values', values, keys.shape);
  expectShape('appendToCache', 'k', k, [B, H, T, D]);
  expectShape('appendToCache', 'v', v, k.shape);
  expectShape('appendToCache', 'lengths', lengths, [B]);
  expectDType('appendToCache', 'lengths', lengths, 'i32', 'u32');
  for (const [name, x] of Object.entries({ keys, values, k, v }))
    expectDType('appendToCache', name, x, 'f32');
  const rows = [k, v].map((x) => withDenseRows(x, 1)) as [Tensor, Tensor];
  const { constants, workgroups } = spansOf(k.runtime, k.size);
  launch(kernel, 'append', {
    inputs: [...rows, k.runtime.dense(lengths)],
    outputs: [keys, values],
    params: { size: k.size, H, T, D, S, kAt: layoutOf(rows[0]), vAt: layoutOf(rows[1]) },
    constants,
    workgroups,
    strided: true,
    fault: `appendToCache: ${format(k.shape)} does not fit behind the lengths into ${S} positions`,
  });
  for (const [i, x] of [k, v].entries()) if (rows[i] !== x) rows[i]!.dispose();
}

/** Strides along batch, head and time, and the start. */
function layoutOf(x: Tensor): number[] {
  return [...x.strides.slice(0, 3), bindingStart(x)];
}
