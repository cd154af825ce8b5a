// Half-precision weights on any adapter: pairs of halves in u32 tensors. They are frozen: there is no gradient.

import source from '../../kernels/half_pairs.wgsl' with { type: 'text' };
import { DTypeError, ShapeError } from '../errors.ts';
import { floatToBfloat, floatToHalf } from '../tensor/half.ts';
import { format, type Shape, sizeOf } from '../tensor/shape.ts';
import type { Runtime, Tensor } from '../tensor/tensor.ts';
import { allocate, groupsFor, kernelFile, launch } from './launch.ts';
import { rowBlocks } from './row_blocks.ts';

const kernel = kernelFile('half_pairs', source);

/** IEEE halves, or bfloat16. */
export type HalfType = 'f16' | 'bf16';

/**
 * Values rounded to half precision on the CPU (GPUs differ in how they round), two to a u32 along the last axis:
 * shape [..., n] -> u32 [..., n / 2]. `linear`, `loraLinear`, `embedding` and `linearCrossEntropy` take such weights as
 * they are.
 * @throws ShapeError when the last axis is odd.
 */
export function packHalf(
  runtime: Runtime,
  values: ArrayLike<number>,
  shape: Shape,
  type: HalfType = 'f16',
): Tensor {
  if (sizeOf(shape) !== values.length) {
    throw new ShapeError(`packHalf: ${values.length} values do not fill ${format(shape)}`);
  }
  const packed = allocatePairs(runtime, shape, type);
  const bits = type === 'f16' ? floatToHalf : floatToBfloat;
  const pairs = new Uint32Array(values.length / 2);
  for (let i = 0; i < pairs.length; i++) {
    pairs[i] = bits(values[2 * i]!) | (bits(values[2 * i + 1]!) << 16);
  }
  packed.write(pairs);
  return packed;
}

/** Room for `shape` [..., n] in halves: u32 [..., n / 2], for their bits, the first of each pair in the lower half. */
export function allocatePairs(runtime: Runtime, shape: Shape, type: HalfType): Tensor {
  const width = shape.at(-1) ?? 1;
  if (width % 2 !== 0) {
    throw new ShapeError(`packHalf: the last axis of ${format(shape)} must be even`);
  }
  const packed = allocate(runtime, [...shape.slice(0, -1), width / 2], 'u32');
  packed.storage.pairs = type;
  return packed;
}

/** Which halves the tensor holds. @throws DTypeError for one that was not made by `packHalf`. */
export function pairsIn(op: string, x: Tensor): HalfType {
  const { pairs } = x.storage;
  if (x.dtype === 'u32' && pairs) return pairs;
  throw new DTypeError(
    `${op}: a ${x.dtype} tensor ${format(x.shape)} holds no halves; make it with packHalf`,
  );
}

/** u32 [..., n] -> f32 [..., 2n]. @throws DTypeError for a tensor that was not made by `packHalf`. */
export function unpackHalf(x: Tensor): Tensor {
  const type = pairsIn('unpackHalf', x);
  const n = x.shape.at(-1) ?? 1;
  const table = x.runtime.dense(x);
  const y = allocate(x.runtime, [...x.shape.slice(0, -1), 2 * n], 'f32');
  for (const { view, first, count } of rowBlocks(y)) {
    using pairs = table.alias([count, n], [n, 1], table.offset + first * n);
    // Loads of four words: 2.2 times as fast for halves and 5.7 for bfloat16 as loads of one, on lavapipe.
    const inFours = pairs.size % 4 === 0;
    const threads = inFours ? pairs.size / 4 : pairs.size;
    launch(kernel, inFours ? 'unpack_fours' : 'unpack', {
      inputs: [pairs],
      outputs: [view],
      params: { threads },
      constants: { BF16: type === 'bf16' ? 'true' : 'false' },
      workgroups: groupsFor(threads),
    });
    view.dispose();
  }
  if (table !== x) table.dispose();
  return y;
}
