// Half-precision weights on any adapter: pairs of halves in u32 tensors. They are frozen: there is no gradient.

import source from '../../kernels/half_pairs.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { floatToHalf } from '../tensor/half.ts';
import { format, type Shape, sizeOf } from '../tensor/shape.ts';
import type { Runtime, Tensor } from '../tensor/tensor.ts';
import { allocate, expectDType, groupsFor, kernelFile, launch } from './launch.ts';

const kernel = kernelFile('half_pairs', source);

/**
 * Values rounded to half precision on the CPU (GPUs differ in how they round), two to a u32 along the last axis:
 * shape [..., n] -> u32 [..., n / 2]. `linear` and `embedding` take such weights as they are.
 * @throws ShapeError when the last axis is odd.
 */
export function packHalf(runtime: Runtime, values: ArrayLike<number>, shape: Shape): Tensor {
  const width = shape.at(-1) ?? 1;
  if (width % 2 !== 0 || sizeOf(shape) !== values.length) {
    throw new ShapeError(
      `packHalf: ${values.length} values in ${format(shape)}; the last axis must be even`,
    );
  }
  const pairs = new Uint32Array(values.length / 2);
  for (let i = 0; i < pairs.length; i++) {
    pairs[i] = floatToHalf(values[2 * i]!) | (floatToHalf(values[2 * i + 1]!) << 16);
  }
  const packed = allocate(runtime, [...shape.slice(0, -1), width / 2], 'u32');
  packed.write(pairs);
  return packed;
}

/** u32 [..., n] -> f32 [..., 2n]. */
export function unpackHalf(x: Tensor): Tensor {
  expectDType('unpackHalf', 'x', x, 'u32');
  const y = allocate(x.runtime, [...x.shape.slice(0, -1), 2 * (x.shape.at(-1) ?? 1)], 'f32');
  const params = { pairs: x.size };
  launch(kernel, 'unpack', { inputs: [x], outputs: [y], params, workgroups: groupsFor(x.size) });
  return y;
}
