// Which parameters of a model are trained: all, a few, or new ones beside them.

import { ConfigError } from '../errors.ts';
import { Bottleneck } from '../nn/bottleneck.ts';
import type { Initialiser } from '../nn/initialiser.ts';
import { type Linear, linearLayers } from '../nn/linear.ts';
import { Lora, type LoraOptions } from '../nn/lora.ts';
import type { Module } from '../nn/module.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Transformer } from './transformer.ts';

export type Method =
  | { readonly kind: 'full' }
  /** The last `layers` blocks and what follows them: norm and output weight, unless that is the embedding (Lee et al. 2019). */
  | { readonly kind: 'lastK'; readonly layers: number }
  /** Biases only (Ben-Zaken et al. 2022). */
  | { readonly kind: 'bitfit' }
  /** A bottleneck after each attention and each MLP (Houlsby et al. 2019); their norms stay frozen here. */
  | { readonly kind: 'adapter'; readonly size?: number }
  | LoraMethod;

export interface LoraMethod extends Omit<LoraOptions, 'parts'> {
  readonly kind: 'lora';
  /**
   * Linear layers by the end of their name, such as 'query', 'mlp.up', 'blocks.1.attention.output', `*` for any
   * characters; default query and value, as the paper. Packed projections have names of their own (attention.query), and
   * one as a whole (attention.qkv).
   */
  readonly targets?: readonly string[];
}

/**
 * Freezes the model but for what the method trains, of that which was trained before; adapters are made under `name`, and
 * the model computes what it did until they are selected.
 * @returns the trained tensors by name.
 * @throws ConfigError where nothing would be trained.
 */
export function trainable(
  model: Transformer,
  init: Initialiser,
  method: Method,
  name = 'default',
): Map<string, Tensor> {
  const chosen = choose(model, method);
  for (const x of model.parameters()) if (!chosen.has(x)) x.requireGrad(false);
  if (method.kind === 'lora') addLora(model, init, method, name);
  if (method.kind === 'adapter') addBottlenecks(model, init, method.size, name);
  const parameters = model.namedParameters();
  if (parameters.size > 0) return parameters;
  const why = method.kind === 'bitfit' ? 'the model has no biases' : 'all of the model is frozen';
  throw new ConfigError(`trainable: ${method.kind} leaves nothing to train: ${why}`);
}

/** The model's own parameters that stay trained. */
function choose(model: Transformer, method: Method): Set<Tensor> {
  const all = [...model.namedParameters()];
  switch (method.kind) {
    case 'full':
      return new Set(all.map(([, x]) => x));
    case 'bitfit':
      return new Set(all.filter(([name]) => name.endsWith('.bias')).map(([, x]) => x));
    case 'lastK': {
      const { layers } = method;
      const most = model.blocks.length;
      if (!(Number.isInteger(layers) && layers >= 0 && layers <= most)) {
        throw new ConfigError(`trainable: lastK of ${layers} layers, expected 0 to ${most}`);
      }
      const last: (Module | null)[] = model.blocks.slice(most - layers);
      return new Set([...last, model.norm, model.head].flatMap((part) => part?.parameters() ?? []));
    }
    default:
      return new Set();
  }
}

/** A place where LoRA can add: a layer, or a projection that is packed in one. */
export interface LoraTarget {
  readonly path: string;
  readonly layer: Linear;
  readonly layerPath: string;
  readonly part: string | null;
}

export function loraTargets(model: Module): LoraTarget[] {
  return linearLayers(model).flatMap(([layerPath, layer]) => {
    const beside = layerPath.slice(0, layerPath.lastIndexOf('.') + 1);
    const parts = Object.keys(layer.parts);
    return [
      { path: layerPath, layer, layerPath, part: null },
      ...parts.map((part) => ({ path: beside + part, layer, layerPath, part })),
    ];
  });
}

/** What the patterns mean, a layer as a whole before its parts. @throws ConfigError for a pattern that nothing matches. */
export function matchingTargets(model: Module, patterns: readonly string[]): LoraTarget[] {
  const all = loraTargets(model);
  const tests = patterns.map((target) => ({ target, pattern: patternOf(target) }));
  const missed = tests.find(({ pattern }) => !all.some(({ path }) => pattern.test(path)));
  if (missed || patterns.length === 0) {
    const known = [...new Set(all.map(({ path }) => path.replace(/^.*\d+\./, '')))].join(', ');
    throw new ConfigError(
      `lora: no linear layer's name ends with "${missed?.target ?? ''}"; the model has ${known}`,
    );
  }
  const matching = all.filter(({ path }) => tests.some(({ pattern }) => pattern.test(path)));
  const whole = new Set(matching.filter(({ part }) => part === null).map(({ layer }) => layer));
  return matching.filter(({ layer, part }) => part === null || !whole.has(layer));
}

const DEFAULT_TARGETS = ['query', 'value'];

/** Adds a LoRA to each layer that the targets mean, in the place of one of its name. @throws ConfigError for a target that nothing matches. */
export function addLora(
  model: Transformer,
  init: Initialiser,
  { targets = DEFAULT_TARGETS, kind, ...options }: LoraMethod,
  name: string,
): void {
  const wanted = matchingTargets(model, targets);
  for (const layer of new Set(wanted.map(({ layer }) => layer))) {
    const own = wanted.filter((target) => target.layer === layer);
    const parts = own.map(({ part }) => part).filter((part) => part !== null);
    const lora = new Lora(init, layer, { ...options, ...(parts.length > 0 && { parts }) });
    layer.adapters.get(name)?.dispose();
    layer.adapters.set(name, lora);
  }
}

/** A whole name, or its end after a dot. */
function patternOf(target: string): RegExp {
  const escaped = target.split('*').map((text) => text.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`(^|\\.)${escaped.join('.*')}$`);
}

function addBottlenecks(
  model: Transformer,
  init: Initialiser,
  size: number | undefined,
  name: string,
): void {
  const ends = [...model.encoderBlocks, ...model.blocks].flatMap(({ attention, mlp }) => [
    attention.output,
    mlp.down,
  ]);
  for (const layer of ends)
    layer.adapters.set(name, new Bottleneck(init, layer, { ...(size && { size }) }));
}
