// Linear, with a slot for named adapters: several models can share one frozen base.

import { ConfigError, TensorError } from '../errors.ts';
import { add } from '../ops/binary.ts';
import { copyInto, denseCopy } from '../ops/copy.ts';
import { activated, linear, type LinearOptions as ProductOptions } from '../ops/linear.ts';
import { scope } from '../tensor/scope.ts';
import { noGrad } from '../tensor/tape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Initialiser } from './initialiser.ts';
import { Module } from './module.ts';

/** What may stand in for, or add to, a linear layer's product. */
export interface Adapter extends Module {
  /** x [..., in] -> [..., out], by the layer's weight and the adapter's own. `training` switches its dropout on. */
  apply(layer: Linear, x: Tensor, options: { readonly training: boolean }): Tensor;
  /** What it adds to the layer's weight [out, in], where that is all it does: then it can be merged. */
  delta?(layer: Linear): Tensor;
}

export interface LinearOptions {
  /** Default false. */
  readonly bias?: boolean;
  /** Standard deviation of the initial weights. Default 0.02, GPT-2's. */
  readonly std?: number;
  /** Several projections in one product: their names and numbers of outputs, in order. Default: one, without a name. */
  readonly parts?: Readonly<Record<string, number>>;
}

/** y = x weightᵀ + bias: x [..., in] -> [..., out]. */
export class Linear extends Module {
  /** [out, in]; of a frozen layer perhaps packed (`packWeight`). */
  readonly weight: Tensor;
  /** [out], if the layer has one */
  readonly bias: Tensor | null;
  readonly parts: Readonly<Record<string, number>>;
  readonly adapters = new Map<string, Adapter>();
  // Out of sight of `namedTensors`, which finds the adapter among `adapters`, and must not find the copy.
  #active: Adapter | null = null;
  #training = false;
  #merged: { readonly name: string; readonly weight: Tensor } | null = null;

  constructor(
    init: Initialiser,
    readonly inputs: number,
    readonly outputs: number,
    { bias = false, std = 0.02, parts = {} }: LinearOptions = {},
  ) {
    super();
    this.weight = init.normal([outputs, inputs], std);
    this.bias = bias ? init.constant([outputs], 0) : null;
    this.parts = parts;
  }

  /** [..., out], then the activation, then `residual` [..., out] added. */
  forward(x: Tensor, options: ProductOptions = {}): Tensor {
    const { activation, residual } = options;
    if (this.#active) {
      const y = activated(this.#active.apply(this, x, { training: this.#training }), activation);
      return residual ? add(y, residual) : y;
    }
    return linear(x, this.weight, this.bias ?? undefined, options);
  }

  /** Whether `forward` goes through an adapter now. */
  get isAdapted(): boolean {
    return this.#active !== null;
  }

  /** The adapter that is part of the weight now. */
  get merged(): string | null {
    return this.#merged?.name ?? null;
  }

  /** From now on `forward` goes through the named adapter, if the layer has it, or past all for null. */
  select(name: string | null, { training = false }: { training?: boolean } = {}): void {
    if (this.#merged) {
      throw new ConfigError(
        `adapter "${this.#merged.name}" is merged into the weights; unmergeAdapter() first`,
      );
    }
    this.#active = name === null ? null : (this.adapters.get(name) ?? null);
    this.#training = training;
  }

  /** Runs `fn` with `forward` going through the named adapter, if the layer has it, or past all for null. */
  using<T>(name: string | null, fn: () => T, options: { training?: boolean } = {}): T {
    const before = [this.#active, this.#training] as const;
    this.select(name, options);
    try {
      const result = fn();
      if (result instanceof Promise) {
        throw new TensorError(
          'withAdapter: the function must be synchronous; the adapter is off after it',
        );
      }
      return result;
    } finally {
      [this.#active, this.#training] = before;
    }
  }

  /** Adds what the named adapter does, if the layer has it, to the weight in its place. */
  merge(name: string): void {
    const adapter = this.adapters.get(name);
    if (!adapter) return;
    this.select(null);
    const { weight } = this;
    if (!adapter.delta || weight.dtype !== 'f32') {
      const why = adapter.delta
        ? `the weight is packed (${weight.storage.packed})`
        : 'it does more than to add to a weight';
      throw new ConfigError(`mergeAdapter: "${name}" cannot be merged: ${why}`);
    }
    this.#merged = { name, weight: Object.assign(denseCopy(weight), { kept: true }) };
    scope(() => noGrad(() => copyInto(weight, add(weight, adapter.delta!(this)))));
  }

  /** Brings the weight back, bit for bit, from the copy that `merge` made: W + ΔW - ΔW would be W but for rounding. */
  unmerge(): void {
    if (!this.#merged) return;
    copyInto(this.weight, this.#merged.weight);
    this.#merged.weight.dispose();
    this.#merged = null;
  }

  override dispose(): void {
    this.#merged?.weight.dispose();
    super.dispose();
  }
}

/** The model's own linear layers by name; those inside of adapters are not among them. */
export function linearLayers(model: Module): [name: string, layer: Linear][] {
  return [...model.namedModules()].filter(
    (each): each is [string, Linear] => each[1] instanceof Linear && !/\badapters\./.test(each[0]),
  );
}

/** The layers of the model. @throws ConfigError when none has the named adapter. */
function layersFor(what: string, model: Module, name: string | null): Linear[] {
  const layers = linearLayers(model).map(([, layer]) => layer);
  if (name !== null && !layers.some((layer) => layer.adapters.has(name))) {
    const known = [...new Set(layers.flatMap((layer) => [...layer.adapters.keys()]))];
    throw new ConfigError(
      `${what}: no adapter "${name}"; the model has ${known.join(', ') || 'none'}`,
    );
  }
  return layers;
}

/**
 * Runs `fn` with one named adapter active in every layer of the model that has it; null runs the bare base. `training`
 * (default false) switches the adapter's own dropout on.
 */
export function withAdapter<T>(
  model: Module,
  name: string | null,
  fn: () => T,
  options: { readonly training?: boolean } = {},
): T {
  const layers = layersFor('withAdapter', model, name);
  return layers.reduceRight((inner, layer) => () => layer.using(name, inner, options), fn)();
}

/** From now on the model runs with the named adapter, or bare for null; `withAdapter` overrides it for its function. */
export function setAdapter(model: Module, name: string | null): void {
  for (const layer of layersFor('setAdapter', model, name)) layer.select(name);
}

/**
 * Adds the named adapter to the weights of the layers that have it, so that it costs nothing any more: W ← W + ΔW. The
 * weights from before are kept beside, for `unmergeAdapter`. Until then the model runs with this adapter only.
 * @throws ConfigError, with no weight changed, for an adapter that does more than to add to weights, or where one is
 *   merged already.
 */
export function mergeAdapter(model: Module, name: string): void {
  const layers = layersFor('mergeAdapter', model, name);
  const done: Linear[] = [];
  try {
    for (const layer of layers) {
      layer.merge(name);
      done.push(layer);
    }
  } catch (error) {
    for (const layer of done) layer.unmerge();
    throw error;
  }
}

/** Undoes `mergeAdapter`, bit for bit. */
export function unmergeAdapter(model: Module): void {
  for (const [, layer] of linearLayers(model)) layer.unmerge();
}
