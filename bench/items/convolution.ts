// Convolution of images, forward+backward: x [B, C, H, W], O filters of kh x kw, no padding, P Q pixels of output.
//   flops    2 B O P Q C kh kw, three times: y, dx and dweight
//   bytes    x, weight, y; backward: dy, x and weight in, dx and dweight out

import { conv2d } from '../../src/ops/conv2d.ts';
import * as reference from '../../test/reference/conv2d.ts';
import { draws } from '../inputs.ts';
import type { Item } from '../item.ts';
import { opItem } from '../op_item.ts';
import { refOf, rowsOf, sampledRows } from '../sample.ts';

interface Layer {
  readonly images: readonly [B: number, C: number, H: number, W: number];
  readonly filters: readonly [O: number, kh: number, kw: number];
  readonly stride: number;
}

function convolutionItem(
  { images, filters, stride }: Layer,
  direction: Item['direction'],
  quick = false,
): Item {
  const [B, C, H, W] = images;
  const [O, kh, kw] = filters;
  const [P, Q] = [Math.floor((H - kh) / stride) + 1, Math.floor((W - kw) / stride) + 1];
  const both = direction === 'forward+backward';
  const [x, weight, y] = [B * C * H * W, O * C * kh * kw, B * O * P * Q];
  const flops = 2 * y * C * kh * kw;
  return opItem({
    name: `conv2d ${images.join('x')} ${O} of ${kh}x${kw} stride ${stride}${both ? ' fwd+bwd' : ''}`,
    family: 'convolution',
    shape: { B, C, H, W, O, kh, kw },
    direction,
    options: { stride },
    flops: (both ? 3 : 1) * flops,
    bytes: 4 * (both ? 3 * (x + weight) + 2 * y : x + weight + y),
    quick,
    inputs(fits) {
      const { normal } = draws(fits);
      return {
        x: normal([B, C, H, W]),
        weight: normal([O, C, kh, kw], 0.1),
        bias: normal([O], 0.1),
        ...(both && { dy: normal([B, O, P, Q]) }),
      };
    },
    reference: reference.conv2d,
    call: ({ x, weight, bias }) => conv2d(x!, weight!, bias!, { stride }),
    wanted: ['x', 'weight', 'bias'],
    // Of large batches some images; the gradients of what all share would need all.
    ...(B > 64 &&
      !both && {
        parts: ({ x, weight, bias }) =>
          sampledRows(B, 4).map(({ first, rows }) => ({
            inputs: { x: rowsOf(x!, first, rows, 3), weight: refOf(weight!), bias: refOf(bias!) },
            starts: { out: first * O * P * Q },
          })),
      }),
  });
}

const SCREEN: Layer = { images: [64, 4, 10, 10], filters: [16, 3, 3], stride: 1 };
const GAMES: Layer = { images: [256, 4, 10, 10], filters: [16, 3, 3], stride: 1 };
const ATARI: Layer = { images: [16, 4, 84, 84], filters: [32, 8, 8], stride: 4 };

export const convolutionItems: readonly Item[] = [
  convolutionItem(SCREEN, 'forward', true),
  convolutionItem(SCREEN, 'forward+backward', true),
  convolutionItem(GAMES, 'forward'),
  convolutionItem(ATARI, 'forward+backward'),
];
