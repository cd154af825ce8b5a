// Module: named parameters, found by walking a module's own fields.

import { DataError } from '../errors.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

export type TensorValues = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: ArrayLike<number> }
>;

/** A part of a model. Fields that are tensors, modules or lists of modules make up its parameters, by name. */
export abstract class Module {
  /** All tensors by dotted name, frozen ones included, in the order of the fields: `blocks.0.attention.qkv.weight`. */
  namedTensors(prefix = ''): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    for (const [field, value] of Object.entries(this)) visit(`${prefix}${field}`, value, found);
    return found;
  }

  /** The tensors that are trained. */
  namedParameters(): Map<string, Tensor> {
    return new Map([...this.namedTensors()].filter(([, x]) => x.requiresGrad));
  }

  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Every module below this one, itself first. */
  *modules(): Generator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** The same with their dotted names, as in `namedTensors`; this module's own is `name`. */
  *namedModules(name = ''): Generator<[name: string, module: Module]> {
    yield [name, this];
    const prefix = name && `${name}.`;
    for (const [field, value] of Object.entries(this)) yield* modulesIn(prefix + field, value);
  }

  /** Overwrites the tensors with the given values. @throws DataError when a name is missing or a shape differs. */
  load(values: TensorValues): void {
    loadTensors(this.namedTensors(), values);
  }

  /** Puts `x` in the place of the named tensor, and frees that. @throws DataError for a name that there is not. */
  replace(name: string, x: Tensor): void {
    const { holder, field, own } = placeOf('replace', this, name);
    own.dispose();
    holder[field] = x;
  }

  /** Frees all tensors of the module. */
  dispose(): void {
    for (const x of this.namedTensors().values()) x.dispose();
  }
}

/** Overwrites tensors with the values of their names. @throws DataError when a name is missing or a shape differs. */
export function loadTensors(own: ReadonlyMap<string, Tensor>, values: TensorValues): void {
  const missing = [...own.keys()].filter((name) => !values.has(name));
  if (missing.length > 0)
    throw new DataError(`load: no values for ${missing.slice(0, 5).join(', ')}`);
  for (const [name, x] of own) {
    const { shape, data } = values.get(name)!;
    if (!sameShape(shape, x.shape)) {
      throw new DataError(
        `load: ${name} is [${x.shape.join(', ')}], the file has [${shape.join(', ')}]`,
      );
    }
    x.write(data);
  }
}

function visit(name: string, value: unknown, found: Map<string, Tensor>): void {
  if (value instanceof Tensor) found.set(name, value);
  else if (value instanceof Module)
    for (const [inner, x] of value.namedTensors(`${name}.`)) found.set(inner, x);
  else if (Array.isArray(value))
    for (const [i, item] of value.entries()) visit(`${name}.${i}`, item, found);
  else if (value instanceof Map)
    for (const [key, item] of value) visit(`${name}.${key}`, item, found);
}

/** Where the named tensor is. @throws DataError for a name that there is not */
function placeOf(what: string, module: Module, name: string) {
  const path = name.split('.');
  const field = path.pop()!;
  const holder = path.reduce<unknown>(fieldOf, module) as Record<string, unknown> | undefined;
  const own = fieldOf(holder, field);
  if (holder && own instanceof Tensor) return { holder, field, own };
  throw new DataError(`${what}: no tensor ${name}`);
}

function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return undefined;
  return (value as Record<string, unknown>)[field];
}

function* modulesIn(name: string, value: unknown): Generator<[string, Module]> {
  if (value instanceof Module) yield* value.namedModules(name);
  else if (Array.isArray(value) || value instanceof Map)
    for (const [key, item] of value.entries()) yield* modulesIn(`${name}.${key}`, item);
}

/**
 * Runs `fn` with other tensors in the places of the module's named ones, which come back after it.
 * @throws DataError for a name that there is not
 */
export function substituted<T>(
  module: Module,
  tensors: ReadonlyMap<string, Tensor>,
  fn: () => T,
): T {
  const places = [...tensors].map(([name, x]) => ({ ...placeOf('substituted', module, name), x }));
  try {
    for (const { holder, field, x } of places) holder[field] = x;
    return fn();
  } finally {
    for (const { holder, field, own } of places) holder[field] = own;
  }
}
