// Reductions over one axis, several, or all. The sum is a kernel; the others are made of it, of argmax and of
// elementwise ops, and get their derivatives of any order from them.

import source from '../../kernels/reduce.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { format, resolveAxes, type Shape, sizeOf, stretchedAxes } from '../tensor/shape.ts';
import { record, untaped } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, div, mul, sub } from './binary.ts';
import { full } from './copy.ts';
import { gather } from './gather.ts';
import { allocate, expectDType, groupsFor, kernelFile, lanesFor, launch } from './launch.ts';
import { argmax } from './top_k.ts';
import { clamp, exp, log, neg, square } from './unary.ts';
import { expand, permute, reshape } from './view.ts';

export interface ReduceOptions {
  /** Axis or axes to reduce; default all. Negative ones count from the back. */
  readonly axis?: number | readonly number[];
  /** Keep the reduced axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

const kernel = kernelFile('reduce', source);

const LARGEST = 3.4028234663852886e38;
const CHUNK = 1024; // rows that one thread or workgroup sums at most before the work is split

/** Σ x over the axes; 0 for no elements. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return scaledSum('sum', x, 1, options);
}

/** The mean over the axes. @throws ShapeError for no elements. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return scaledSum('mean', x, 1 / count('mean', x, options), options);
}

/** The largest value over the axes; its gradient goes to the first of the largest. @throws ShapeError for no elements. */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  const rows = asRows('max', x, options);
  return pick(rows, argmax(rows, { keepDims: true }), keptShape('max', x, options));
}

/** The smallest value over the axes; its gradient goes to the first of the smallest. */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  const rows = asRows('min', x, options);
  const first = untaped(() => argmax(neg(rows), { keepDims: true }));
  return pick(rows, first, keptShape('min', x, options));
}

/** ln Σ eˣ over the axes, without overflow. */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  count('logSumExp', x, options); // fails under this name, not as max
  // The shift cancels, so it needs no gradient.
  // Kept finite: where every logit is -∞, x - top must not be ∞ - ∞.
  const top = untaped(() =>
    clamp(max(x, { ...options, keepDims: true }), { min: -LARGEST, max: LARGEST }),
  );
  const shifted = log(sum(exp(sub(x, top)), options));
  return add(shifted, reshape(top, shifted.shape));
}

/** The variance over the axes: Σ (x - mean)² / (n - correction). Default correction 0, the population's. */
export function variance(
  x: Tensor,
  { correction = 0, ...options }: ReduceOptions & { correction?: 0 | 1 } = {},
): Tensor {
  const n = count('variance', x, options);
  const centred = sub(x, mean(x, { ...options, keepDims: true }));
  return div(sum(square(centred), options), n - correction);
}

/** Σ x over the axes along which `shape` was stretched to x's shape: the gradient of broadcasting. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const axis = stretchedAxes(shape, x.shape);
  return axis.length === 0 ? x : reshape(sum(x, { axis }), shape);
}

/** scale Σ x: the mean's factor costs no launch of its own. */
function scaledSum(name: string, x: Tensor, scale: number, options: ReduceOptions): Tensor {
  expectDType(name, 'x', x, 'f32', 'f16');
  const axes = resolveAxes(name, options.axis, x.rank);
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const shape = keptShape(name, x, options);
  const output = reduceAxes(x, axes, shape, scale);
  return record({
    name,
    inputs: [x],
    output,
    saved: [],
    backward: (dy) => {
      const scaled = scale === 1 ? dy : mul(dy, scale);
      return [expand(reshape(scaled, kept), x.shape)];
    },
  });
}

/** The sum itself, outside the tape: brings the axes together, then one or two launches. */
function reduceAxes(
  x: Tensor,
  axes: readonly number[],
  shape: readonly number[],
  scale: number,
): Tensor {
  const length = sizeOf(axes.map((axis) => x.shape[axis]!));
  if (x.size === 0) return full(x.runtime, shape, 0, x.dtype);
  const adjacent = axes.every((axis, i) => i === 0 || axis === axes[i - 1]! + 1);
  const last = axes.at(-1) ?? x.rank - 1;
  const inner = adjacent ? sizeOf(x.shape.slice(last + 1)) : 1;
  // Axes that are apart are moved to the back.
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  return untaped(() => {
    const together = adjacent ? x : permute(x, [...others, ...axes]);
    return reduceMiddle(
      together,
      { outer: x.size / (length * inner), length, inner },
      shape,
      scale,
    );
  });
}

interface Geometry {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

function reduceMiddle(
  x: Tensor,
  { outer, length, inner }: Geometry,
  shape: readonly number[],
  scale: number,
): Tensor {
  const chunks = Math.ceil(length / CHUNK);
  const whole = chunks === 1;
  const outputs = outer * chunks * inner;
  const partialType: DType = whole ? x.dtype : 'f32';
  const y = whole
    ? allocate(x.runtime, shape, x.dtype)
    : allocate(x.runtime, [outer, chunks, inner], partialType);
  launch(kernel, inner === 1 ? 'rows' : 'columns', {
    inputs: [x],
    outputs: [y],
    params: { outputs, length, inner, chunks, chunkLength: CHUNK, scale: whole ? scale : 1 },
    constants: { Element: x.dtype, Result: partialType, LANES: lanesFor(x.runtime) },
    workgroups: inner === 1 ? outputs : groupsFor(outputs),
    flops: x.size,
  });
  if (whole) return y;
  const total = reduceMiddle(y, { outer, length: chunks, inner }, shape, scale);
  y.dispose();
  return total;
}

/** x with the reduced axes gathered in one last axis. */
function asRows(name: string, x: Tensor, options: ReduceOptions): Tensor {
  expectDType(name, 'x', x, 'f32', 'f16');
  const axes = resolveAxes(name, options.axis, x.rank);
  const length = count(name, x, options);
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  return reshape(permute(x, [...others, ...axes]), [x.size / length, length]);
}

function pick(rows: Tensor, indices: Tensor, shape: readonly number[]): Tensor {
  return reshape(gather(rows, indices, { axis: 1 }), shape);
}

function keptShape(name: string, x: Tensor, { axis, keepDims = false }: ReduceOptions): number[] {
  const axes = resolveAxes(name, axis, x.rank);
  if (keepDims) return x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  return x.shape.filter((_, i) => !axes.includes(i));
}

/** Elements that go into one result. */
function count(name: string, x: Tensor, { axis }: ReduceOptions): number {
  const length = sizeOf(resolveAxes(name, axis, x.rank).map((i) => x.shape[i]!));
  if (length === 0) throw new ShapeError(`${name}: nothing to reduce in shape ${format(x.shape)}`);
  return length;
}
