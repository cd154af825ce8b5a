// The layers that models are made of besides Linear.

import { ConfigError } from '../errors.ts';
import { embedding } from '../ops/embedding.ts';
import { layerNorm, rmsNorm } from '../ops/norm.ts';
import { dropout } from '../ops/random.ts';
import { swiglu } from '../ops/swiglu.ts';
import { square } from '../ops/unary.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Initialiser } from './initialiser.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';

/** ids [...] -> rows of the table [..., width]. */
export class Embedding extends Module {
  /** [count, width]; of a frozen table perhaps packed (`packWeight`). */
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

  readonly #eps: number;

  constructor(
    init: Initialiser,
    width: number,
    { bias = true, eps = 1e-5 }: { bias?: boolean; eps?: number | undefined } = {},
  ) {
    super();
    this.weight = init.constant([width], 1);
    this.bias = init.constant([width], 0).requireGrad(bias);
    this.#eps = eps;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, { eps: this.#eps });
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

/** 'swiglu' gates one projection by the SiLU of another (Shazeer 2020); 'relu2' is max(x, 0)² (So et al. 2021). */
export type Activation = 'gelu' | 'geluTanh' | 'swiglu' | 'relu2';

const ACTIVATIONS: readonly Activation[] = ['gelu', 'geluTanh', 'swiglu', 'relu2'];

export interface MLPOptions {
  readonly width: number;
  readonly hidden: number;
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
    if (!ACTIVATIONS.includes(activation)) {
      throw new ConfigError(
        `MLP: activation is one of ${ACTIVATIONS.join(', ')}, got ${activation}`,
      );
    }
    this.up = new Linear(init, width, hidden, { bias });
    this.gate = activation === 'swiglu' ? new Linear(init, width, hidden, { bias }) : null;
    this.down = new Linear(init, hidden, width, { bias, std: outputStd });
  }

  /** [..., width], `residual` added if given. */
  forward(x: Tensor, residual?: Tensor): Tensor {
    const { activation } = this.options;
    if (activation === 'swiglu') {
      const up = this.up.forward(x);
      return this.down.forward(swiglu(this.gate!.forward(x), up), { residual });
    }
    const squared = activation === 'relu2';
    const h = this.up.forward(x, { activation: squared ? 'relu' : activation });
    return this.down.forward(squared ? square(h) : h, { residual });
  }
}
