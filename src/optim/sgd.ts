// Stochastic gradient descent with momentum, as PyTorch computes it.

import { sgdStep } from '../ops/sgd.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectAtLeast0, expectBelow1, Optimizer, type Update } from './optimizer.ts';
import type { Parameter, Slab } from './slabs.ts';

export interface SGDOptions {
  /** Learning rate, per step. No default: no value suits most problems. */
  readonly lr: number;
  /** μ. Default 0. */
  readonly momentum?: number;
}

/** u ← μ u + g;  p ← p - lr u. Without momentum, u = g takes no memory. */
export class SGD extends Optimizer {
  protected readonly moments: { readonly velocity?: readonly Tensor[] };
  private readonly momentum: number;

  /** @throws ConfigError for a setting out of its range, or when no parameter is trainable. */
  constructor(parameters: Iterable<Parameter>, { lr, momentum = 0 }: SGDOptions) {
    expectAtLeast0('SGD', { lr });
    expectBelow1('SGD', { momentum });
    super('SGD', parameters, { lr, weightDecay: 0, stepValues: 1 });
    this.momentum = momentum;
    this.moments = momentum > 0 ? { velocity: this.slabs.zerosLike() } : {};
  }

  protected stepValues(): readonly number[] {
    return [this.lr];
  }

  protected updateSlab(index: number, { parameters, gradients }: Slab, update: Update): void {
    const velocity = this.moments.velocity?.[index] ?? null;
    sgdStep({ parameters, gradients, velocity }, { ...update, momentum: this.momentum });
  }
}
