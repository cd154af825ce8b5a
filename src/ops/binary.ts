// Elementwise arithmetic and comparisons with broadcasting. Either operand may be a number.

import source from '../../kernels/binary.wgsl' with { type: 'text' };
import { DTypeError } from '../errors.ts';
import type { Constants } from '../gpu/wgsl.ts';
import { BYTES, CARRIER, type DType, scalarBits } from '../tensor/dtype.ts';
import { broadcastShapes, sameShape } from '../tensor/shape.ts';
import { type Gradients, record } from '../tensor/tape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { cast } from './copy.ts';
import { spansOf, vectorOf, type Width, walkOf, widthFor } from './elements.ts';
import { allocate, kernelFile, launch, strided } from './launch.ts';
import { eachRange } from './ranges.ts';
import { sumTo } from './reduce.ts';
import { where } from './select.ts';
import { log } from './unary.ts';

export type Operand = Tensor | number;

const kernel = kernelFile('binary', source);

/** a + b. */
export function add(a: Operand, b: Operand): Tensor {
  return arithmetic(
    'ADD',
    a,
    b,
    (dy) => dy,
    (dy) => dy,
  );
}

/** a - b. */
export function sub(a: Operand, b: Operand): Tensor {
  return arithmetic(
    'SUB',
    a,
    b,
    (dy) => dy,
    (dy) => mul(dy, -1),
  );
}

/** a b, element by element. */
export function mul(a: Operand, b: Operand): Tensor {
  return arithmetic(
    'MUL',
    a,
    b,
    (dy, _a, b) => mul(dy, b),
    (dy, a) => mul(dy, a),
  );
}

/** a / b. */
export function div(a: Operand, b: Operand): Tensor {
  // d(a/b)/db = -(a/b)/b
  return arithmetic(
    'DIV',
    a,
    b,
    (dy, _a, b) => div(dy, b),
    (dy, a, b) => mul(div(div(mul(dy, a), b), b), -1),
  );
}

/** aᵇ; a < 0 only for whole b. At a = 0 and b = 0 the gradients are 0, as PyTorch's. */
export function pow(a: Operand, b: Operand): Tensor {
  // d/da = b aᵇ⁻¹;  d/db = aᵇ ln a. Where b is 0, or a is, the other factor may be infinite.
  const below = (b: Operand) =>
    typeof b === 'number' ? (b === 0 ? 1 : b - 1) : where(equal(b, 0), 1, sub(b, 1));
  const logarithm = (a: Operand) =>
    typeof a === 'number' ? (a === 0 ? 0 : Math.log(a)) : log(where(equal(a, 0), 1, a));
  return arithmetic(
    'POW',
    a,
    b,
    (dy, a, b) => mul(dy, mul(pow(a, below(b)), b)),
    (dy, a, b) => mul(dy, mul(pow(a, b), logarithm(a))),
  );
}

/** The larger of each pair; between equals the gradient goes to a. */
export function maximum(a: Operand, b: Operand): Tensor {
  return arithmetic(
    'MAXIMUM',
    a,
    b,
    (dy, a, b) => keep(dy, greaterEqual(a, b)),
    (dy, a, b) => keep(dy, less(a, b)),
  );
}

/** The smaller of each pair; between equals the gradient goes to a. */
export function minimum(a: Operand, b: Operand): Tensor {
  return arithmetic(
    'MINIMUM',
    a,
    b,
    (dy, a, b) => keep(dy, lessEqual(a, b)),
    (dy, a, b) => keep(dy, greater(a, b)),
  );
}

/** Comparisons give u32: 1 where it holds, else 0. They have no gradient. */
export const equal = (a: Operand, b: Operand): Tensor => elementwise('EQUAL', a, b, 'u32');
export const notEqual = (a: Operand, b: Operand): Tensor => elementwise('NOT_EQUAL', a, b, 'u32');
export const less = (a: Operand, b: Operand): Tensor => elementwise('LESS', a, b, 'u32');
export const lessEqual = (a: Operand, b: Operand): Tensor => elementwise('LESS_EQUAL', a, b, 'u32');
export const greater = (a: Operand, b: Operand): Tensor => elementwise('GREATER', a, b, 'u32');
export const greaterEqual = (a: Operand, b: Operand): Tensor =>
  elementwise('GREATER_EQUAL', a, b, 'u32');

/** x += y, in place and outside the tape. Shapes are equal. */
export function addInPlace(x: Tensor, y: Tensor): void {
  inRanges([x, y], ([x, y]) => launchTensors('ADD', x!, y!, x!));
}

/** Runs `fn` on tensors of one shape; dense ones beyond what one binding holds come in ranges. */
function inRanges(tensors: readonly Tensor[], fn: (ranges: readonly Tensor[]) => void): void {
  const alike = tensors.every(
    (x) => x.isDense && BYTES[x.dtype] === 4 && sameShape(x.shape, tensors[0]!.shape),
  );
  if (alike) eachRange(tensors, fn);
  else fn(tensors);
}

type Derivative = (dy: Tensor, a: Operand, b: Operand) => Tensor;

/** Only the gradients that are wanted are computed, and each is summed over the axes that were stretched. */
function arithmetic(op: string, a: Operand, b: Operand, da: Derivative, db: Derivative): Tensor {
  const output = elementwise(op, a, b);
  const operands = [a, b].filter((x) => x instanceof Tensor);
  const derivatives = [da, db].filter((_, i) => [a, b][i] instanceof Tensor);
  // Constants among the operands get no gradient, and linear ops need nothing saved.
  const linear = op === 'ADD' || op === 'SUB';
  const shapes = operands.map((x) => x.shape);
  const wanted = operands.map((x) => x.edge !== null);
  const backward = (dy: Tensor, saved: readonly Tensor[]): Gradients => {
    const [first, second] = linear ? [0, 0] : restore(a, b, saved);
    return derivatives.map((d, i) =>
      wanted[i] ? sumTo(d(dy, first!, second!), shapes[i]!) : null,
    );
  };
  return record({
    name: nameOf(op),
    inputs: operands,
    output,
    saved: linear ? [] : operands,
    backward,
  });
}

/** The operands again, tensors replaced by their saved handles. */
function restore(a: Operand, b: Operand, saved: readonly Tensor[]): [Operand, Operand] {
  if (typeof a === 'number') return [a, saved[0]!];
  return [saved[0]!, typeof b === 'number' ? b : saved[1]!];
}

/** The public name: LESS_EQUAL is lessEqual. */
const nameOf = (op: string): string =>
  op.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

const keep = (dy: Tensor, flags: Tensor): Tensor => mul(dy, cast(flags, dy.dtype));

function elementwise(op: string, a: Operand, b: Operand, result?: DType): Tensor {
  const name = nameOf(op);
  if (a instanceof Tensor && b instanceof Tensor) {
    if (a.dtype !== b.dtype) {
      throw new DTypeError(`${name}: a is ${a.dtype} and b is ${b.dtype}; cast() one of them`);
    }
    const y = allocate(a.runtime, broadcastShapes(name, a.shape, b.shape), result ?? a.dtype);
    inRanges([a, b, y], ([a, b, y]) => launchTensors(op, a!, b!, y!));
    return y;
  }
  if (a instanceof Tensor) return withNumber(op, a, b as number, false, result ?? a.dtype);
  if (b instanceof Tensor) return withNumber(op, b, a as number, true, result ?? b.dtype);
  throw new DTypeError(`${name}: needs a tensor, got two numbers`);
}

function launchTensors(op: string, a: Tensor, b: Tensor, y: Tensor): void {
  const { width, size, shape, rank, strides, starts } = walkOf(
    y.shape,
    [a, b].map((x) => strided(x, y.shape)),
  );
  const spans = spansOf(y.runtime, size, width);
  // In place, y is an operand too: the kernel then reads and writes it through one binding.
  const inPlace = y.storage === a.storage;
  launch(kernel, inPlace ? 'in_place' : 'tensors', {
    inputs: inPlace ? [b] : [a, b],
    outputs: [y],
    params: {
      size,
      aStart: starts[0]!,
      bStart: starts[1]!,
      shape,
      aStrides: strides[0]!,
      bStrides: strides[1]!,
      value: 0,
    },
    constants: {
      ...spans.constants,
      ...typesOf(a.dtype, y.dtype, width),
      OP: op,
      RANK: rank,
      ADJACENT: String(width === 4),
    },
    workgroups: spans.workgroups,
    strided: true,
  });
}

const typesOf = (element: DType, result: DType, width: Width): Constants => ({
  Element: vectorOf(element, width),
  Result: vectorOf(result, width),
  Real: vectorOf('f32', width),
  Value: element,
});

function withNumber(op: string, x: Tensor, value: number, swapped: boolean, result: DType): Tensor {
  const y = allocate(x.runtime, x.shape, result);
  const none = [0];
  const width = widthFor(x.size);
  const size = x.size / width;
  const { workgroups, constants } = spansOf(x.runtime, size, width);
  launch(kernel, 'scalar', {
    inputs: [x],
    outputs: [y],
    params: {
      size,
      aStart: 0,
      bStart: 0,
      shape: none,
      aStrides: none,
      bStrides: none,
      value: scalarBits(nameOf(op), value, x.dtype),
    },
    constants: {
      ...constants,
      ...typesOf(x.dtype, result, width),
      OP: op,
      Carrier: CARRIER[x.dtype],
      SWAPPED: swapped ? 'true' : 'false',
    },
    workgroups,
  });
  return y;
}
