// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019), as PyTorch computes it.

import { adamwStep } from '../ops/adamw.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectAtLeast0, expectBelow1, Optimizer, type Update } from './optimizer.ts';
import type { Parameters, Slab } from './slabs.ts';

/** Defaults as PyTorch. */
export interface AdamWOptions {
  /** Learning rate, per step. Default 1e-3. */
  readonly lr?: number;
  /** β₁: decay of the running mean of the gradient. Default 0.9. */
  readonly beta1?: number;
  /** β₂: decay of the running mean of its square. Default 0.999. */
  readonly beta2?: number;
  /** ε: added to the root of the mean square. Default 1e-8. */
  readonly eps?: number;
  /** ε is added to √v and not to √v̂, as TensorFlow's Adam does: then it counts √(1 - β₂^t) as much. Default false. */
  readonly plainEps?: boolean;
  /** λ: lr λ is the share by which a parameter shrinks per step, unless its group says otherwise. Default 0.01. */
  readonly weightDecay?: number;
}

/**
 *   m ← β₁ m + (1 - β₁) g        m̂ = m / (1 - β₁^t)
 *   v ← β₂ v + (1 - β₂) g²       v̂ = v / (1 - β₂^t)
 *   p ← p - lr λ p - lr m̂ / (√v̂ + ε)
 */
export class AdamW extends Optimizer {
  protected readonly moments: { readonly m: readonly Tensor[]; readonly v: readonly Tensor[] };
  private readonly settings: {
    readonly beta1: number;
    readonly beta2: number;
    readonly eps: number;
  };
  private readonly plainEps: boolean;

  /** @throws ConfigError for a setting out of its range, or when no parameter is trainable. */
  constructor(
    parameters: Parameters,
    {
      lr = 1e-3,
      beta1 = 0.9,
      beta2 = 0.999,
      eps = 1e-8,
      plainEps = false,
      weightDecay = 0.01,
    }: AdamWOptions = {},
  ) {
    expectAtLeast0('AdamW', { lr, eps, weightDecay });
    expectBelow1('AdamW', { beta1, beta2 });
    super('AdamW', parameters, { lr, weightDecay, stepValues: 3 });
    this.settings = { beta1, beta2, eps };
    this.plainEps = plainEps;
    this.moments = { m: this.slabs.zerosLike(), v: this.slabs.zerosLike() };
  }

  protected stepValues(t: number): readonly number[] {
    const { beta1, beta2 } = this.settings;
    const root = Math.sqrt(1 - beta2 ** t);
    const size = this.lr / (1 - beta1 ** t);
    // m̂ / (√v / root + ε) is root m̂ / (√v + root ε).
    return this.plainEps ? [this.lr, size * root, 1] : [this.lr, size, 1 / root];
  }

  protected updateSlab(index: number, slab: Slab, update: Update): void {
    const { parameters, gradients, weightDecay } = slab;
    const [m, v] = [this.moments.m[index]!, this.moments.v[index]!];
    adamwStep({ parameters, gradients, m, v }, { ...this.settings, ...update, weightDecay });
  }
}
