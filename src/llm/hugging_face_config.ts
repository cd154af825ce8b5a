// config.json of Hugging Face's models <-> TransformerConfig. What a file asks for and the transformer does not do is an
// error that names key and value: a model that runs and is slightly another one would be worse than none.

import { DataError } from '../errors.ts';
import type { ParsedJson, ParsedObject } from '../io/json.ts';
import { checkConfig, type TransformerConfig } from './transformer_config.ts';

/** Hugging Face's names of the architectures that are read; SmolLM is a 'llama'. */
export const MODEL_TYPES = ['llama', 'qwen2', 'qwen3', 'gpt2'] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

// Bounds of what a file can make the constructor do; GPT-3 has 96 layers, Llama 3.1 a context of 131,072.
const MAX_LAYERS = 1024;
const MAX_SIZE = 2 ** 24;

/** @throws DataError that names the key for a setting that is missing, malformed, or not supported. */
export function readConfig(file: ParsedObject, what = 'config.json'): TransformerConfig {
  const settings = new Settings(file, what);
  const type = modelTypeOf(file, what);
  settings.only('quantization_config', null);
  settings.only('is_encoder_decoder', false);
  settings.only('add_cross_attention', false);
  const config = type === 'gpt2' ? ofGpt2(settings) : ofLlama(type, settings);
  try {
    checkConfig(config);
  } catch (cause) {
    throw new DataError(`${what}: ${(cause as Error).message}`, { cause });
  }
  return config;
}

/** @throws DataError for one that is not known. */
export function modelTypeOf(file: ParsedObject, what = 'config.json'): ModelType {
  const given = file.get('model_type');
  const type = MODEL_TYPES.find((known) => known === given);
  if (type) return type;
  throw new DataError(
    `${what}: model_type is ${shown(given)}; known are ${MODEL_TYPES.join(', ')}`,
  );
}

function ofLlama(type: Exclude<ModelType, 'gpt2'>, settings: Settings): TransformerConfig {
  settings.only('hidden_act', 'silu');
  if (type === 'llama') settings.only('sliding_window', null);
  settings.only('use_sliding_window', false); // Qwen's switch, beside a sliding_window that it may leave unused
  settings.only('partial_rotary_factor', 1);
  settings.only('rope_interleaved', false); // SmolLM's has it, as false
  for (const layer of settings.list('layer_types')) {
    if (layer !== 'full_attention') settings.refuse('layer_types', layer, ['full_attention']);
  }
  const attentionBias = settings.flag('attention_bias', false);
  const mlpBias = settings.flag('mlp_bias', false);
  // The biases of all projections go together here; Qwen2's code gives queries, keys and values theirs without a setting.
  if (type !== 'llama') settings.only('attention_bias', false);
  else if (mlpBias !== attentionBias) settings.refuse('mlp_bias', mlpBias, [attentionBias]);
  const heads = settings.count('num_attention_heads');
  const width = settings.count('hidden_size');
  return {
    vocabularySize: settings.count('vocab_size'),
    context: settings.count('max_position_embeddings'),
    layers: settings.count('num_hidden_layers', { most: MAX_LAYERS }),
    heads,
    keyValueHeads: settings.count('num_key_value_heads', { otherwise: heads }),
    headSize: settings.count('head_dim', { otherwise: type === 'qwen3' ? 128 : width / heads }),
    width,
    hidden: settings.count('intermediate_size'),
    positions: 'rope',
    ropeBase: ropeBase(settings),
    norm: 'rmsNorm',
    normEps: settings.positive('rms_norm_eps', 1e-6),
    qkNorm: type === 'qwen3',
    activation: 'swiglu',
    bias: mlpBias,
    qkvBias: type === 'qwen2' || attentionBias,
    tiedEmbeddings: settings.flag('tie_word_embeddings', false),
    dropout: 0,
  };
}

/** rope_theta, which later versions of the library keep in rope_parameters. */
function ropeBase(settings: Settings): number {
  for (const key of ['rope_scaling', 'rope_parameters']) {
    const inner = settings.inner(key);
    inner?.only('rope_type', 'default');
    inner?.only('type', 'default');
    inner?.only('partial_rotary_factor', 1);
  }
  const parameters = settings.inner('rope_parameters');
  const base = settings.positive('rope_theta', 10000);
  return parameters ? parameters.positive('rope_theta', base) : base;
}

function ofGpt2(settings: Settings): TransformerConfig {
  settings.only('scale_attn_weights', true);
  settings.only('scale_attn_by_inverse_layer_idx', false);
  const activation = settings.oneOf('activation_function', 'gelu_new', GPT2_ACTIVATIONS);
  const [heads, width] = [settings.count('n_head'), settings.count('n_embd')];
  return {
    vocabularySize: settings.count('vocab_size'),
    context: settings.count('n_positions'),
    layers: settings.count('n_layer', { most: MAX_LAYERS }),
    heads,
    keyValueHeads: heads,
    width,
    hidden: settings.count('n_inner', { otherwise: 4 * width }),
    positions: 'learned',
    norm: 'layerNorm',
    normEps: settings.positive('layer_norm_epsilon', 1e-5),
    activation,
    bias: true,
    tiedEmbeddings: settings.flag('tie_word_embeddings', true),
    dropout: 0,
  };
}

const GPT2_ACTIVATIONS = new Map([
  ['gelu_new', 'geluTanh'],
  ['gelu_pytorch_tanh', 'geluTanh'],
  ['gelu', 'gelu'],
] as const);

/** The settings of a file, each checked as it is taken; null counts as absent, as it does in Hugging Face's. */
class Settings {
  constructor(
    private readonly file: ParsedObject,
    private readonly what: string,
    private readonly path = '',
  ) {}

  /** A whole number from 1 on. */
  count(key: string, { otherwise, most = MAX_SIZE }: { otherwise?: number; most?: number } = {}) {
    const value = this.file.get(key) ?? otherwise;
    const fits = typeof value === 'number' && Number.isInteger(value) && value >= 1;
    if (!fits || value > most) {
      return this.fail(key, value, `expected a whole number from 1 to ${most}`);
    }
    return value;
  }

  positive(key: string, otherwise: number): number {
    const value = this.file.get(key) ?? otherwise;
    if (typeof value === 'number' && value > 0) return value;
    return this.fail(key, value, 'expected a number above 0');
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.file.get(key) ?? otherwise;
    return typeof value === 'boolean' ? value : this.fail(key, value, 'expected true or false');
  }

  oneOf<T>(key: string, otherwise: string, known: ReadonlyMap<string, T>): T {
    const value = this.file.get(key) ?? otherwise;
    const found = known.get(value as string);
    return found ?? this.refuse(key, value, [...known.keys()]);
  }

  list(key: string): ParsedJson[] {
    const value = this.file.get(key) ?? [];
    return Array.isArray(value) ? value : this.fail(key, value, 'expected a list');
  }

  inner(key: string): Settings | undefined {
    const value = this.file.get(key) ?? undefined;
    if (value === undefined) return undefined;
    if (!(value instanceof Map)) return this.fail(key, value, 'expected an object');
    return new Settings(value, this.what, `${this.path}${key}.`);
  }

  /** The setting is absent or has one of the values: others mean something that is not done here. */
  only(key: string, ...supported: readonly ParsedJson[]): void {
    const value = this.file.get(key) ?? null;
    if (value !== null && !supported.includes(value)) this.refuse(key, value, supported);
  }

  refuse(key: string, value: ParsedJson, supported: readonly ParsedJson[]): never {
    return this.fail(key, value, `supported: ${supported.map(shown).join(', ')}`);
  }

  private fail(key: string, value: ParsedJson | undefined, expected: string): never {
    throw new DataError(`${this.what}: ${this.path}${key} is ${shown(value)}; ${expected}`);
  }
}

function shown(value: ParsedJson | undefined): string {
  if (value === undefined) return 'missing';
  if (value instanceof Map) return 'an object';
  return Array.isArray(value) ? 'a list' : JSON.stringify(value);
}
