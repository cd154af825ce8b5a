// What attention is given: its options, what they must be, and the filter of keys that they make.

import { ShapeError } from '../errors.ts';
import { format, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { cast, denseCopy } from './copy.ts';
import { bindingStart, expectDType, expectShape } from './launch.ts';
import { concat } from './shape_ops.ts';
import { reshape } from './view.ts';

export interface AttentionOptions {
  /** Query i sees the keys up to i + Tk - Tq: the last query sees all. Default false. */
  readonly causal?: boolean;
  /** [B, Tk] i32 or u32; 0 hides a key from all queries. */
  readonly keyMask?: Tensor;
  /** [B] i32; keys from that index on are hidden. `causal` stays aligned to Tk. */
  readonly keyLengths?: Tensor;
  /**
   * [B, T, 2] i32, where Tq = Tk = T: position t sees only positions from documents[b, t, 0] up to but without
   * documents[b, t, 1], and only these see it, so that several documents lie in one row unseen by each other. Both
   * bounds may only rise along T; where they are equal the position sees nothing. See text/packing.ts.
   */
  readonly documents?: Tensor;
  /** Probability with which a weight is set to 0, the others being scaled by 1 / (1 - p). Default 0. */
  readonly dropout?: number;
  /** Factor of q kᵀ. Default 1 / √D (Vaswani et al. 2017). */
  readonly scale?: number;
}

export type Shape4 = [number, number, number, number];

/** @throws ShapeError or DTypeError for what does not fit together. */
export function checkInputs(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): void {
  for (const [name, x] of Object.entries({ q, k, v })) {
    expectDType('attention', name, x, 'f32');
    if (x.rank === 4) continue;
    throw new ShapeError(
      `attention: ${name} is ${format(x.shape)}, expected four axes [batch, heads, time, D]`,
    );
  }
  const [B, H, Tq, D] = q.shape as Shape4;
  const [, Hkv, Tk] = k.shape as Shape4;
  if (H % Hkv !== 0) {
    throw new ShapeError(
      `attention: the ${H} heads of q ${format(q.shape)} cannot share the ${Hkv} of k ${format(k.shape)} evenly`,
    );
  }
  if (!sameShape(k.shape, [B, Hkv, Tk, D]) || !sameShape(k.shape, v.shape)) {
    throw new ShapeError(
      `attention: q is ${format(q.shape)}, k ${format(k.shape)} and v ${format(v.shape)}; expected [B, H, Tq, D] and twice [B, Hkv, Tk, D]`,
    );
  }
  const { keyMask, keyLengths, documents } = options;
  if (keyMask) {
    expectDType('attention', 'keyMask', keyMask, 'i32', 'u32');
    expectShape('attention', 'keyMask', keyMask, [B, Tk]);
  }
  if (keyLengths) {
    expectDType('attention', 'keyLengths', keyLengths, 'i32', 'u32');
    expectShape('attention', 'keyLengths', keyLengths, [B]);
  }
  if (documents) {
    expectDType('attention', 'documents', documents, 'i32');
    // Queries and keys are the same positions.
    expectShape('attention', 'documents', documents, [B, Tq, 2]);
    expectShape('attention', 'documents', documents, [B, Tk, 2]);
  }
}

/** One i32 or u32 tensor of all that tells which keys are hidden, and where each part begins in it; -1: not there. */
export function keyFilterOf({ keyMask, keyLengths, documents }: AttentionOptions, none: Tensor) {
  const parts = { maskAt: keyMask, lengthsAt: keyLengths, documentsAt: documents };
  const starts = { maskAt: -1, lengthsAt: -1, documentsAt: -1 };
  const given = Object.entries(parts).filter(
    (part): part is [keyof typeof parts, Tensor] => part[1] !== undefined,
  );
  const [first, ...others] = given;
  if (!first) return { keys: none, starts };
  if (others.length === 0) {
    const keys = first[1].isDense ? first[1] : denseCopy(first[1]);
    return { keys, starts: { ...starts, [first[0]]: bindingStart(keys) } };
  }
  let length = 0;
  for (const [name, x] of given) {
    starts[name] = length;
    length += x.size;
  }
  return { keys: concat(given.map(([, x]) => reshape(cast(x, 'i32'), [-1]))), starts };
}
