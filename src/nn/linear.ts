// Linear, with a slot for named adapters: several models can share one frozen base.

import { ConfigError, TensorError } from '../errors.ts';
import { add } from '../ops/binary.ts';
import { linear } from '../ops/linear.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Initialiser } from './initialiser.ts';
import { Module } from './module.ts';

/** What may stand in for, or add to, a linear layer's product. */
export interface Adapter extends Module {
  /** x [..., in] -> [..., out], by the layer's weight and the adapter's own. */
  apply(layer: Linear, x: Tensor): Tensor;
}

export interface LinearOptions {
  /** Default false. */
  readonly bias?: boolean;
  /** Standard deviation of the initial weights. Default 0.02, GPT-2's. */
  readonly std?: number;
}

/** y = x weightᵀ + bias: x [..., in] -> [..., out]. */
export class Linear extends Module {
  /** [out, in]; of a frozen layer perhaps halves in pairs, u32 [out, in / 2]. */
  readonly weight: Tensor;
  /** [out], if the layer has one */
  readonly bias: Tensor | null;
  readonly adapters = new Map<string, Adapter>();
  /** Out of sight of `namedTensors`, which finds it among the adapters. */
  #active: Adapter | null = null;

  constructor(
    init: Initialiser,
    readonly inputs: number,
    readonly outputs: number,
    { bias = false, std = 0.02 }: LinearOptions = {},
  ) {
    super();
    this.weight = init.normal([outputs, inputs], std);
    this.bias = bias ? init.constant([outputs], 0) : null;
  }

  /** [..., out], `residual` [..., out] added if given. */
  forward(x: Tensor, residual?: Tensor): Tensor {
    if (this.#active) {
      const y = this.#active.apply(this, x);
      return residual ? add(y, residual) : y;
    }
    return linear(x, this.weight, this.bias ?? undefined, residual && { residual });
  }

  /** Whether `forward` goes through an adapter now. */
  get isAdapted(): boolean {
    return this.#active !== null;
  }

  /** Runs `fn` with `forward` going through the named adapter, if the layer has it, or past all for null. */
  using<T>(name: string | null, fn: () => T): T {
    const before = this.#active;
    this.#active = name === null ? null : (this.adapters.get(name) ?? null);
    try {
      const result = fn();
      if (result instanceof Promise) {
        throw new TensorError(
          'withAdapter: the function must be synchronous; the adapter is off after it',
        );
      }
      return result;
    } finally {
      this.#active = before;
    }
  }
}

/** Runs `fn` with one named adapter active in every layer of the model that has it; null runs the bare base. */
export function withAdapter<T>(model: Module, name: string | null, fn: () => T): T {
  const layers = [...model.modules()].filter((module) => module instanceof Linear);
  if (name !== null && !layers.some((layer) => layer.adapters.has(name))) {
    const known = [...new Set(layers.flatMap((layer) => [...layer.adapters.keys()]))];
    throw new ConfigError(
      `withAdapter: no adapter "${name}"; the model has ${known.join(', ') || 'none'}`,
    );
  }
  return layers.reduceRight((inner, layer) => () => layer.using(name, inner), fn)();
}
