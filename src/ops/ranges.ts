// Flat tensors beyond what one binding may hold, cut into ranges. For kernels in which every element stands for itself.

import type { Tensor } from '../tensor/tensor.ts';

const ALIGN = 64; // f32 elements in 256 bytes, on which a binding starts

/** Runs `fn` on the whole f32 tensors of one length, or range by range where the adapter binds no more at once. */
export function eachRange(
  tensors: readonly Tensor[],
  fn: (ranges: readonly Tensor[]) => void,
): void {
  const { runtime, size } = tensors[0]!;
  const bytes = runtime.gpu.limits.maxStorageBufferBindingSize;
  const most = Math.floor(bytes / (4 * ALIGN)) * ALIGN;
  if (size <= most) {
    fn(tensors);
    return;
  }
  for (let begin = 0; begin < size; begin += most) {
    const length = Math.min(most, size - begin);
    const ranges = tensors.map((x) => x.alias([length], [1], x.offset + begin));
    fn(ranges);
    for (const range of ranges) range.dispose();
  }
}
