// where: an elementwise choice between two broadcast operands.

import source from '../../kernels/select.wgsl' with { type: 'text' };
import { DTypeError } from '../errors.ts';
import { broadcastShapes } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Operand } from './binary.ts';
import { full } from './copy.ts';
import { spansOf, vectorOf, walkOf } from './elements.ts';
import { allocate, expectDType, kernelFile, launch, strided } from './launch.ts';
import { sumTo } from './reduce.ts';

const kernel = kernelFile('select', source);

/** a where the condition is not 0, else b; all three broadcast, a or b may be a number. The condition is u32 or i32. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  expectDType('where', 'condition', condition, 'u32', 'i32');
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : 'f32';
  const [ta, tb] = [a, b].map((x) =>
    x instanceof Tensor ? x : full(condition.runtime, [], x, dtype),
  );
  if (ta!.dtype !== tb!.dtype)
    throw new DTypeError(`where: a is ${ta!.dtype} and b is ${tb!.dtype}; cast() one of them`);
  const output = choose(condition, ta!, tb!);
  return record({
    name: 'where',
    inputs: [ta!, tb!],
    output,
    saved: [condition],
    backward: (dy, [condition]) => [
      sumTo(where(condition, dy, 0), ta!.shape),
      sumTo(where(condition, 0, dy), tb!.shape),
    ],
  });
}

function choose(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShapes(
    'where',
    condition.shape,
    broadcastShapes('where', a.shape, b.shape),
  );
  const y = allocate(a.runtime, shape, a.dtype);
  const { width, size, rank, starts, strides, ...axes } = walkOf(
    shape,
    [condition, a, b].map((x) => strided(x, shape)),
  );
  const { workgroups, constants } = spansOf(y.runtime, size, width);
  launch(kernel, 'forward', {
    inputs: [condition, a, b],
    outputs: [y],
    params: {
      size,
      conditionStart: starts[0]!,
      aStart: starts[1]!,
      bStart: starts[2]!,
      shape: axes.shape,
      conditionStrides: strides[0]!,
      aStrides: strides[1]!,
      bStrides: strides[2]!,
    },
    constants: {
      ...constants,
      Element: vectorOf(a.dtype, width),
      Flag: vectorOf(condition.dtype, width),
      RANK: rank,
    },
    workgroups,
    strided: true,
  });
  return y;
}
