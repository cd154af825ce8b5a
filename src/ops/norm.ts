// Layer norm and RMS norm over the last axis.

import source from '../../kernels/norm.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { sizeOf } from '../tensor/shape.ts';
import { type Gradients, record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, mul, pow, sub } from './binary.ts';
import { full } from './copy.ts';
import {
  allocate,
  expectDType,
  expectShape,
  groupsFor,
  kernelFile,
  lanesFor,
  launch,
} from './launch.ts';
import { mean, sumTo } from './reduce.ts';
import { square } from './unary.ts';

const kernel = kernelFile('norm', source);

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

type Name = 'layerNorm' | 'rmsNorm';

/** `parameters`: weight, and the layer norm's bias. */
function norm(name: Name, x: Tensor, parameters: readonly Tensor[], eps: number): Tensor {
  expectDType(name, 'x', x, 'f32', 'f16');
  const C = x.shape.at(-1);
  if (C === undefined) throw new ShapeError(`${name}: x is a scalar, expected [..., C]`);
  for (const [i, parameter] of parameters.entries()) {
    expectShape(name, ['weight', 'bias'][i]!, parameter, [C]);
    expectDType(name, ['weight', 'bias'][i]!, parameter, x.dtype);
  }
  const { output, stats } = normalise(name, x, parameters, eps);
  const inputs = [x, ...parameters];
  const wanted = inputs.map((input) => input.edge !== null);
  const zeros = () => inputs.map(({ shape }) => full(x.runtime, shape, 0, x.dtype));
  record({
    name,
    inputs,
    output,
    saved: [x, parameters[0]!, stats],
    backward: (dy, [x, weight]) =>
      x.size > 0 ? composedGradients(name, dy, x, weight, eps) : zeros(),
    fused: (dy, [x, weight, stats]) => {
      if (x.size === 0) return zeros();
      return [
        wanted[0] ? inputGradient(name, dy, x, weight, stats) : null,
        ...(wanted[1] || wanted[2] ? parameterGradients(name, dy, x, stats) : [null, null]),
      ];
    },
  });
  stats.dispose(); // the record holds it under a handle of its own
  return output;
}

/** y, and (mean, rstd) of each row, [rows, 2]. */
function normalise(name: Name, x: Tensor, parameters: readonly Tensor[], eps: number) {
  const rows = rowsOf(x);
  const output = allocate(x.runtime, x.shape, x.dtype);
  const stats = allocate(x.runtime, [rows, 2], 'f32');
  launch(kernel, name === 'layerNorm' ? 'layer_forward' : 'rms_forward', {
    inputs: [x, ...parameters],
    outputs: [output, stats],
    ...settings(name, x, { eps }),
    workgroups: x.size > 0 ? rows : 0,
    flops: 8 * x.size,
  });
  return { output, stats };
}

function inputGradient(name: Name, dy: Tensor, x: Tensor, weight: Tensor, stats: Tensor): Tensor {
  const dx = allocate(x.runtime, x.shape, x.dtype);
  launch(kernel, 'backward', {
    inputs: [x, weight, dy, stats],
    outputs: [dx],
    ...settings(name, x),
    workgroups: rowsOf(x),
    flops: 14 * x.size,
  });
  return dx;
}

/** In two stages, each of about √rows steps: the same order of additions on every run. */
function parameterGradients(name: Name, dy: Tensor, x: Tensor, stats: Tensor): Tensor[] {
  const { runtime, dtype } = x;
  const C = x.shape.at(-1)!;
  const blockRows = Math.max(16, Math.ceil(Math.sqrt(rowsOf(x))));
  const blocks = Math.ceil(rowsOf(x) / blockRows);
  using sums = allocate(runtime, [blocks, C, 2], 'f32');
  launch(kernel, 'partials', {
    inputs: [x, dy, stats],
    outputs: [sums],
    ...settings(name, x, { blockRows, blocks }),
    workgroups: blocks * groupsFor(C),
    flops: 5 * x.size,
  });
  const gradients = [allocate(runtime, [C], dtype)];
  if (name === 'layerNorm') gradients.push(allocate(runtime, [C], dtype));
  launch(kernel, name === 'layerNorm' ? 'layer_parameters' : 'rms_parameters', {
    inputs: [sums],
    outputs: gradients,
    ...settings(name, x, { blockRows, blocks }),
    workgroups: groupsFor(C),
    flops: 2 * sums.size,
  });
  return gradients;
}

/** The same by ops, from x̂ on, so that it can be differentiated again. */
function composedGradients(
  name: Name,
  dy: Tensor,
  x: Tensor,
  weight: Tensor,
  eps: number,
): Gradients {
  const perRow = { axis: -1, keepDims: true };
  const isLayer = name === 'layerNorm';
  const centred = isLayer ? sub(x, mean(x, perRow)) : x;
  const rstd = pow(add(mean(square(centred), perRow), eps), -0.5);
  const normalised = mul(centred, rstd);
  const g = mul(dy, weight);
  const across = sub(g, mul(normalised, mean(mul(g, normalised), perRow)));
  const dweight = sumTo(mul(dy, normalised), weight.shape);
  if (!isLayer) return [mul(rstd, across), dweight];
  return [mul(rstd, sub(across, mean(g, perRow))), dweight, sumTo(dy, weight.shape)];
}

function settings(name: Name, x: Tensor, { eps = 0, blockRows = 0, blocks = 0 } = {}) {
  return {
    params: { rows: rowsOf(x), C: x.shape.at(-1)!, eps, blockRows, blocks },
    constants: {
      Element: x.dtype,
      CENTRED: String(name === 'layerNorm'),
      LANES: lanesFor(x.runtime),
    },
  };
}

function rowsOf(x: Tensor): number {
  return sizeOf(x.shape.slice(0, -1));
}
