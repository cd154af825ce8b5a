// Ops along the rows of a matrix [R, C]: softmax, norms, cross-entropy. They are bound by memory.
//   bytes    forward: x in, y out.  backward besides: what the op saved and dy in, dx out.
//   flops    as the kernels count them: about 8 per element forward, 4 backward

import { crossEntropy } from '../../src/ops/cross_entropy.ts';
import { layerNorm, rmsNorm } from '../../src/ops/norm.ts';
import { logSoftmax, softmax } from '../../src/ops/softmax.ts';
import * as norms from '../../test/reference/norm.ts';
import * as softmaxes from '../../test/reference/softmax.ts';
import { draws } from '../inputs.ts';
import type { HostArrays, Item } from '../item.ts';
import { opItem } from '../op_item.ts';
import { type Part, refOf, rowsOf, sampledRows } from '../sample.ts';

type RowDirection = 'forward' | 'forward+backward';

const DIRECTIONS: readonly RowDirection[] = ['forward', 'forward+backward'];
const ROWS = 64; // compared from each end and the middle

const title = (op: string, R: number, C: number, direction: RowDirection) =>
  `${op} ${R}x${C}${direction === 'forward' ? '' : ' fwd+bwd'}`;

function softmaxItem(
  op: 'softmax' | 'logSoftmax',
  R: number,
  C: number,
  direction: RowDirection,
  quick = false,
): Item {
  const both = direction === 'forward+backward';
  return opItem({
    name: title(op, R, C, direction),
    family: 'softmax',
    shape: { R, C },
    sized: (R, C) => softmaxItem(op, R!, C!, direction),
    direction,
    flops: (both ? 12 : 8) * R * C,
    bytes: 4 * (both ? 5 : 2) * R * C, // backward: y and dy in, dx out
    quick,
    inputs(fits) {
      const { normal } = draws(fits);
      return { x: normal([R, C], 2), ...(both && { dy: normal([R, C]) }) };
    },
    reference: op === 'softmax' ? softmaxes.softmax : softmaxes.logSoftmax,
    call: ({ x }) => (op === 'softmax' ? softmax(x!) : logSoftmax(x!)),
    wanted: ['x'],
    parts: ({ x, dy }) =>
      sampledRows(R, ROWS).map(({ first, rows }) => ({
        inputs: { x: rowsOf(x!, first, rows) },
        ...(dy && { dout: rowsOf(dy, first, rows) }),
        starts: { out: first * C, dx: first * C },
      })),
  });
}

function normItem(
  op: 'layerNorm' | 'rmsNorm',
  R: number,
  C: number,
  direction: RowDirection,
  quick = false,
): Item {
  const both = direction === 'forward+backward';
  return opItem({
    name: title(op, R, C, direction),
    family: 'norm',
    shape: { R, C },
    sized: (R, C) => normItem(op, R!, C!, direction),
    direction,
    flops: (both ? 20 : 8) * R * C,
    bytes: 4 * (both ? 5 : 2) * R * C, // backward: x and dy in, dx out
    quick,
    inputs(fits) {
      const { normal, uniform } = draws(fits);
      return {
        x: normal([R, C]),
        weight: uniform([C], 0.5, 1.5),
        ...(op === 'layerNorm' && { bias: normal([C], 0.1) }),
        ...(both && { dy: normal([R, C]) }),
      };
    },
    reference: op === 'layerNorm' ? norms.layerNorm : norms.rmsNorm,
    call: ({ x, weight, bias }) =>
      op === 'layerNorm' ? layerNorm(x!, weight!, bias!) : rmsNorm(x!, weight!),
    wanted: op === 'layerNorm' ? ['x', 'weight', 'bias'] : ['x', 'weight'],
  });
}

/** Forward: the logits in. Backward: they are read again, and dlogits written. */
function crossEntropyItem(R: number, V: number, direction: RowDirection, quick = false): Item {
  const both = direction === 'forward+backward';
  return opItem({
    name: title('crossEntropy', R, V, direction),
    family: 'cross-entropy',
    shape: { R, V },
    sized: (R, V) => crossEntropyItem(R!, V!, direction),
    direction,
    flops: (both ? 12 : 6) * R * V,
    bytes: 4 * (both ? 3 : 1) * R * V,
    quick,
    inputs(fits) {
      const { normal, integers } = draws(fits);
      return { logits: normal([R, V], 2), targets: integers([R], V) };
    },
    reference: softmaxes.crossEntropy,
    call: ({ logits, targets }) => crossEntropy(logits!, targets!),
    wanted: ['logits'],
    parts: (inputs) => wholeLoss(inputs, both),
  });
}

/** The loss is one number of all rows, so all are compared; its upstream gradient is 1. */
function wholeLoss({ logits, targets }: HostArrays, both: boolean): Part[] {
  const one = { shape: [], data: Float64Array.of(1) };
  const inputs = { logits: refOf(logits!), targets: refOf(targets!) };
  return [{ inputs, ...(both && { dout: one }) }];
}

export const softmaxItems: readonly Item[] = DIRECTIONS.flatMap((direction) => [
  softmaxItem('softmax', 256, 128, direction, true),
  softmaxItem('softmax', 4096, 512, direction),
  softmaxItem('softmax', 256, 32_000, direction),
  softmaxItem('logSoftmax', 4096, 512, direction),
  softmaxItem('logSoftmax', 256, 32_000, direction),
]);

export const normItems: readonly Item[] = DIRECTIONS.flatMap((direction) => [
  normItem('layerNorm', 256, 128, direction, true),
  normItem('layerNorm', 4096, 512, direction),
  normItem('rmsNorm', 256, 128, direction, true),
  normItem('rmsNorm', 4096, 512, direction),
]);

export const crossEntropyItems: readonly Item[] = [
  crossEntropyItem(64, 512, 'forward+backward', true),
  crossEntropyItem(1024, 8192, 'forward'),
  crossEntropyItem(1024, 8192, 'forward+backward'),
];
