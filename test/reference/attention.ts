// Rotary positions and scaled dot-product attention.

import { maxAbs, type Ref, sizeOf, zeros } from './array.ts';
import type { OpReference } from './case.ts';
import { reduction } from './tolerance.ts';

type RopeInputs = { x: Ref; positions?: Ref };
type RopeOptions = { base?: number; interleaved?: boolean; offset?: number };

/** The position of row r of x seen as [rows, D]; positions: [T], or [B, T] with B the first axis of x. */
function positionOf(x: Ref, positions: Ref | undefined, offset: number) {
  const T = x.shape.at(-2)!;
  if (!positions) return (row: number) => offset + (row % T);
  const rowsPerBatch = sizeOf(x.shape.slice(1, -1));
  const batch = (row: number) =>
    positions.shape.length === 1 ? 0 : Math.floor(row / rowsPerBatch);
  return (row: number) => positions.data[batch(row) * T + (row % T)]!;
}

/** Turns each pair of the last axis by sign * position * base^(-2 pair / D). */
function rotate(x: Ref, positions: Ref | undefined, attrs: RopeOptions, sign: number): Ref {
  const { base = 10000, interleaved = false, offset = 0 } = attrs;
  const D = x.shape.at(-1)!;
  const position = positionOf(x, positions, offset);
  const out = zeros(x.shape);
  for (let row = 0; row < sizeOf(x.shape.slice(0, -1)); row++) {
    for (let pair = 0; pair < D / 2; pair++) {
      const angle = sign * position(row) * base ** ((-2 * pair) / D);
      const i = row * D + (interleaved ? 2 * pair : pair);
      const j = interleaved ? i + 1 : i + D / 2;
      out.data[i] = x.data[i]! * Math.cos(angle) - x.data[j]! * Math.sin(angle);
      out.data[j] = x.data[i]! * Math.sin(angle) + x.data[j]! * Math.cos(angle);
    }
  }
  return out;
}

/** x: [..., T, D]. Backward turns the gradient back. */
export const rope: OpReference<RopeInputs, RopeOptions, { out: Ref }> = {
  op: 'rope',
  forward: ({ x, positions }, attrs) => ({ out: rotate(x, positions, attrs, 1) }),
  backward: ({ x, positions }, attrs, { out: dout }) => ({
    x: rotate({ shape: x.shape, data: dout.data }, positions, attrs, -1),
  }),
  args: ({ x, positions }, attrs) => [
    x,
    { ...attrs, ...(positions !== undefined && { positions }) },
  ],
  tolerance: ({ x }, _attrs, dout) => ({
    forward: reduction(4, Math.max(1, maxAbs(x))),
    backward: reduction(4, Math.max(1, dout)),
  }),
};

type AttentionInputs = {
  q: Ref;
  k: Ref;
  v: Ref;
  keyMask?: Ref;
  keyLengths?: Ref;
  documents?: Ref;
};
type AttentionOptions = { causal?: boolean; scale?: number };

/** Offsets and sizes of q: [B, H, Tq, D] and k, v: [B, Hkv, Tk, D]; query head h reads key head ⌊h Hkv / H⌋. */
function sizes({ q, k }: AttentionInputs, attrs: AttentionOptions) {
  const [B, H, Tq, D] = q.shape as [number, number, number, number];
  const [, Hkv, Tk] = k.shape as [number, number, number];
  return { B, H, Tq, D, Hkv, Tk, scale: attrs.scale ?? 1 / Math.sqrt(D) };
}

/**
 * Whether query i of batch b sees key j; causal is aligned to the last key: j <= i + Tk - Tq. `documents` [B, T, 2]: the
 * range of positions that a position sees.
 */
function sees(
  { keyMask, keyLengths, documents }: AttentionInputs,
  causal: boolean,
  Tq: number,
  Tk: number,
) {
  const within = (range: Float64Array, at: number, j: number) =>
    range[at]! <= j && j < range[at + 1]!;
  return (b: number, i: number, j: number) =>
    (!documents || within(documents.data, 2 * (b * Tk + i), j)) &&
    (!causal || j <= i + Tk - Tq) &&
    (!keyLengths || j < keyLengths.data[b]!) &&
    keyMask?.data[b * Tk + j] !== 0;
}

function dot(a: Float64Array, i: number, b: Float64Array, j: number, length: number): number {
  let total = 0;
  for (let d = 0; d < length; d++) total += a[i + d]! * b[j + d]!;
  return total;
}

/** Softmax over the keys that are seen; the others, and all of a row that sees none, are 0. */
function probabilities(scores: (number | undefined)[]): number[] {
  const top = Math.max(...scores.filter((s) => s !== undefined));
  const weights = scores.map((s) => (s === undefined ? 0 : Math.exp(s - top)));
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => (total === 0 ? 0 : w / total));
}

/** visit(p, offset of the query row, offset of key row j = 0) for every query of every head. */
function forEachQuery(
  inputs: AttentionInputs,
  attrs: AttentionOptions,
  visit: (p: number[], query: number, keys: number) => void,
) {
  const { B, H, Tq, D, Hkv, Tk, scale } = sizes(inputs, attrs);
  const visible = sees(inputs, attrs.causal ?? false, Tq, Tk);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const keys = (b * Hkv + Math.floor((h * Hkv) / H)) * Tk * D;
      for (let i = 0; i < Tq; i++) {
        const query = ((b * H + h) * Tq + i) * D;
        const scores = Array.from({ length: Tk }, (_, j) =>
          visible(b, i, j)
            ? scale * dot(inputs.q.data, query, inputs.k.data, keys + j * D, D)
            : undefined,
        );
        visit(probabilities(scores), query, keys);
      }
    }
  }
}

/** out = softmax(scale q kᵀ) v over the visible keys. */
export const attention: OpReference<AttentionInputs, AttentionOptions, { out: Ref }> = {
  op: 'attention',
  forward(inputs, attrs) {
    const D = inputs.q.shape.at(-1)!;
    const out = zeros(inputs.q.shape);
    forEachQuery(inputs, attrs, (p, query, keys) => {
      p.forEach((weight, j) => {
        for (let d = 0; d < D; d++)
          out.data[query + d]! += weight * inputs.v.data[keys + j * D + d]!;
      });
    });
    return { out };
  },
  // dv_j += p_j do     ds_j = p_j (do·v_j - Σ p do·v)     dq += scale ds_j k_j     dk_j += scale ds_j q
  backward(inputs, attrs, { out: dout }) {
    const { q, k, v } = inputs;
    const { D, scale } = sizes(inputs, attrs);
    const [dq, dk, dv] = [zeros(q.shape), zeros(k.shape), zeros(v.shape)];
    forEachQuery(inputs, attrs, (p, query, keys) => {
      const dp = p.map((_, j) => dot(dout.data, query, v.data, keys + j * D, D));
      const average = p.reduce((total, weight, j) => total + weight * dp[j]!, 0);
      p.forEach((weight, j) => {
        const ds = scale * weight * (dp[j]! - average);
        for (let d = 0; d < D; d++) {
          const key = keys + j * D + d;
          dv.data[key]! += weight * dout.data[query + d]!;
          dq.data[query + d]! += ds * k.data[key]!;
          dk.data[key]! += ds * q.data[query + d]!;
        }
      });
    });
    return { q: dq, k: dk, v: dv };
  },
  args: ({ q, k, v, ...masks }, attrs) => [q, k, v, { ...attrs, ...masks }],
  // an error of the scores is a relative error of p; both sums, over D and over Tk, add theirs
  tolerance(inputs, attrs, dout) {
    const { H, Hkv, D, Tk, Tq, scale } = sizes(inputs, attrs);
    const [q, k, v] = [maxAbs(inputs.q), maxAbs(inputs.k), maxAbs(inputs.v)];
    const scores = 1 + scale * q * k;
    const dscores = scale * dout * v * scores;
    const queries = Tq * (H / Hkv); // that read one key
    return {
      forward: reduction(Math.max(D, Tk), v * scores),
      backward: {
        q: reduction(Math.max(D, Tk), dscores * k),
        k: reduction(Math.max(D, queries), dscores * q),
        v: reduction(queries, dout * scores),
      },
    };
  },
};
