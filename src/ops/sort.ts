// Stable sort of positions by a small key, on the device: sums by owner then need no float atomics.

import source from '../../kernels/sort.wgsl' with { type: 'text' };
import type { Tensor } from '../tensor/tensor.ts';
import { allocate, groupsFor, kernelFile, launch } from './launch.ts';

const kernel = kernelFile('sort', source);

const BLOCK = 256; // pairs of a workgroup in the radix passes
const DIGIT_BITS = 8;

/** Up to here a CPU adapter sorts in one workgroup: it has one launch to wait for, and no idle threads to use. */
const MOST_IN_GROUP = 65_536;

/** Up to here comparing all with all in one launch beats the three launches of each radix pass. */
const MOST_COMPARED = 1024;

/**
 * The pairs (key, position) of i32 or u32 keys [T], keys ascending, equal keys in the order of their positions:
 * u32 [T, 2]. Keys out of [0, limit) become `limit` and come last.
 */
export function sortedPairs(keys: Tensor, limit: number): Tensor {
  const size = keys.size;
  const blocks = Math.ceil(size / BLOCK);
  const params = { size, limit, shift: 0, blocks };
  const constants = { Key: keys.dtype };
  const bits = 32 - Math.clz32(limit);
  let pairs = allocate(keys.runtime, [size, 2], 'u32');
  if (keys.runtime.gpu.adapter.software && size <= MOST_IN_GROUP && bits > 0) {
    const other = allocate(keys.runtime, [size, 2], 'u32');
    launch(kernel, 'in_group', {
      inputs: [keys],
      outputs: [pairs, other],
      params,
      constants,
      workgroups: 1,
      flops: 16 * size,
    });
    const passes = Math.ceil(bits / DIGIT_BITS);
    const [sorted, spare] = passes % 2 === 1 ? [pairs, other] : [other, pairs];
    spare.dispose();
    return sorted;
  }
  if (size <= MOST_COMPARED) {
    const [inputs, outputs] = [[keys], [pairs]];
    launch(kernel, 'rank', {
      inputs,
      outputs,
      params,
      constants,
      workgroups: groupsFor(size),
      flops: size * size,
    });
    return pairs;
  }
  let previous = allocate(keys.runtime, [size, 2], 'u32'); // the first pass does not read it
  using counts = allocate(keys.runtime, [1 << DIGIT_BITS, blocks], 'u32');
  for (let shift = 0; shift < bits; shift += DIGIT_BITS) {
    if (shift > 0) [previous, pairs] = [pairs, previous];
    const pass = { params: { ...params, shift }, constants, workgroups: blocks };
    launch(kernel, 'histogram', { ...pass, inputs: [keys, previous], outputs: [counts] });
    launch(kernel, 'scan', { ...pass, inputs: [], outputs: [counts], workgroups: 1 });
    launch(kernel, 'scatter', { ...pass, inputs: [keys, previous, counts], outputs: [pairs] });
  }
  previous.dispose();
  return pairs;
}
