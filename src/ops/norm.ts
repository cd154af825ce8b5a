// Layer norm and RMS norm over the last axis, also of a sum on the residual stream.

import addSource from '../../kernels/add_norm.wgsl' with { type: 'text' };
import source from '../../kernels/norm.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import type { Constants } from '../gpu/wgsl.ts';
import { type Gradients, record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, mul, pow, sub } from './binary.ts';
import { full } from './copy.ts';
import { allocate, expectDType, expectShape, groupsFor, kernelFile, launch } from './launch.ts';
import { mean, sumTo } from './reduce.ts';
import { rowVectorsAlong } from './rows.ts';
import { square } from './unary.ts';

const kernel = kernelFile('norm', source);
const addKernel = kernelFile('add_norm', addSource);

export interface NormOptions {
  /** Added to the variance, or to the mean square, under the root. */
  readonly eps?: number;
}

/**
 * y = (x - mean x) / √(variance x + eps) * weight + bias over the last axis (Ba et al. 2016); y has x's shape.
 * @param x [..., C], f32 or f16.   @param weight [C]   @param bias [C]; both of x's type.
 * @param options eps 1e-5 by default, as PyTorch.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function layerNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  { eps = 1e-5 }: NormOptions = {},
): Tensor {
  return norm('layerNorm', x, [weight, bias], eps);
}

/**
 * y = x / √(mean x² + eps) * weight over the last axis (Zhang & Sennrich 2019); y has x's shape.
 * @param x [..., C], f32 or f16.   @param weight [C], of x's type.
 * @param options eps 1e-6 by default, as Llama.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function rmsNorm(x: Tensor, weight: Tensor, { eps = 1e-6 }: NormOptions = {}): Tensor {
  return norm('rmsNorm', x, [weight], eps);
}

/** A sum on the residual stream, and its norm; both of x's shape. */
export interface NormedSum {
  readonly sum: Tensor;
  readonly normed: Tensor;
}

/**
 * sum = x + residual and normed = layerNorm(sum, weight, bias), in one pass.
 * @param x [..., C], f32 or f16.   @param residual of x's shape and type.   The others as layerNorm's.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function addLayerNorm(
  x: Tensor,
  residual: Tensor,
  weight: Tensor,
  bias: Tensor,
  { eps = 1e-5 }: NormOptions = {},
): NormedSum {
  return addNorm('addLayerNorm', x, residual, [weight, bias], eps);
}

/**
 * sum = x + residual and normed = rmsNorm(sum, weight), in one pass.
 * @param x [..., C], f32 or f16.   @param residual of x's shape and type.   The others as rmsNorm's.
 * @throws ShapeError or DTypeError when the arguments do not fit.
 */
export function addRmsNorm(
  x: Tensor,
  residual: Tensor,
  weight: Tensor,
  { eps = 1e-6 }: NormOptions = {},
): NormedSum {
  return addNorm('addRmsNorm', x, residual, [weight], eps);
}

/** `parameters`: weight, and the layer norm's bias, which tells it from the RMS norm. */
function norm(name: string, x: Tensor, parameters: readonly Tensor[], eps: number): Tensor {
  check(name, x, parameters);
  const { rows, cols, workgroups, constants } = rowVectorsAlong(name, x, -1);
  const y = allocate(x.runtime, x.shape, x.dtype);
  using stats = allocate(x.runtime, [rows, 2], 'f32');
  launch(kernel, 'forward', {
    inputs: [x, parameters[0]!, parameters.at(-1)!],
    outputs: [y, stats],
    params: { rows, C: cols, eps, blockRows: 0, blocks: 0 },
    constants: { ...constants, ...variantOf(parameters) },
    workgroups: x.size > 0 ? workgroups : 0,
    flops: 8 * x.size,
  });
  return recordNorm(name, x, parameters, { y, stats, eps });
}

/** The sum is recorded apart: its gradient waits when the norm's arrives, whose kernel adds the two. */
function addNorm(
  name: string,
  x: Tensor,
  residual: Tensor,
  parameters: readonly Tensor[],
  eps: number,
): NormedSum {
  check(name, x, parameters);
  expectShape(name, 'residual', residual, x.shape);
  expectDType(name, 'residual', residual, x.dtype);
  const { rows, cols, workgroups, constants } = rowVectorsAlong(name, x, -1);
  const [sum, y] = [0, 1].map(() => allocate(x.runtime, x.shape, x.dtype)) as [Tensor, Tensor];
  using stats = allocate(x.runtime, [rows, 2], 'f32');
  launch(addKernel, 'forward', {
    inputs: [x, residual, parameters[0]!, parameters.at(-1)!],
    outputs: [sum, y, stats],
    params: { rows, C: cols, eps },
    constants: { ...constants, ...variantOf(parameters) },
    workgroups: x.size > 0 ? workgroups : 0,
    flops: 9 * x.size,
  });
  record({
    name: 'add',
    inputs: [x, residual],
    output: sum,
    saved: [],
    backward: (dy) => [dy, dy],
  });
  return { sum, normed: recordNorm(name, sum, parameters, { y, stats, eps }) };
}

interface Normed {
  readonly y: Tensor;
  /** (mean, rstd) of each row, [rows, 2]. */
  readonly stats: Tensor;
  readonly eps: number;
}

function recordNorm(
  name: string,
  x: Tensor,
  parameters: readonly Tensor[],
  { y, stats, eps }: Normed,
): Tensor {
  const centred = parameters.length === 2;
  const inputs = [x, ...parameters];
  const wanted = inputs.map((input) => input.edge !== null);
  const zeros = () => inputs.map(({ shape }) => full(x.runtime, shape, 0, x.dtype));
  return record({
    name,
    inputs,
    output: y,
    saved: [x, ...parameters, stats],
    backward: (dy, saved) =>
      x.size > 0 ? composedGradients(dy, saved[0]!, saved[1]!, { centred, eps }) : zeros(),
    fused: (dy, saved, take) => {
      if (x.size === 0) return zeros();
      const [x0, ...rest] = saved;
      const savedStats = rest.pop()!;
      return [
        wanted[0] ? inputGradient(name, dy, x0!, rest, savedStats, take(0)) : null,
        ...(wanted[1] || wanted[2]
          ? parameterGradients(name, dy, x0!, rest, savedStats)
          : parameters.map(() => null)),
      ];
    },
  });
}

/** dx, and what else has reached x. */
function inputGradient(
  name: string,
  dy: Tensor,
  x: Tensor,
  parameters: readonly Tensor[],
  stats: Tensor,
  waiting: Tensor | null,
): Tensor {
  const { rows, cols, workgroups, constants } = rowVectorsAlong(name, x, -1);
  const dx = allocate(x.runtime, x.shape, x.dtype);
  launch(kernel, 'backward', {
    inputs: [x, parameters[0]!, dy, stats, waiting ?? dy],
    outputs: [dx],
    params: { rows, C: cols, eps: 0, blockRows: 0, blocks: 0 },
    constants: {
      ...constants,
      ...variantOf(parameters),
      WAITING: String(waiting !== null),
    },
    workgroups,
    flops: 14 * x.size,
  });
  return dx;
}

/** In two stages, each of about √rows steps: the same order of additions on every run. */
function parameterGradients(
  name: string,
  dy: Tensor,
  x: Tensor,
  parameters: readonly Tensor[],
  stats: Tensor,
): Tensor[] {
  const { runtime, dtype } = x;
  const { rows, cols: C, width, constants: ofRows } = rowVectorsAlong(name, x, -1);
  const constants = { ...ofRows, ...variantOf(parameters) };
  const blockRows = Math.max(16, Math.ceil(Math.sqrt(rows)));
  const blocks = Math.ceil(rows / blockRows);
  const params = { rows, C, eps: 0, blockRows, blocks };
  using sums = allocate(runtime, [blocks, 2, C], 'f32');
  launch(kernel, 'partials', {
    inputs: [x, dy, stats],
    outputs: [sums],
    params,
    constants,
    workgroups: blocks * groupsFor(C / width),
    flops: 5 * x.size,
  });
  const gradients = parameters.map(() => allocate(runtime, [C], dtype));
  launch(kernel, parameters.length === 2 ? 'layer_parameters' : 'rms_parameters', {
    inputs: [sums],
    outputs: gradients,
    params,
    constants,
    workgroups: groupsFor(C / width),
    flops: 2 * sums.size,
  });
  return gradients;
}

/** The same by ops, from x̂ on, so that it can be differentiated again. */
function composedGradients(
  dy: Tensor,
  x: Tensor,
  weight: Tensor,
  { centred, eps }: { centred: boolean; eps: number },
): Gradients {
  const perRow = { axis: -1, keepDims: true };
  const shifted = centred ? sub(x, mean(x, perRow)) : x;
  const rstd = pow(add(mean(square(shifted), perRow), eps), -0.5);
  const normalised = mul(shifted, rstd);
  const g = mul(dy, weight);
  const across = sub(g, mul(normalised, mean(mul(g, normalised), perRow)));
  const dweight = sumTo(mul(dy, normalised), weight.shape);
  if (!centred) return [mul(rstd, across), dweight];
  return [mul(rstd, sub(across, mean(g, perRow))), dweight, sumTo(dy, weight.shape)];
}

function variantOf(parameters: readonly Tensor[]): Constants {
  return { CENTRED: String(parameters.length === 2) };
}

function check(name: string, x: Tensor, parameters: readonly Tensor[]): void {
  expectDType(name, 'x', x, 'f32', 'f16');
  const C = x.shape.at(-1);
  if (C === undefined) throw new ShapeError(`${name}: x is a scalar, expected [..., C]`);
  for (const [i, parameter] of parameters.entries()) {
    expectShape(name, ['weight', 'bias'][i]!, parameter, [C]);
    expectDType(name, ['weight', 'bias'][i]!, parameter, x.dtype);
  }
}
