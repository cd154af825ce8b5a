// Bottleneck adapters (Houlsby et al. 2019): a small MLP with a skip connection after a layer, the identity at first.

import { add } from '../ops/binary.ts';
import { linear } from '../ops/linear.ts';
import { gelu } from '../ops/unary.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Initialiser } from './initialiser.ts';
import { type Adapter, Linear } from './linear.ts';
import { Module } from './module.ts';

/** y + up(gelu(down(y))) of a layer's output y; with d outputs and m in the middle, 2 d m + d + m values. */
export class Bottleneck extends Module implements Adapter {
  /** d -> m */
  readonly down: Linear;
  /** m -> d, zeros at first */
  readonly up: Linear;

  /** `size` is m; default 16. */
  constructor(init: Initialiser, layer: Linear, { size = 16 }: { size?: number } = {}) {
    super();
    const { outputs } = layer;
    this.down = new Linear(init, outputs, size, { bias: true });
    this.up = new Linear(init, size, outputs, { bias: true, std: 0 });
  }

  apply(layer: Linear, x: Tensor): Tensor {
    const y = linear(x, layer.weight, layer.bias ?? undefined);
    return add(y, this.up.forward(gelu(this.down.forward(y))));
  }
}
