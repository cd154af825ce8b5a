// Names of tensors: ours <-> Hugging Face's. Queries, keys and values are one matrix here; GPT-2's projections lie transposed in
// the file, [in, out], as its Conv1D has them.

import type { Shape } from '../tensor/shape.ts';
import type { ModelType } from './hugging_face_config.ts';
import { headSizeOf, type TransformerConfig } from './transformer_config.ts';

/** A tensor of a file; several, one below the other along the first axis, make one of ours. */
export interface Source {
  readonly name: string;
  /** In the file. */
  readonly shape: Shape;
  /** The file has [in, out] of what is [out, in] here. */
  readonly transposed: boolean;
}

interface Names {
  /** Before all names but the head's; files of the bare model, without a head, leave it out. */
  readonly prefix: string;
  readonly layers: string;
  readonly transposed: boolean;
  /** Modules outside the layers, and in each. */
  readonly outside: Readonly<Record<string, string>>;
  readonly inside: Readonly<Record<string, readonly string[]>>;
  /** Buffers that old files carry along: nothing that was learned. */
  readonly ignored: RegExp;
}

const HEAD = 'lm_head';

const LLAMA: Names = {
  prefix: 'model.',
  layers: 'layers',
  transposed: false,
  outside: { tokens: 'embed_tokens', norm: 'norm' },
  inside: {
    attentionNorm: ['input_layernorm'],
    'attention.qkv': ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
    'attention.queryNorm': ['self_attn.q_norm'],
    'attention.keyNorm': ['self_attn.k_norm'],
    'attention.output': ['self_attn.o_proj'],
    mlpNorm: ['post_attention_layernorm'],
    'mlp.up': ['mlp.up_proj'],
    'mlp.gate': ['mlp.gate_proj'],
    'mlp.down': ['mlp.down_proj'],
  },
  ignored: /\.rotary_emb\.inv_freq$/,
};

const GPT2: Names = {
  prefix: 'transformer.',
  layers: 'h',
  transposed: true,
  outside: { tokens: 'wte', positions: 'wpe', norm: 'ln_f' },
  inside: {
    attentionNorm: ['ln_1'],
    'attention.qkv': ['attn.c_attn'],
    'attention.output': ['attn.c_proj'],
    mlpNorm: ['ln_2'],
    'mlp.up': ['mlp.c_fc'],
    'mlp.down': ['mlp.c_proj'],
  },
  ignored: /\.attn\.(bias|masked_bias)$/,
};

const namesOf = (type: ModelType) => (type === 'gpt2' ? GPT2 : LLAMA);

/** What a file that has these names puts before them; for a new file the usual. */
export function prefixIn(type: ModelType, names: Iterable<string> = []): string {
  const { prefix, outside } = namesOf(type);
  const bare = `${outside.tokens}.weight`;
  return [...names].includes(bare) ? '' : prefix;
}

/** Whether a file may hold the tensor besides those of the model: also a head that is tied, and so not read. */
export function isIgnored(type: ModelType, name: string, config: TransformerConfig): boolean {
  return namesOf(type).ignored.test(name) || (config.tiedEmbeddings && name === `${HEAD}.weight`);
}

/** What makes up our tensor `name` of that shape. */
export function sourcesOf(
  type: ModelType,
  name: string,
  shape: Shape,
  config: TransformerConfig,
  prefix: string,
): Source[] {
  const { layers, outside, inside, transposed } = namesOf(type);
  const dot = name.lastIndexOf('.');
  const [module, field] = [name.slice(0, dot), name.slice(dot + 1)];
  const whole = (path: string) => [{ name: `${path}.${field}`, shape, transposed: false }];
  if (module === 'head') return whole(HEAD);
  const [, layer, part] = /^blocks\.(\d+)\.(.*)$/.exec(module) ?? [];
  if (part === undefined) return whole(`${prefix}${outside[module]}`);
  const modules = inside[part]!;
  const rows = modules.length === 1 ? [shape[0]!] : rowsOfQkv(config);
  return modules.map((path, i) => {
    const turned = transposed && shape.length === 2;
    const own = [rows[i]!, ...shape.slice(1)];
    const at = `${prefix}${layers}.${layer}.${path}.${field}`;
    return { name: at, shape: turned ? own.reverse() : own, transposed: turned };
  });
}

function rowsOfQkv(config: TransformerConfig): number[] {
  const { heads, keyValueHeads } = config;
  return [heads, keyValueHeads, keyValueHeads].map((count) => count * headSizeOf(config));
}
