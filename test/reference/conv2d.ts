// Convolution of images, by its definition: one loop per index.

import { maxAbs, type Ref, zeros } from './array.ts';
import type { OpReference } from './case.ts';
import { reduction } from './tolerance.ts';

type Inputs = { x: Ref; weight: Ref; bias?: Ref };
type Options = { stride?: number | [number, number]; padding?: number | [number, number] };

const both = (value: number | [number, number]) =>
  typeof value === 'number' ? [value, value] : value;

function sizes({ x, weight }: Inputs, { stride = 1, padding = 0 }: Options) {
  const [B, C, H, W] = x.shape as [number, number, number, number];
  const [O, , kh, kw] = weight.shape as [number, number, number, number];
  const [down, right] = both(stride) as [number, number];
  const [top, left] = both(padding) as [number, number];
  const P = Math.floor((H + 2 * top - kh) / down) + 1;
  const Q = Math.floor((W + 2 * left - kw) / right) + 1;
  return { B, C, H, W, O, kh, kw, down, right, top, left, P, Q };
}

/** Calls `f(y, weight, x)` with the offsets of each product that is not with the padding. */
function eachProduct(
  inputs: Inputs,
  options: Options,
  f: (y: number, w: number, x: number) => void,
): void {
  const { B, C, H, W, O, kh, kw, down, right, top, left, P, Q } = sizes(inputs, options);
  for (let b = 0; b < B; b++)
    for (let o = 0; o < O; o++)
      for (let p = 0; p < P; p++)
        for (let q = 0; q < Q; q++)
          for (let c = 0; c < C; c++)
            for (let i = 0; i < kh; i++)
              for (let j = 0; j < kw; j++) {
                const [h, w] = [p * down - top + i, q * right - left + j];
                if (h < 0 || h >= H || w < 0 || w >= W) continue;
                f(
                  ((b * O + o) * P + p) * Q + q,
                  ((o * C + c) * kh + i) * kw + j,
                  ((b * C + c) * H + h) * W + w,
                );
              }
}

/** out[b, o, p, q] = bias[o] + Σ_cij weight[o, c, i, j] x[b, c, p stride - padding + i, q stride - padding + j] */
export const conv2d: OpReference<Inputs, Options, { out: Ref }> = {
  op: 'conv2d',
  args: ({ x, weight, bias }, attrs) => [x, weight, bias, attrs],
  forward(inputs, options) {
    const { B, O, P, Q } = sizes(inputs, options);
    const { x, weight, bias } = inputs;
    const out = zeros([B, O, P, Q]);
    if (bias)
      out.data.forEach((_, n) => {
        out.data[n] = bias.data[Math.floor(n / (P * Q)) % O]!;
      });
    eachProduct(inputs, options, (y, w, at) => {
      out.data[y]! += weight.data[w]! * x.data[at]!;
    });
    return { out };
  },
  backward(inputs, options, { out: dout }) {
    const { O, P, Q } = sizes(inputs, options);
    const [x, weight] = [zeros(inputs.x.shape), zeros(inputs.weight.shape)];
    eachProduct(inputs, options, (y, w, at) => {
      x.data[at]! += dout.data[y]! * inputs.weight.data[w]!;
      weight.data[w]! += dout.data[y]! * inputs.x.data[at]!;
    });
    if (!inputs.bias) return { x, weight };
    const bias = zeros([O]);
    dout.data.forEach((d, n) => {
      bias.data[Math.floor(n / (P * Q)) % O]! += d;
    });
    return { x, weight, bias };
  },
  tolerance(inputs, options, dout) {
    const { B, C, O, kh, kw, P, Q } = sizes(inputs, options);
    const [x, weight] = [maxAbs(inputs.x), maxAbs(inputs.weight)];
    const pixels = reduction(B * P * Q, x * dout);
    return {
      forward: reduction(C * kh * kw + 1, Math.max(x * weight, maxAbs(inputs.bias))),
      backward: {
        x: reduction(O * kh * kw, weight * dout),
        weight: pixels,
        bias: reduction(B * P * Q, dout),
      },
    };
  },
};
