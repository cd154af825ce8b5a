// Matrix products. Transposes and batches are strides of the kernels' operands.

import { DTypeError, ShapeError } from '../errors.ts';
import { broadcastShapes, format } from '../tensor/shape.ts';
import { record, untaped } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { allocate, expectDType } from './launch.ts';
import { multiplyInto } from './multiply.ts';
import { sumTo } from './reduce.ts';
import { transpose } from './view.ts';

export { multiplyInto };

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
