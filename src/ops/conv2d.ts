// Convolution of images: a matrix product with their patches.

import source from '../../kernels/unfold.wgsl' with { type: 'text' };
import { ConfigError, DTypeError, ShapeError } from '../errors.ts';
import { format, type Shape } from '../tensor/shape.ts';
import { record } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { spansOf } from './elements.ts';
import { allocate, expectDType, expectShape, kernelFile, launch } from './launch.ts';
import { matmul } from './matmul.ts';
import { concat } from './shape_ops.ts';
import { reshape } from './view.ts';

const kernel = kernelFile('unfold', source);

type Pair = readonly [vertical: number, horizontal: number];

export interface ConvOptions {
  /** Pixels from one patch to the next. Default 1. */
  readonly stride?: number | Pair;
  /** Rows and columns of zeros on each side of the image. Default 0. */
  readonly padding?: number | Pair;
}

/**
 * y[b, o, p, q] = bias[o] + Σ_cij weight[o, c, i, j] x[b, c, p stride - padding + i, q stride - padding + j], as
 * torch.conv2d: x is 0 outside the image. The patches take C kh kw P Q elements per image.
 * @param x [B, C, H, W]   @param weight [O, C, kh, kw]   @param bias [O]; default none
 * @returns [B, O, P, Q], P = ⌊(H + 2 padding - kh) / stride⌋ + 1 and Q likewise
 * @throws ShapeError or DTypeError when the arguments do not fit; ConfigError for a stride or padding that is none.
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  { stride = 1, padding = 0 }: ConvOptions = {},
): Tensor {
  checkArguments(x, weight, bias);
  const [O, C, kh, kw] = weight.shape as [number, number, number, number];
  const patches = patchesOf(x.shape, {
    window: [kh, kw],
    stride: pairOf('stride', stride, 1),
    padding: pairOf('padding', padding, 0),
    constant: bias ? 1 : null,
  });
  const filters = reshape(weight, [O, C * kh * kw]);
  // The bias is the weight of a constant: the product adds it, and its gradient is the product's.
  const factors = bias ? concat([filters, reshape(bias, [O, 1])], { axis: 1 }) : filters;
  return reshape(matmul(factors, unfold(x, patches)), [x.shape[0]!, O, ...patches.pixels]);
}

interface Windows {
  readonly window: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** The value of a last row; null: there is none. */
  readonly constant: number | null;
}

interface Patches extends Windows {
  /** [B, C, H, W] */
  readonly images: Shape;
  readonly pixels: Pair;
}

/** The patches of x as columns: [B, C kh kw (+ 1), P Q]. */
function unfold(x: Tensor, patches: Patches): Tensor {
  const { images, pixels } = patches;
  const [B, C] = images as [number, number];
  const area = pixels[0] * pixels[1];
  const output = allocate(x.runtime, [B, rowsOf(patches), area], x.dtype);
  launch(kernel, 'unfold', {
    inputs: [x],
    outputs: [output],
    ...shareOut(patches, B * C * area, x),
  });
  return record({
    name: 'unfold',
    inputs: [x],
    output,
    saved: [],
    backward: (dy) => [fold(dy, patches)],
  });
}

/** The transpose of unfold: to each element of the images what the patches hold of it. */
function fold(columns: Tensor, patches: Patches): Tensor {
  const output = allocate(columns.runtime, patches.images, columns.dtype);
  launch(kernel, 'fold', {
    inputs: [columns],
    outputs: [output],
    ...shareOut(patches, output.size, columns),
    flops: columns.size,
  });
  return record({
    name: 'fold',
    inputs: [columns],
    output,
    saved: [],
    backward: (dx) => [unfold(dx, { ...patches, constant: patches.constant && 0 })],
  });
}

const rowsOf = ({ images, window, constant }: Patches): number =>
  images[1]! * window[0] * window[1] + Number(constant !== null);

/** A thread for each of `size` pixels. */
function shareOut(patches: Patches, size: number, { runtime, dtype }: Tensor) {
  const { images, pixels, window, stride, padding, constant } = patches;
  const { workgroups, constants } = spansOf(runtime, size);
  const [C, ...image] = images.slice(1) as [number, number, number];
  return {
    params: {
      size,
      C,
      rows: rowsOf(patches),
      image,
      pixels,
      window,
      stride,
      padding,
      constant: constant ?? 0,
    },
    constants: { ...constants, Element: dtype },
    workgroups,
  };
}

/** @throws ShapeError or DTypeError unless they are images, filters of as many channels, and a bias per filter. */
function checkArguments(x: Tensor, weight: Tensor, bias?: Tensor): void {
  expectDType('conv2d', 'x', x, 'f32', 'f16');
  for (const [name, other] of Object.entries({ weight, bias })) {
    if (!other || other.dtype === x.dtype) continue;
    throw new DTypeError(`conv2d: x is ${x.dtype} and ${name} ${other.dtype}; cast() one of them`);
  }
  if (x.rank !== 4 || weight.rank !== 4 || x.shape[1] !== weight.shape[1] || x.shape[1] === 0) {
    throw new ShapeError(
      `conv2d: x is ${format(x.shape)} and weight ${format(weight.shape)}; expected [B, C, H, W] and [O, C, kh, kw]`,
    );
  }
  if (bias) expectShape('conv2d', 'bias', bias, [weight.shape[0]!]);
}

/** @throws ConfigError unless they are whole numbers from `least` on. */
function pairOf(name: string, value: number | Pair, least: number): Pair {
  const pair = typeof value === 'number' ? ([value, value] as const) : value;
  if (pair.length === 2 && pair.every((n) => Number.isSafeInteger(n) && n >= least)) return pair;
  throw new ConfigError(
    `conv2d: ${name} is ${format(pair)}, expected a whole number from ${least} on, or two`,
  );
}

/** @throws ShapeError where the window is empty, or larger than the image with its padding. */
function patchesOf(images: Shape, windows: Windows): Patches {
  const { window, stride, padding } = windows;
  const along = (axis: 0 | 1) =>
    Math.floor((images[2 + axis]! + 2 * padding[axis] - window[axis]) / stride[axis]) + 1;
  const pixels = [along(0), along(1)] as const;
  if ([...window, ...pixels].every((n) => n >= 1)) return { ...windows, images, pixels };
  throw new ShapeError(
    `conv2d: a window of ${format(window)} does not fit into images of ${format(images.slice(2))} with padding ${format(padding)}`,
  );
}
