// A linear layer with a low-rank update (LoRA, Hu et al. 2021).

import source from '../../kernels/lora.wgsl' with { type: 'text' };
import { ShapeError } from '../errors.ts';
import { format, sizeOf } from '../tensor/shape.ts';
import { record, untaped } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, mul } from './binary.ts';
import { bindingStart, expectDType, expectShape, kernelFile, launch } from './launch.ts';
import { linear } from './linear.ts';
import { matmul } from './matmul.ts';
import { reshape, transpose } from './view.ts';

const kernel = kernelFile('lora', source);

// The kernel's constants.
const THREADS = 64;
const ROWS = 4;

export interface LoraOptions {
  /** The update is scaled by alpha / rank. */
  readonly alpha: number;
  /** r, the rows of a. */
  readonly rank: number;
}

/**
 * y = x Wᵀ + (alpha / rank) (x aᵀ) bᵀ: x [..., in], weight W [out, in], a [r, in], b [out, r] -> [..., out].
 * W gets a gradient only if it requires one: usually it is frozen.
 */
export function loraLinear(
  x: Tensor,
  weight: Tensor,
  a: Tensor,
  b: Tensor,
  { alpha, rank }: LoraOptions,
): Tensor {
  checkInputs(x, weight, a, b, rank);
  const outputs = weight.shape[0]!;
  const scale = alpha / rank;
  const M = sizeOf(x.shape.slice(0, -1));
  const flatten = (x: Tensor) => reshape(x, [M, x.shape.at(-1)!]);
  const { y, h } = untaped(() => {
    const rows = flatten(x);
    const y = linear(rows, weight);
    const h = matmul(rows, a, { transposeB: true });
    addUpdate(y, h, b, scale);
    return { y: reshape(y, [...x.shape.slice(0, -1), outputs]), h };
  });
  const wanted = [x, weight, a, b].map((input) => input.edge !== null);
  const output = record({
    name: 'loraLinear',
    inputs: [x, weight, a, b],
    output: y,
    saved: [x, weight, a, b, h],
    // dh = s dy b     dx = dy W + dh a     dW = dyᵀ x     da = dhᵀ x     db = s dyᵀ h
    backward: (dy, [x, weight, a, b]) => {
      const [g, rows] = [flatten(dy), flatten(x)];
      const dh = mul(matmul(g, b), scale);
      const h = mul(matmul(rows, a, { transposeB: true }), scale);
      return [
        wanted[0] ? reshape(add(matmul(g, weight), matmul(dh, a)), x.shape) : null,
        wanted[1] ? matmul(g, rows, { transposeA: true }) : null,
        wanted[2] ? matmul(dh, rows, { transposeA: true }) : null,
        wanted[3] ? matmul(g, h, { transposeA: true }) : null,
      ];
    },
    // The same in one pass over dx, and with the h of the forward pass.
    fused: (dy, [x, weight, a, b, h]) => {
      const [g, rows] = [flatten(dy), flatten(x)];
      const dh = wanted[0] || wanted[2] ? mul(matmul(g, b), scale) : null;
      const dx = wanted[0] ? matmul(g, weight) : null;
      if (dx && dh) addUpdate(dx, dh, transpose(a), 1);
      return [
        dx && reshape(dx, x.shape),
        wanted[1] ? matmul(g, rows, { transposeA: true }) : null,
        dh && wanted[2] ? matmul(dh, rows, { transposeA: true }) : null,
        wanted[3] ? matmul(g, mul(h, scale), { transposeA: true }) : null,
      ];
    },
  });
  h.dispose();
  return output;
}

/** y += scale h bᵀ, in place: y [M, N], h [M, R], b [N, R] by strides. */
function addUpdate(y: Tensor, h: Tensor, b: Tensor, scale: number): void {
  const [M, N] = y.shape as [number, number];
  const R = h.shape[1]!;
  if (R === 0) return;
  const tilesN = Math.ceil(N / THREADS);
  launch(kernel, 'add_update', {
    inputs: [h, b],
    outputs: [y],
    params: { M, N, R, tilesN, bStart: bindingStart(b), bStrides: [...b.strides], scale },
    workgroups: Math.ceil(M / ROWS) * tilesN,
    flops: 2 * M * N * R,
    strided: true,
  });
}

function checkInputs(x: Tensor, weight: Tensor, a: Tensor, b: Tensor, rank: number): void {
  for (const [name, input] of Object.entries({ x, weight, a, b })) {
    expectDType('loraLinear', name, input, 'f32');
  }
  const inputs = x.shape.at(-1);
  if (inputs === undefined || weight.rank !== 2 || weight.shape[1] !== inputs) {
    throw new ShapeError(
      `loraLinear: x is ${format(x.shape)} and weight ${format(weight.shape)}; expected [..., in] and [out, in]`,
    );
  }
  expectShape('loraLinear', 'a', a, [rank, inputs]);
  expectShape('loraLinear', 'b', b, [weight.shape[0]!, rank]);
}
