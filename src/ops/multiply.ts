// How a matrix product is launched: which variant of the kernels, in one pass or with a long inner axis split, and what
// the kernel does with the sums before it stores them. Outside the tape; `matmul` and `linear` are the ops.

import tiles from '../../kernels/matmul.wgsl' with { type: 'text' };
import broadcast from '../../kernels/matmul_broadcast.wgsl' with { type: 'text' };
import fewRows from '../../kernels/matmul_rows.wgsl' with { type: 'text' };
import split from '../../kernels/matmul_split.wgsl' with { type: 'text' };
import transposing from '../../kernels/transpose.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import type { Constants, KernelFile } from '../gpu/wgsl.ts';
import { BYTES } from '../tensor/dtype.ts';
import { broadcastStrides, collapse, format, type Shape, sizeOf } from '../tensor/shape.ts';
import { untaped } from '../tensor/tape.ts';
import type { PackedType, Tensor } from '../tensor/tensor.ts';
import { denseCopy, fill } from './copy.ts';
import { allocate, bindingStart, groupsFor, kernelFile, launch } from './launch.ts';
import { type Family, sizeClass, sizesOf, variantFor } from './variants.ts';
import { transpose } from './view.ts';

const kernels = {
  tiles: kernelFile('matmul', tiles),
  broadcast: kernelFile('matmul_broadcast', broadcast),
  rows: kernelFile('matmul_rows', fewRows),
  split: kernelFile('matmul_split', split),
  transpose: kernelFile('transpose', transposing),
};

export type Activation = 'relu' | 'gelu' | 'geluTanh' | 'silu';

const ACTIVATIONS: Readonly<Record<Activation, string>> = {
  relu: 'ACTIVATION_RELU',
  gelu: 'ACTIVATION_GELU',
  geluTanh: 'ACTIVATION_GELU_TANH',
  silu: 'ACTIVATION_SILU',
};

/** y = activation(a b + bias) + residual, or y += that, as the kernel stores it. */
export interface Epilogue {
  /** [N], its elements adjacent */
  readonly bias?: Tensor | undefined;
  readonly activation?: Activation | undefined;
  /** As y, with y's strides; not y itself. */
  readonly residual?: Tensor | undefined;
  /** Adds to what y holds. Default false. */
  readonly accumulate?: boolean;
}

type Variant = 'broadcast' | 'rows' | 'vectors' | 'tiles128' | 'tiles128x64' | 'tiles';

/** The most rows that are few; on a CPU of a weight [out, in], where 8 are no faster than as part of 16. */
export const FEW = 8;
const FEW_ON_CPU = 4;

// On CPUs 16 x 64 per SIMD group without workgroup memory, on GPUs tiles in it; the larger ones need a large y to keep
// all of a GPU busy.
export const MATMUL: Family<Variant> = {
  name: 'matmul',
  // Without subgroups the second stands in.
  variants: ['broadcast', 'tiles', 'tiles128x64', 'tiles128', 'vectors', 'rows'],
  shipped: ({ software }, shapeClass, usable) => {
    const [M, N] = sizesOf(shapeClass) as [number, number];
    if (M <= (software ? FEW_ON_CPU : FEW) && usable('vectors')) return 'vectors';
    if (software) return N <= 2 ? 'rows' : 'broadcast';
    if (M <= FEW) return 'rows';
    return M >= 1024 && N >= 1024 ? 'tiles128' : 'tiles';
  },
};

// Split where one pass has too few tiles for the adapter and each of them is long.
export const MATMUL_SPLIT: Family<'split' | 'whole'> = {
  name: 'matmulSplit',
  variants: ['split', 'whole'],
  shipped: ({ software }, shapeClass) => {
    const [M, N, K] = sizesOf(shapeClass) as [number, number, number];
    if (software && M <= FEW_ON_CPU && N >= 64) return 'whole';
    const tiles = (M * N) / (software ? 16 * 64 : 64 * 64);
    return tiles <= (software ? 1 : 32) && K >= 2048 ? 'split' : 'whole';
  },
};

/** The inner axis of each part of a split product, at least. */
const PART = 256;
const MAX_PARTS = 32;

/** Shapes share what is measured within a factor of two per size: classes of M, N, K, and the batch. */
const shapeClassOf = (...sizes: number[]) => sizes.map(sizeClass).join(' ');

/**
 * Writes activation(a b + bias) + residual into y, whose columns are adjacent, or adds it; an inner axis of 0 takes no
 * bias, activation or residual.
 */
export function multiplyInto(y: Tensor, a: Tensor, b: Tensor, epilogue: Epilogue = {}): void {
  const [M, N] = y.shape.slice(-2) as [number, number];
  const K = a.shape.at(-1)!;
  if (y.size === 0) return;
  if (K === 0) {
    if (!epilogue.accumulate) fill(y, 0);
    return;
  }
  const { runtime } = y;
  const canSplit = () => y.rank === 2 && K >= 2 * PART;
  const way = variantFor(
    runtime,
    MATMUL_SPLIT,
    shapeClassOf(M, N, K),
    (w) => w === 'whole' || canSplit(),
  );
  if (way === 'split') multiplySplit(y, a, b, epilogue);
  else multiplyWhole(y, a, b, epilogue);
}

/** Two passes: products of parts of the inner axis, in f32, then their sums in order. */
function multiplySplit(y: Tensor, a: Tensor, b: Tensor, epilogue: Epilogue): void {
  const [M, N] = y.shape as [number, number];
  const K = a.shape[1]!;
  const parts = Math.min(MAX_PARTS, Math.floor(K / PART));
  const width = Math.ceil(K / parts);
  const even = Math.floor(K / width); // the last part may be narrower
  const rest = K - even * width;
  const count = even + (rest > 0 ? 1 : 0);
  using partial = allocate(y.runtime, [count, M, N], 'f32');
  const [am, ak] = a.strides as [number, number];
  const [bk, bn] = b.strides as [number, number];
  const multiplyParts = (first: number, matrices: number, width: number, partWidth: number) => {
    using into = partial.alias([matrices, M, N], partial.strides, first * M * N);
    const skip = first * partWidth;
    using left = a.alias([matrices, M, width], [partWidth * ak, am, ak], a.offset + skip * ak);
    using right = b.alias([matrices, width, N], [partWidth * bk, bk, bn], b.offset + skip * bk);
    multiplyWhole(into, left, right, {});
  };
  multiplyParts(0, even, width, width);
  if (rest > 0) multiplyParts(even, 1, rest, width);
  const { bias, residual } = epilogue;
  using nothing = partial.alias([1], [1], 0);
  launch(kernels.split, 'sum_parts', {
    inputs: [partial, bias ?? nothing, residual ?? nothing],
    outputs: [y],
    params: {
      size: M * N,
      N,
      parts: count,
      yStart: bindingStart(y),
      yStride: y.strides[0]!,
      biasStart: bias ? bindingStart(bias) : 0,
      residualStart: residual ? bindingStart(residual) : 0,
    },
    constants: { Element: y.dtype, ...switches(epilogue) },
    workgroups: groupsFor(M * N),
    flops: count * M * N,
    strided: true,
  });
}

/** One pass. */
function multiplyWhole(y: Tensor, a: Tensor, b: Tensor, epilogue: Epilogue): void {
  const [M, N] = y.shape.slice(-2) as [number, number];
  const K = a.shape.at(-1)!;
  const { gpu } = y.runtime;
  const batch = sizeOf(y.shape.slice(0, -2));
  const variant = variantFor(y.runtime, MATMUL, shapeClassOf(M, N, K, batch), (each) => {
    if (each === 'vectors') return readsByFours(a, b);
    return each !== 'broadcast' || gpu.subgroupMinSize >= 4;
  });
  untaped(() => {
    const [left, right] = variant === 'broadcast' ? gatheredOperands(a, b) : [a, b];
    launchVariant(variant, y, left, right, epilogue);
  });
}

/**
 * Copies of M K and K N elements pay where the product takes M N K multiplications: a weight [out, in] read by strides
 * halves the speed at 1024 on lavapipe, and rows of `a` so far apart crowd each other out of the first-level cache
 * (1.13 to 1.20 times as fast with a copy for K of 1000 to 1536; below 768 the copy loses).
 */
function gatheredOperands(a: Tensor, b: Tensor): readonly [Tensor, Tensor] {
  const [M, K] = a.shape.slice(-2) as [number, number];
  const N = b.shape.at(-1)!;
  if (M < FEW * 4) return [a, b];
  const columns = transpose(a);
  return [
    K >= 768 && N >= 384 && isTransposed(columns) ? transpose(gathered(columns)) : a,
    N > 1 && b.strides.at(-1) !== 1 ? gathered(b) : b,
  ];
}

/** A copy whose columns are adjacent: of a transposed matrix in blocks. */
function gathered(x: Tensor): Tensor {
  if (!isTransposed(x)) return denseCopy(x);
  const [rows, columns] = x.shape as [number, number];
  const dense = allocate(x.runtime, x.shape, x.dtype);
  launch(kernels.transpose, 'transpose_blocks', {
    inputs: [x],
    outputs: [dense],
    params: { rows: columns, columns: rows, xStart: bindingStart(x), xStride: x.strides[1]! },
    constants: { Element: x.dtype },
    workgroups: groupsFor(x.size / 16),
    strided: true,
  });
  return dense;
}

/** Whether it is a matrix with adjacent elements in its columns that splits into blocks of 4 x 4. */
function isTransposed(x: Tensor): boolean {
  return (
    x.rank === 2 &&
    x.strides[0] === 1 &&
    [...x.shape, x.strides[1]!, bindingStart(x)].every((n) => n % 4 === 0)
  );
}

function launchVariant(
  variant: Variant,
  y: Tensor,
  a: Tensor,
  b: Tensor,
  epilogue: Epilogue,
): void {
  const [M, N] = y.shape.slice(-2) as [number, number];
  const K = a.shape.at(-1)!;
  const batchShape = y.shape.slice(0, -2);
  const batch = batchStrides(batchShape, [a, b, y]);
  const batches = sizeOf(batchShape);
  const aStrides = a.strides.slice(-2) as [number, number];
  const bStrides = b.strides.slice(-2) as [number, number];
  const { bias, residual } = epilogue;
  const aligned = isAligned(y, b, epilogue, [...batch.strides[1]!, ...batch.strides[2]!]);
  const { file, entry, constants, tile } = kernelFor(variant, y, a, b, aligned);
  const [tilesM, tilesN] = [Math.ceil(M / tile[0]), Math.ceil(N / tile[1])];
  // A binding is there whether its tensor is or not; the switches are off then, and this is never read. Where the
  // kernel takes elements by fours, there have to be four.
  using nothing = b.alias([Math.min(4, N)], [bStrides[1]], b.offset);
  launch(file, entry, {
    inputs: [a, b, bias ?? nothing, residual ?? nothing],
    outputs: [y],
    params: {
      M,
      N,
      K,
      tilesM,
      tilesN,
      batches,
      biasStart: bias ? bindingStart(bias) : 0,
      yStride: y.strides.at(-2)!,
      starts: [a, b, y, residual ?? nothing].map(bindingStart),
      aStrides,
      bStrides,
      batchShape: batch.shape,
      aBatch: batch.strides[0]!,
      bBatch: batch.strides[1]!,
      yBatch: batch.strides[2]!,
    },
    constants: { Element: a.dtype, Result: y.dtype, ...constants, ...switches(epilogue) },
    workgroups: batches * tilesM * tilesN,
    flops: 2 * batches * M * N * K,
    strided: true,
  });
}

interface Kernel {
  readonly file: KernelFile;
  readonly entry: string;
  readonly constants: Constants;
  /** Rows and columns of y that a workgroup owns. */
  readonly tile: readonly [number, number];
}

function kernelFor(variant: Variant, y: Tensor, a: Tensor, b: Tensor, aligned: boolean): Kernel {
  const [am, ak] = a.strides.slice(-2) as [number, number];
  const [bk, bn] = b.strides.slice(-2) as [number, number];
  switch (variant) {
    case 'broadcast': {
      const broadcast = { file: kernels.broadcast, tile: [16, 64] } as const;
      const SHARERS = y.runtime.gpu.subgroupMinSize < 8 ? 4 : 8;
      const STEPS = a.shape.at(-1)! % 2 === 0 ? 2 : 1;
      return aligned
        ? { ...broadcast, entry: 'vectorised', constants: { SHARERS, STEPS } }
        : { ...broadcast, entry: 'general', constants: { SHARERS } };
    }
    case 'rows': {
      // Neighbours read what is adjacent in b. On a CPU a workgroup is one SIMD group, in which barriers are cheap.
      const threads = y.runtime.gpu.adapter.software ? 8 : 64;
      const SHARERS = bk < bn ? Math.min(threads, 16) : 1;
      const COLUMNS = threads / SHARERS;
      return {
        file: kernels.rows,
        entry: 'few_rows',
        constants: { SHARERS, COLUMNS },
        tile: [4, COLUMNS],
      };
    }
    case 'vectors':
      return vectorsKernel(y, b.dtype === 'f16' ? 'f16' : 'f32');
    default: {
      const BLOCKS_M = variant === 'tiles' ? 1 : 2;
      const BLOCKS_N = variant === 'tiles128' ? 2 : 1;
      const constants = {
        BLOCKS_M,
        BLOCKS_N,
        TILE_K: BLOCKS_N === 2 ? 8 : 16, // each then fits 16 KiB of workgroup memory
        A_ALONG_K: String(ak < am),
        B_ALONG_K: String(bk < bn),
        UNROLLED: String(!y.runtime.gpu.adapter.software),
      };
      const tile = [64 * BLOCKS_M, 64 * BLOCKS_N] as const;
      return { file: kernels.tiles, entry: 'tiles', constants, tile };
    }
  }
}

/** Of few rows and a weight [out, in] that is read by loads of 16 bytes. */
export function vectorsKernel(y: Tensor, weight: 'f32' | PackedType): Kernel {
  const [threads, SHARERS] = y.runtime.gpu.adapter.software ? [8, 1] : [64, 16];
  const COLUMNS = threads / SHARERS;
  const ROWS = y.shape.at(-2) === 1 ? 1 : 4;
  return {
    file: kernels.rows,
    entry: 'vectorised',
    constants: { SHARERS, COLUMNS, ROWS, WEIGHT: `WEIGHT_${weight.toUpperCase()}` },
    tile: [ROWS, 4 * COLUMNS],
  };
}

/** Whether a and b, a transposed weight, can be read along k by loads of 16 bytes of b. */
function readsByFours(a: Tensor, b: Tensor): boolean {
  const loaded = 16 / BYTES[b.dtype];
  const [ak, bk] = [a.strides.at(-1), b.strides.at(-2)];
  const others = [...a.strides.slice(0, -1), ...b.strides.slice(0, -2), b.strides.at(-1)!];
  const steps = [a.shape.at(-1)!, ...others, bindingStart(a), bindingStart(b)];
  return ak === 1 && bk === 1 && steps.every((n) => n % loaded === 0);
}

/** Whether the columns of b and y, and what is added to them, split into fours. */
function isAligned(
  y: Tensor,
  b: Tensor,
  { bias, residual }: Epilogue,
  batchStrides: readonly number[],
): boolean {
  const starts = [y, b, bias, residual].map((x) => (x ? bindingStart(x) : 0));
  const strides = [y.strides.at(-2)!, b.strides.at(-2)!, ...batchStrides];
  const fours = [y.shape.at(-1)!, ...starts, ...strides].every((n) => n % 4 === 0);
  return fours && b.strides.at(-1) === 1;
}

export const switches = ({ bias, activation, residual, accumulate }: Epilogue): Constants => ({
  ...(bias && { BIAS: 'true' }),
  ...(activation && { ACTIVATION: ACTIVATIONS[activation] }),
  ...(residual && { RESIDUAL: 'true' }),
  ...(accumulate && { ACCUMULATE: 'true' }),
});

/** The batch axes, merged to at most four and aligned at the back; missing ones have size 1. */
function batchStrides(shape: Shape, operands: readonly Tensor[]) {
  const strides = operands.map((x) =>
    broadcastStrides(x.shape.slice(0, -2), x.strides.slice(0, -2), shape),
  );
  const merged = collapse(shape, strides);
  if (merged.shape.length > 4)
    throw new ShapeError(`matmul: the batch axes ${format(shape)} do not merge to 4 or fewer`);
  const front = 4 - merged.shape.length;
  const padded = (list: readonly number[], value: number) => [
    ...new Array<number>(front).fill(value),
    ...list,
  ];
  return { shape: padded(merged.shape, 1), strides: merged.strides.map((s) => padded(s, 0)) };
}
