// Products of few rows and a frozen, packed weight, which the kernel unpacks in registers: a half or a quarter of the memory
// has to pass, and there is no copy in f32.

import { BYTES } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { bindingStart, launch } from './launch.ts';
import { type Epilogue, FEW, switches, vectorsKernel } from './multiply.ts';
import { packedType } from './packed.ts';

/** Whether `multiplyPacked` takes them, and is faster than to unpack the weight first: few rows. */
export function readsPacked(x: Tensor, weight: Tensor): boolean {
  const limit = x.runtime.gpu.limits.maxStorageBufferBindingSize - 256; // a binding starts on 256 bytes
  const K = x.shape.at(-1)!;
  const few = K > 0 && x.size <= FEW * K && x.dtype === 'f32';
  const inFours = x.isDense && bindingStart(x) % 4 === 0 && bindingStart(weight) % 4 === 0;
  return few && inFours && weight.isDense && K % 8 === 0 && BYTES.u32 * weight.size <= limit;
}

/** y [M, N] = activation(x weightᵀ + bias) + residual: x [M, K] f32, weight [N, K], packed, read as it is. */
export function multiplyPacked(y: Tensor, x: Tensor, weight: Tensor, epilogue: Epilogue): void {
  const [M, N] = y.shape as [number, number];
  const K = x.shape[1]!;
  const type = packedType('linear', weight);
  const perWord = type === 'int8' ? 4 : 2;
  const { file, entry, constants, tile } = vectorsKernel(y, type);
  const [tilesM, tilesN] = [Math.ceil(M / tile[0]), Math.ceil(N / tile[1])];
  const { bias, residual } = epilogue;
  const none = [0, 0, 0, 0];
  launch(file, entry, {
    inputs: [x, weight, bias ?? x, residual ?? x],
    outputs: [y],
    params: {
      ...{ M, N, K, tilesM, tilesN, batches: 1 },
      biasStart: bias ? bindingStart(bias) : 0,
      yStride: N,
      // In elements of each, as are the strides.
      starts: [
        bindingStart(x),
        perWord * bindingStart(weight),
        bindingStart(y),
        residual ? bindingStart(residual) : 0,
      ],
      aStrides: [K, 1],
      bStrides: [1, perWord * weight.shape[1]!],
      batchShape: [1, 1, 1, 1],
      ...{ aBatch: none, bBatch: none, yBatch: none },
    },
    constants: { ...constants, ...switches(epilogue) },
    workgroups: tilesM * tilesN,
    flops: 2 * M * N * K,
    strided: true,
  });
}
