// Products of few rows and a frozen weight of halves in pairs, which the kernel unpacks in registers: half the memory that
// has to pass, and no copy in f32.

import { BYTES } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { pairsIn } from './half_pairs.ts';
import { bindingStart, launch } from './launch.ts';
import { type Epilogue, FEW, switches, vectorsKernel } from './multiply.ts';

/** Whether `multiplyPairs` takes them, and is faster than to unpack the weight first: few rows. */
export function readsPairs(x: Tensor, weight: Tensor): boolean {
  const limit = x.runtime.gpu.limits.maxStorageBufferBindingSize - 256; // a binding starts on 256 bytes
  const K = x.shape.at(-1)!;
  const few = K > 0 && x.size <= FEW * K && x.dtype === 'f32';
  const inFours = x.isDense && bindingStart(x) % 4 === 0 && bindingStart(weight) % 4 === 0;
  return few && inFours && weight.isDense && K % 8 === 0 && BYTES.u32 * weight.size <= limit;
}

/** y [M, N] = activation(x weightᵀ + bias) + residual: x [M, K] f32, weight halves in pairs, u32 [N, K / 2], read as they are. */
export function multiplyPairs(y: Tensor, x: Tensor, weight: Tensor, epilogue: Epilogue): void {
  const [M, N] = y.shape as [number, number];
  const K = x.shape[1]!;
  const { file, entry, constants, tile } = vectorsKernel(y, pairsIn('linear', weight));
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
      // In elements of each, and of the weight in halves.
      starts: [
        bindingStart(x),
        2 * bindingStart(weight),
        bindingStart(y),
        residual ? bindingStart(residual) : 0,
      ],
      aStrides: [K, 1],
      bStrides: [1, K],
      batchShape: [1, 1, 1, 1],
      ...{ aBatch: none, bBatch: none, yBatch: none },
    },
    constants: { ...constants, ...switches(epilogue) },
    workgroups: tilesM * tilesN,
    flops: 2 * M * N * K,
    strided: true,
  });
}
