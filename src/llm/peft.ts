// LoRA adapters in the format of Hugging Face's PEFT: adapter_config.json and adapter_model.safetensors, both ways.
//
//   base_model.model.<module>.lora_A.weight [r, in]    base_model.model.<module>.lora_B.weight [out, r]
//
// A module is a linear layer of the other library's model: of a packed projection here, one of its parts.

import { ConfigError, DataError } from '../errors.ts';
import type { Folder } from '../io/folder.ts';
import type { HostTensor } from '../io/host_tensor.ts';
import { decodeUtf8, type ParsedObject, parseJson } from '../io/json.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import type { Initialiser } from '../nn/initialiser.ts';
import { Lora, type LoraFactors, type LoraOptions, WHOLE } from '../nn/lora.ts';
import type { Module } from '../nn/module.ts';
import { halfToFloat } from '../tensor/half.ts';
import { format, sameShape } from '../tensor/shape.ts';
import { type LoraTarget, loraTargets } from './trainable.ts';

export const PEFT_CONFIG = 'adapter_config.json';
export const PEFT_MODEL = 'adapter_model.safetensors';

/** How the other library's model differs from ours. */
export interface PeftNames {
  /** What it calls a layer, or a part of one; null where it has no such module. Default: the path here. */
  readonly moduleName?: (target: LoraTarget) => string | null;
  /** Whether it keeps weights as [in, out]. Default false. */
  readonly fanInFanOut?: boolean;
}

export interface PeftOptions extends PeftNames {
  /** The adapter's name in the model. Default 'default', which is PEFT's too. */
  readonly name?: string;
}

export interface SavePeftOptions extends PeftOptions {
  /** What adapter_config.json says of the base. */
  readonly baseModel?: string;
}

/** Writes the named LoRA. @throws ConfigError where the model has none, or one that PEFT cannot express. */
export async function savePeft(
  folder: Folder,
  model: Module,
  options: SavePeftOptions = {},
): Promise<void> {
  const { name = 'default', moduleName = asHere, fanInFanOut = false, baseModel = '' } = options;
  const adapted = adaptedTargets(model, name);
  const [first] = adapted;
  if (!first) throw new ConfigError(`savePeft: the model has no LoRA named "${name}"`);
  checkPeftTargets(
    adapted.map(({ target }) => target),
    { moduleName },
  );
  const settings = first.lora.options;
  const tensors = new Map<string, HostTensor>();
  const modules: string[] = [];
  for (const { target, lora, factors } of adapted) {
    const module = moduleName(target)!;
    if (JSON.stringify(lora.options) !== JSON.stringify(settings))
      throw new ConfigError('savePeft: the layers differ in rank, alpha or dropout');
    modules.push(module);
    const names = tensorNames(module);
    for (const [tensor, x] of [
      [names.a, factors.a],
      [names.b, factors.b],
    ] as const) {
      tensors.set(tensor, { dtype: 'f32', shape: x.shape, data: await x.data() });
    }
  }
  const every = loraTargets(model).flatMap((target) => moduleName(target) ?? []);
  const config = {
    base_model_name_or_path: baseModel,
    bias: 'none',
    fan_in_fan_out: fanInFanOut,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: settings.alpha,
    lora_dropout: settings.dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: settings.rank,
    target_modules: targetModules(modules, every),
    task_type: 'CAUSAL_LM',
    use_rslora: settings.rankStabilised,
  };
  await folder.write(PEFT_MODEL, writeSafetensors(tensors, new Map([['format', 'pt']])));
  const text = `${JSON.stringify(config, null, 2)}\n`;
  await folder.write(PEFT_CONFIG, new TextEncoder().encode(text));
}

/**
 * Reads a LoRA into the model, under a name; the values are kept in f32.
 * @throws DataError, with nothing added to the model, for files that are malformed, for tensors of modules that the model does
 *   not have, and for kinds of LoRA that are not supported here.
 */
export async function loadPeft(
  folder: Folder,
  model: Module,
  init: Initialiser,
  { name = 'default', moduleName = asHere }: PeftOptions = {},
): Promise<void> {
  const what = `${folder.location}/${PEFT_CONFIG}`;
  const parsed = parseJson(decodeUtf8(await folder.read(PEFT_CONFIG), what), { what });
  if (!(parsed instanceof Map)) throw new DataError(`${what}: expected an object`);
  const options = readConfig(parsed, what);
  const file = `${folder.location}/${PEFT_MODEL}`;
  const { tensors } = readSafetensors(await folder.read(PEFT_MODEL), file);
  const left = new Map(tensors);
  const found = loraTargets(model).flatMap((target) => {
    const module = moduleName(target);
    const names = module === null ? null : tensorNames(module);
    if (!names || !(left.has(names.a) || left.has(names.b))) return [];
    const [a, b] = [names.a, names.b].map((tensor) => taken(left, tensor, file));
    const { layer, part } = target;
    const outputs = part === null ? layer.outputs : layer.parts[part]!;
    expectShape(file, names.a, a!, [options.rank, layer.inputs]);
    expectShape(file, names.b, b!, [outputs, options.rank]);
    return [{ target, a: floats(names.a, a!, file), b: floats(names.b, b!, file) }];
  });
  if (left.size > 0) {
    const some = [...left.keys()].slice(0, 3).join(', ');
    throw new DataError(
      `${file}: the model has no layer for ${some} (${left.size} of ${tensors.size} tensors)`,
    );
  }
  if (found.length === 0) throw new DataError(`${file}: no tensors`);
  addLoras(init, found, options, name);
}

interface Found {
  readonly target: LoraTarget;
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
}

function addLoras(
  init: Initialiser,
  found: readonly Found[],
  options: LoraOptions,
  name: string,
): void {
  for (const layer of new Set(found.map(({ target }) => target.layer))) {
    const own = found.filter(({ target }) => target.layer === layer);
    const parts = own.map(({ target }) => target.part).filter((part) => part !== null);
    const lora = new Lora(init, layer, { ...options, ...(parts.length > 0 && { parts }) });
    for (const { target, a, b } of own) {
      const factors = lora.factors.get(target.part ?? WHOLE)!;
      factors.a.write(a);
      factors.b.write(b);
    }
    layer.adapters.get(name)?.dispose();
    layer.adapters.set(name, lora);
  }
}

const asHere = ({ path }: LoraTarget): string | null => path;

function tensorNames(module: string): { a: string; b: string } {
  const prefix = `base_model.model.${module}`;
  return { a: `${prefix}.lora_A.weight`, b: `${prefix}.lora_B.weight` };
}

/** Packed projections are one module in GPT-2 and several in Llama. */
function adviceFor({ layer, layerPath, part }: LoraTarget): string {
  return part === null
    ? `adapt its parts: ${Object.keys(layer.parts).join(', ')}`
    : `adapt ${layerPath}`;
}

/** @throws ConfigError for targets that PEFT's format has no modules for, before they are trained. */
export function checkPeftTargets(
  targets: readonly LoraTarget[],
  { moduleName = asHere }: PeftNames,
): void {
  const nameless = targets.find((target) => moduleName(target) === null);
  if (nameless)
    throw new ConfigError(
      `PEFT's format has no module for ${nameless.path}; ${adviceFor(nameless)}`,
    );
}

interface Adapted {
  readonly target: LoraTarget;
  readonly lora: Lora;
  readonly factors: LoraFactors;
}

function adaptedTargets(model: Module, name: string): Adapted[] {
  return loraTargets(model).flatMap((target) => {
    const lora = target.layer.adapters.get(name);
    const factors = lora instanceof Lora ? lora.factors.get(target.part ?? WHOLE) : undefined;
    return factors ? [{ target, lora: lora as Lora, factors }] : [];
  });
}

/** Ends of names, as people write them, where these mean exactly the given modules; else the names in full. */
function targetModules(modules: readonly string[], every: readonly string[]): string[] {
  const end = (module: string) => module.slice(module.lastIndexOf('.') + 1);
  const ends = [...new Set(modules.map(end))].sort();
  const meant = every.filter((module) => ends.includes(end(module)));
  return meant.length === modules.length ? ends : [...modules].sort();
}

function readConfig(config: ParsedObject, what: string): Required<Omit<LoraOptions, 'parts'>> {
  const type = config.get('peft_type');
  if (type !== 'LORA')
    throw new DataError(`${what}: peft_type is ${JSON.stringify(type)}, expected "LORA"`);
  // What is absent, null, false or empty asks for nothing.
  for (const key of [
    'use_dora',
    'use_qalora',
    'modules_to_save',
    'rank_pattern',
    'alpha_pattern',
    'lora_bias',
  ]) {
    const value = config.get(key) ?? false;
    const empty =
      value instanceof Map ? value.size === 0 : Array.isArray(value) && value.length === 0;
    if (value !== false && !empty) throw new DataError(`${what}: ${key} is not supported`);
  }
  const bias = config.get('bias') ?? 'none';
  if (bias !== 'none')
    throw new DataError(`${what}: bias is ${JSON.stringify(bias)}, expected "none"`);
  const number = (key: string, fallback: number, fits: (value: number) => boolean): number => {
    const value = config.get(key) ?? fallback;
    if (typeof value === 'number' && fits(value)) return value;
    throw new DataError(`${what}: ${key} is ${JSON.stringify(value)}, which is out of its range`);
  };
  return {
    rank: number('r', 8, (r) => Number.isInteger(r) && r >= 1 && r <= 1 << 16),
    alpha: number('lora_alpha', 8, Number.isFinite),
    dropout: number('lora_dropout', 0, (p) => p >= 0 && p < 1),
    rankStabilised: config.get('use_rslora') === true,
  };
}

/** Removes a tensor from those that are left. */
function taken(left: Map<string, HostTensor>, name: string, file: string): HostTensor {
  const x = left.get(name);
  if (!x) throw new DataError(`${file}: tensor ${name} is missing`);
  left.delete(name);
  return x;
}

function expectShape(
  file: string,
  name: string,
  { shape }: HostTensor,
  expected: readonly number[],
): void {
  if (sameShape(shape, expected)) return;
  throw new DataError(`${file}: tensor ${name} is ${format(shape)}, expected ${format(expected)}`);
}

function floats(name: string, { dtype, data }: HostTensor, file: string): ArrayLike<number> {
  if (dtype === 'f32') return data as Float32Array;
  if (dtype === 'f16') return Float32Array.from(data as Uint16Array, halfToFloat);
  if (dtype === 'bf16') {
    const bits = Uint32Array.from(data as Uint16Array, (half) => half << 16);
    return new Float32Array(bits.buffer);
  }
  throw new DataError(`${file}: tensor ${name} is ${dtype}, expected f32, f16 or bf16`);
}
