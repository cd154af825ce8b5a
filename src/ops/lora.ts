// A linear layer with a low-rank update (LoRA, Hu et al. 2021).

import { ShapeError } from '../errors.ts';
import { format, sizeOf } from '../tensor/shape.ts';
import { record, untaped } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, mul } from './binary.ts';
import { expectDType, expectShape } from './launch.ts';
import { linear, timesWeight } from './linear.ts';
import { matmul, multiplyInto } from './matmul.ts';
import { weightShape } from './packed.ts';
import { reshape, transpose } from './view.ts';

export interface LoraOptions {
  /** The update is scaled by alpha / rank. */
  readonly alpha: number;
  /** r, the rows of a. */
  readonly rank: number;
}

const BOTH_TRANSPOSED = { transposeA: true, transposeB: true } as const;

/**
 * y = x Wᵀ + (alpha / rank) (x aᵀ) bᵀ: x [..., in], weight W [out, in], a [r, in], b [out, r] -> [..., out].
 * W gets a gradient only if it requires one: usually it is frozen, and may then be packed (`packWeight`).
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
  // h = s a xᵀ, [r, M]: a product of few rows wastes less of its tiles than one of few columns (2.4 times as fast).
  const { y, h } = untaped(() => {
    const rows = flatten(x);
    const y = linear(rows, weight);
    const h = mul(matmul(a, rows, { transposeB: true }), scale);
    // A second pass over y, 4 to 8 % of the product for ranks 8 and 16 on lavapipe. Sums of the rank in the product's
    // own kernels would take 0 to 4 %: too little for a second loop in each of them.
    multiplyInto(y, transpose(h), transpose(b), { accumulate: true });
    return { y: reshape(y, [...x.shape.slice(0, -1), outputs]), h };
  });
  const wanted = [x, weight, a, b].map((input) => input.edge !== null);
  const output = record({
    name: 'loraLinear',
    inputs: [x, weight, a, b],
    output: y,
    saved: [x, weight, a, b, h],
    // dh = s bᵀ dyᵀ     dx = dy W + dhᵀ a     dW = dyᵀ x     da = dh x     db = (h dy)ᵀ
    backward: (dy, [x, weight, a, b]) => {
      const [g, rows] = [flatten(dy), flatten(x)];
      const dh = mul(matmul(b, g, BOTH_TRANSPOSED), scale);
      const h = mul(matmul(a, rows, { transposeB: true }), scale);
      return [
        wanted[0]
          ? reshape(add(timesWeight(g, weight), matmul(dh, a, { transposeA: true })), x.shape)
          : null,
        wanted[1] ? matmul(g, rows, { transposeA: true }) : null,
        wanted[2] ? matmul(dh, rows) : null,
        wanted[3] ? transpose(matmul(h, g)) : null,
      ];
    },
    // The same with the update of dx in place, and with the h of the forward pass, which is scaled.
    fused: (dy, [x, weight, a, b, h]) => {
      const [g, rows] = [flatten(dy), flatten(x)];
      const dh = wanted[0] || wanted[2] ? mul(matmul(b, g, BOTH_TRANSPOSED), scale) : null;
      const dx = wanted[0] ? timesWeight(g, weight) : null;
      if (dx && dh) multiplyInto(dx, transpose(dh), a, { accumulate: true });
      return [
        dx && reshape(dx, x.shape),
        wanted[1] ? matmul(g, rows, { transposeA: true }) : null,
        dh && wanted[2] ? matmul(dh, rows) : null,
        wanted[3] ? transpose(matmul(h, g)) : null,
      ];
    },
  });
  h.dispose();
  return output;
}

function checkInputs(x: Tensor, weight: Tensor, a: Tensor, b: Tensor, rank: number): void {
  for (const [name, input] of Object.entries({ x, a, b })) {
    expectDType('loraLinear', name, input, 'f32');
  }
  expectDType('loraLinear', 'weight', weight, 'f32', 'u32');
  const inputs = x.shape.at(-1);
  const shape = weightShape(weight);
  if (inputs === undefined || weight.rank !== 2 || shape[1] !== inputs) {
    throw new ShapeError(
      `loraLinear: x is ${format(x.shape)} and weight ${format(shape)}; expected [..., in] and [out, in]`,
    );
  }
  expectShape('loraLinear', 'a', a, [rank, inputs]);
  expectShape('loraLinear', 'b', b, [weight.shape[0]!, rank]);
}
