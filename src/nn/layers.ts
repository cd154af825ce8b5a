// The layers that models are made of besides Linear.

import { ConfigError } from '../errors.ts';
import { embedding } from '../ops/embedding.ts';
import { layerNorm, rmsNorm } from '../ops/norm.ts';
import { dropout } from '../ops/random.ts';
import { swiglu } from '../ops/swiglu.ts';
import { gelu } from '../ops/unary.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Initialiser } from './initialiser.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';

/** ids [...] -> rows of the table [..., width]. */
export class Embedding extends Module {
  /** [count, width] */
  readonly weight: Tensor;

  constructor(
    init: Initialiser,
    count: number,
    width: number,
    { std = 0.02 }: { std?: number } = {},
  ) {
    super();
    this.weight = init.normal([count, width], std);
  }

  forward(ids: Tensor): Tensor {
    return embedding(this.weight, ids);
  }
}

/** Root-mean-square norm over the last axis (Zhang & Sennrich 2019). */
export class RMSNorm extends Module {
  /** [width] */
  readonly weight: Tensor;

  constructor(
    init: Initialiser,
    width: number,
    private readonly eps = 1e-6,
  ) {
    super();
    this.weight = init.constant([width], 1);
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, { eps: this.eps });
  }
}

/** Layer norm over the last axis (Ba et al. 2016). Without `bias` it is held at 0. */
export class LayerNorm extends Module {
  /** [width] */
  readonly weight: Tensor;
  /** [width] */
  readonly bias: Tensor;

  constructor(init: Initialiser, width: number, { bias = true }: { bias?: boolean } = {}) {
    super();
    this.weight = init.constant([width], 1);
    this.bias = init.constant([width], 0).requireGrad(bias);
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias);
  }
}

/** Zeroes elements with probability p while training. */
export class Dropout extends Module {
  constructor(readonly p: number) {
    super();
  }

  forward(x: Tensor, training: boolean): Tensor {
    return training ? dropout(x, { p: this.p }) : x;
  }
}

export type Activation = 'gelu' | 'geluTanh' | 'swiglu';

export interface MLPOptions {
  readonly width: number;
  readonly hidden: number;
  /** 'swiglu' gates one projection by the SiLU of another (Shazeer 2020). */
  readonly activation: Activation;
  readonly bias: boolean;
  /** Standard deviation of the output projection's initial weights. */
  readonly outputStd: number;
}

/** Two projections with an activation between: [..., width] -> [..., hidden] -> [..., width]. */
export class MLP extends Module {
  readonly up: Linear;
  readonly gate: Linear | null;
  readonly down: Linear;

  constructor(
    init: Initialiser,
    private readonly options: MLPOptions,
  ) {
    super();
    const { width, hidden, activation, bias, outputStd } = options;
    if (!['gelu', 'geluTanh', 'swiglu'].includes(activation)) {
      throw new ConfigError(`MLP: activation is gelu, geluTanh or swiglu, got ${activation}`);
    }
    this.up = new Linear(init, width, hidden, { bias });
    this.gate = activation === 'swiglu' ? new Linear(init, width, hidden, { bias }) : null;
    this.down = new Linear(init, hidden, width, { bias, std: outputStd });
  }

  /** [..., width], `residual` added if given. */
  forward(x: Tensor, residual?: Tensor): Tensor {
    const up = this.up.forward(x);
    if (this.gate) return this.down.forward(swiglu(this.gate.forward(x), up), residual);
    const approximate = this.options.activation === 'gelu' ? 'none' : 'tanh';
    return this.down.forward(gelu(up, { approximate }), residual);
  }
}
