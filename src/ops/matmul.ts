// Matrix products. Transposes and batches are strides; only columns of b that lie apart are gathered first.

import source from '../../kernels/matmul.wgsl' with { type: 'text' };
import { DTypeError, ShapeError } from '../errors.ts';
import {
  broadcastShapes,
  broadcastStrides,
  collapse,
  format,
  type Shape,
  sizeOf,
} from '../tensor/shape.ts';
import { record, untaped } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { denseCopy, fill } from './copy.ts';
import { allocate, bindingStart, expectDType, kernelFile, launch } from './launch.ts';
import { sumTo } from './reduce.ts';
import { transpose } from './view.ts';

const kernel = kernelFile('matmul', source);

// The kernel's constants: a workgroup owns 8 rows and 8 columns per thread.
const ROWS = 8;
const THREADS = 8;
const COLUMNS = 8 * THREADS;

export interface MatmulOptions {
  /** a is [..., K, M]. */
  readonly transposeA?: boolean;
  /** b is [..., N, K]. */
  readonly transposeB?: boolean;
}

/**
 * y = a b over the last two axes: a [..., M, K], b [..., K, N] -> [..., M, N]; the axes before them broadcast.
 * f16 operands are multiplied and summed in f32.
 * @throws ShapeError when the inner dimensions differ.
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: MatmulOptions = {},
): Tensor {
  checkOperands(a, b, transposeA, transposeB);
  const output = untaped(() => multiply(oriented(a, transposeA), oriented(b, transposeB)));
  const wanted = [a, b].map((x) => x.edge !== null);
  return record({
    name: 'matmul',
    inputs: [a, b],
    output,
    saved: [a, b],
    // y = A B:  dA = dy Bᵀ,  dB = Aᵀ dy; the transpose of a product swaps its factors.
    backward: (dy, [a, b]) => {
      const da = () =>
        transposeA
          ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
          : matmul(dy, b, { transposeB: !transposeB });
      const db = () =>
        transposeB
          ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
          : matmul(a, dy, { transposeA: !transposeA });
      return [wanted[0] ? sumTo(da(), a.shape) : null, wanted[1] ? sumTo(db(), b.shape) : null];
    },
  });
}

const oriented = (x: Tensor, transposed: boolean) => (transposed ? transpose(x) : x.detach());

function multiply(a: Tensor, b: Tensor): Tensor {
  const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const y = allocate(a.runtime, [...batch, a.shape.at(-2)!, b.shape.at(-1)!], a.dtype);
  multiplyInto(y, a, b);
  return y;
}

/** Writes a b into y, whose columns are adjacent. Outside the tape. */
export function multiplyInto(y: Tensor, a: Tensor, b: Tensor): void {
  const [M, N] = y.shape.slice(-2) as [number, number];
  const K = a.shape.at(-1)!;
  if (y.size === 0) return;
  if (K === 0) {
    fill(y, 0);
    return;
  }
  const [, bColumn] = b.strides.slice(-2) as [number, number];
  // Gathering b costs K N, the product M N K.
  const gather = bColumn !== 1 && N > 1 && M >= 2 * ROWS;
  const right = gather ? denseCopy(b) : b;
  const batchShape = y.shape.slice(0, -2);
  const batch = batchStrides(batchShape, [a, right, y]);
  const rowStrides = [a, right, y].map((x) => x.strides.slice(-2) as [number, number]);
  const [aStrides, bStrides, yStrides] = rowStrides as [
    [number, number],
    [number, number],
    [number, number],
  ];
  const aligned = [
    N,
    bStrides[0],
    yStrides[0],
    bindingStart(right),
    bindingStart(y),
    ...batch.strides[1]!,
    ...batch.strides[2]!,
  ];
  const vectorised = (bStrides[1] === 1 || N === 1) && aligned.every((stride) => stride % 4 === 0);
  const [tilesM, tilesN] = [Math.ceil(M / ROWS), Math.ceil(N / COLUMNS)];
  const batches = sizeOf(batchShape);
  launch(kernel, vectorised ? 'vectorised' : 'general', {
    inputs: [a, right],
    outputs: [y],
    params: {
      M,
      N,
      K,
      tilesM,
      tilesN,
      batches,
      starts: [bindingStart(a), bindingStart(right), bindingStart(y)],
      aStrides,
      bStrides,
      yStride: yStrides[0],
      batchShape: batch.shape,
      aBatch: batch.strides[0]!,
      bBatch: batch.strides[1]!,
      yBatch: batch.strides[2]!,
    },
    constants: { Element: a.dtype },
    workgroups: batches * tilesM * tilesN,
    flops: 2 * batches * M * N * K,
    strided: true,
  });
  if (gather) right.dispose();
}

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

function checkOperands(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): void {
  expectDType('matmul', 'a', a, 'f32', 'f16');
  if (a.dtype !== b.dtype)
    throw new DTypeError(`matmul: a is ${a.dtype} and b is ${b.dtype}; cast() one of them`);
  if (a.rank < 2 || b.rank < 2) {
    throw new ShapeError(
      `matmul: a is ${format(a.shape)} and b is ${format(b.shape)}; both need at least 2 axes`,
    );
  }
  const inner = a.shape.at(transposeA ? -2 : -1)!;
  const other = b.shape.at(transposeB ? -1 : -2)!;
  if (inner === other) return;
  const turned =
    b.shape.at(transposeB ? -2 : -1) === inner
      ? ` (did you mean transposeB${transposeB ? ': false' : ''}?)`
      : '';
  throw new ShapeError(
    `matmul: a is ${format(a.shape)} and b is ${format(b.shape)}; the inner dimensions ${inner} and ${other} differ${turned}`,
  );
}
