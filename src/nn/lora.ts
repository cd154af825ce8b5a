// LoRA (Hu et al. 2021): a frozen weight W plus a trained low-rank update, h = W x + s B A x; B starts at 0.

import { ConfigError } from '../errors.ts';
import { add, mul } from '../ops/binary.ts';
import { linear } from '../ops/linear.ts';
import { loraLinear } from '../ops/lora.ts';
import { matmul } from '../ops/matmul.ts';
import { dropout } from '../ops/random.ts';
import { concat, pad } from '../ops/shape_ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Initialiser } from './initialiser.ts';
import type { Adapter, Linear } from './linear.ts';
import { Module } from './module.ts';

export interface LoraOptions {
  /** r. Default 8. */
  readonly rank?: number;
  /** α: the update is scaled by s = α / r. Default 16. */
  readonly alpha?: number;
  /** s = α / √r instead, which lets large ranks learn as fast (Kalajdzievski 2023). Default false. */
  readonly rankStabilised?: boolean;
  /** Probability with which an element of x is dropped on its way to A, in training; for all parts the same. Default 0. */
  readonly dropout?: number;
  /** Of a layer that packs several projections: which of them get an update, each its own. Default: one for all outputs. */
  readonly parts?: readonly string[];
}

/** The name of the factors of a whole layer. */
export const WHOLE = 'all';

/** B A of one projection. */
export class LoraFactors extends Module {
  /** [rank, in] */
  readonly a: Tensor;
  /** [outputs of the projection, rank], zeros at first. */
  readonly b: Tensor;

  constructor(
    init: Initialiser,
    inputs: number,
    outputs: number,
    rank: number,
    /** The layer's first output that is the projection's. */
    readonly begin: number,
  ) {
    super();
    // PEFT's Kaiming-uniform with a = √5 has this bound.
    this.a = init.uniform([rank, inputs], 1 / Math.sqrt(inputs));
    this.b = init.constant([outputs, rank], 0);
  }
}

/** The low-rank update of one layer: of all its outputs by one pair of factors, or of packed projections by one pair each. */
export class Lora extends Module implements Adapter {
  /** By the projection's name, or WHOLE. */
  readonly factors: ReadonlyMap<string, LoraFactors>;
  readonly options: Readonly<Required<Omit<LoraOptions, 'parts'>>>;

  constructor(
    init: Initialiser,
    layer: Linear,
    { rank = 8, alpha = 16, rankStabilised = false, dropout = 0, parts }: LoraOptions = {},
  ) {
    super();
    if (!Number.isInteger(rank) || rank < 1)
      throw new ConfigError(`Lora: rank is ${rank}, expected a whole number from 1 on`);
    if (!(dropout >= 0 && dropout < 1))
      throw new ConfigError(`Lora: dropout is ${dropout}, expected 0 up to but without 1`);
    this.options = { rank, alpha, rankStabilised, dropout };
    const { inputs, outputs } = layer;
    const ranges = parts ? rangesOf(layer, parts) : [{ name: WHOLE, begin: 0, size: outputs }];
    this.factors = new Map(
      ranges.map(({ name, begin, size }) => [
        name,
        new LoraFactors(init, inputs, size, rank, begin),
      ]),
    );
  }

  /** s */
  get scale(): number {
    const { rank, alpha, rankStabilised } = this.options;
    return alpha / (rankStabilised ? Math.sqrt(rank) : rank);
  }

  apply(layer: Linear, x: Tensor, { training }: { readonly training: boolean }): Tensor {
    const { a, b } = this.joined(layer);
    const { dropout: p } = this.options;
    if (training && p > 0) {
      const h = mul(linear(dropout(x, { p }), a), this.scale);
      const base = linear(x, layer.weight, layer.bias ?? undefined);
      return linear(h, b, undefined, { residual: base });
    }
    const rank = a.shape[0]!;
    const y = loraLinear(x, layer.weight, a, b, { rank, alpha: this.scale * rank });
    return layer.bias ? add(y, layer.bias) : y;
  }

  /** s B A, [out, in]. */
  delta(layer: Linear): Tensor {
    const { a, b } = this.joined(layer);
    return mul(matmul(b, a), this.scale);
  }

  /** One A [R, in] and one B [out, R] that do what all factors do: R = r times their number, B zero outside its blocks. */
  private joined(layer: Linear): { a: Tensor; b: Tensor } {
    const all = [...this.factors.values()];
    const { outputs } = layer;
    const [first] = all;
    if (all.length === 1 && first!.b.shape[0] === outputs) return first!;
    const inPlace = all.map(({ b, begin }) =>
      pad(b, { before: [begin, 0], after: [outputs - begin - b.shape[0]!, 0] }),
    );
    return { a: concat(all.map(({ a }) => a)), b: concat(inPlace, { axis: 1 }) };
  }
}

/** Where the named projections' outputs lie. */
function rangesOf({ parts }: Linear, names: readonly string[]) {
  let begin = 0;
  const ranges = Object.entries(parts).map(([name, size]) => {
    begin += size;
    return { name, begin: begin - size, size };
  });
  return names.map((name) => {
    const range = ranges.find((each) => each.name === name);
    if (range) return range;
    const known = Object.keys(parts).join(', ') || 'none';
    throw new ConfigError(`Lora: the layer has no part "${name}"; it has ${known}`);
  });
}
