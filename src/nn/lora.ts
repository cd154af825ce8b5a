// LoRA (Hu et al. 2021): a frozen weight W plus a trained low-rank update, h = W x + (α/r) B A x; B starts at 0.

import { add } from '../ops/binary.ts';
import { loraLinear } from '../ops/lora.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Initialiser } from './initialiser.ts';
import type { Adapter, Linear } from './linear.ts';
import { Module } from './module.ts';

export interface LoraOptions {
  /** Default 8. */
  readonly rank?: number;
  /** The update is scaled by alpha / rank. Default 16. */
  readonly alpha?: number;
}

/** The low-rank update of one layer. */
export class Lora extends Module implements Adapter {
  /** [rank, in] */
  readonly a: Tensor;
  /** [out, rank], zeros at first: the adapted layer starts as the base. */
  readonly b: Tensor;
  private readonly settings: Required<LoraOptions>;

  constructor(init: Initialiser, layer: Linear, { rank = 8, alpha = 16 }: LoraOptions = {}) {
    super();
    const { inputs, outputs } = layer;
    this.settings = { rank, alpha };
    // PEFT's Kaiming-uniform with a = √5 has this bound.
    this.a = init.uniform([rank, inputs], 1 / Math.sqrt(inputs));
    this.b = init.constant([outputs, rank], 0);
  }

  apply(layer: Linear, x: Tensor): Tensor {
    const y = loraLinear(x, layer.weight, this.a, this.b, this.settings);
    return layer.bias ? add(y, layer.bias) : y;
  }
}
