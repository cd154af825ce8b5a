// Causal self-attention, q, k, v: [B, H, T, D]. The causal half has P = B H T (T + 1) / 2 pairs of query and key.
//   flops    forward: q·k and p·v, 4 D per pair.  backward besides: q·k again, dv, dp, dq, dk: 10 D per pair
//   bytes    forward: q, k, v in, out out.  backward besides: these four and dy in, dq, dk, dv out

import { attention } from '../../src/ops/attention.ts';
import * as reference from '../../test/reference/attention.ts';
import { draws } from '../inputs.ts';
import type { HostArray, HostArrays, Item } from '../item.ts';
import { opItem } from '../op_item.ts';
import type { Part } from '../sample.ts';

export function attentionItem(
  T: number,
  both: boolean,
  { B = 4, H = 4, D = 32, quick = false } = {},
): Item {
  const pairs = (B * H * T * (T + 1)) / 2;
  const shape = [B, H, T, D];
  return opItem({
    name: `attention causal B${B} H${H} T${T} D${D}${both ? ' fwd+bwd' : ''}`,
    family: 'attention',
    shape: { B, H, T, D },
    sized: (B, H, T, D) => attentionItem(T!, both, { B: B!, H: H!, D: D! }),
    direction: both ? 'forward+backward' : 'forward',
    options: { causal: true },
    flops: (both ? 14 : 4) * D * pairs,
    bytes: 4 * (both ? 12 : 4) * B * H * T * D,
    quick,
    inputs(fits) {
      const { normal } = draws(fits);
      const [q, k, v] = [normal(shape), normal(shape), normal(shape)] as const;
      return { q, k, v, ...(both && { dy: normal(shape) }) };
    },
    reference: reference.attention,
    call: ({ q, k, v }) => attention(q!, k!, v!, { causal: true }),
    wanted: ['q', 'k', 'v'],
    parts: sample,
  });
}

const FIRST = 64; // positions compared at the other end

/**
 * All of the last head, as a gradient of an early key depends on every later query; of the first head the first
 * positions, whose outputs depend on nothing after them, and so do the gradients of their queries.
 */
function sample({ dy, ...inputs }: HostArrays): Part[] {
  const [, , T, D] = inputs.q!.shape as [number, number, number, number];
  const last = inputs.q!.data.length - T * D;
  const part = (start: number, length: number, names: readonly string[]): Part => {
    const take = ({ data }: HostArray) => ({
      shape: [1, 1, length, D],
      data: Float64Array.from(data.subarray(start, start + length * D)),
    });
    return {
      inputs: Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, take(x)])),
      ...(dy && { dout: take(dy) }),
      starts: Object.fromEntries(names.map((name) => [name, start])),
    };
  };
  return [part(last, T, ['out', 'dq', 'dk', 'dv']), part(0, Math.min(T, FIRST), ['out', 'dq'])];
}

export const attentionItems: readonly Item[] = [false, true].flatMap((both) => [
  attentionItem(64, both, { B: 1, H: 2, quick: true }),
  ...[128, 512, 2048].map((T) => attentionItem(T, both)),
]);
